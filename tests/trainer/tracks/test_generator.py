"""Generated tracks: the same from the same seed, as long and wide as asked, and always fair."""

from __future__ import annotations

import numpy as np
import pytest

from shared.errors import TrackError
from trainer.tracks import Track, check_track, generate_track, load_track


def radii_m(track: Track) -> np.ndarray:
    """Radius that a car feels over half a metre, along the lap."""
    arcs = np.arange(0.0, track.length_m, 0.1)
    turns = track.heading_rad(arcs + 0.25) - track.heading_rad(arcs - 0.25)
    turns = np.pi - np.mod(np.pi - turns, 2 * np.pi)
    return 0.5 / np.maximum(np.abs(turns), 1e-9)


def test_one_seed_is_one_track() -> None:
    first, second, other = generate_track(11), generate_track(11), generate_track(12)
    assert first.waypoints_m.tobytes() == second.waypoints_m.tobytes()
    assert first.left_border_m.tobytes() == second.left_border_m.tobytes()
    assert first.length_m != other.length_m


def test_a_generated_track_is_found_by_its_seed() -> None:
    assert load_track("generated_11").waypoints_m.tobytes() == generate_track(11).waypoints_m.tobytes()


@pytest.mark.parametrize("seed", range(30))
def test_every_seed_gives_a_fair_track(seed: int) -> None:
    track = generate_track(seed)
    check_track(track)
    left, right = track.half_widths_m(track.waypoint_arcs_m)
    assert track.closed
    assert 15.0 < track.length_m < 70.0
    assert min(left.min(), right.min()) > 0.27
    assert radii_m(track).min() > 0.33  # a car turns in 0.3 m


@pytest.mark.parametrize(
    ("length_m", "width_m", "tightness"),
    [
        (12.0, 0.6, 1.0),
        (17.7, 0.76, 0.5),
        (23.1, 1.07, 0.8),
        (60.0, 1.07, 1.0),
        (45.0, 2.0, 0.2),
        (100.0, 0.9, 0.7),
    ],
)
def test_length_and_width_are_as_asked(length_m: float, width_m: float, tightness: float) -> None:
    track = generate_track(5, length_m=length_m, width_m=width_m, tightness=tightness, width_variation=0.0)
    assert track.length_m == pytest.approx(length_m, abs=1e-3)
    assert track.mean_width_m == pytest.approx(width_m, rel=1e-6)
    assert radii_m(track).min() > 0.5 * width_m


@pytest.mark.parametrize("seed", range(8))
def test_the_width_varies_as_much_as_asked(seed: int) -> None:
    track = generate_track(seed, length_m=40.0, width_m=0.9, tightness=0.4, width_variation=0.5)
    widths = track.width_m(track.waypoint_arcs_m)
    assert track.mean_width_m == pytest.approx(0.9, rel=0.01)
    assert 1.15 < widths.max() / widths.min() < 1.52


def test_a_varying_width_leaves_a_road_everywhere() -> None:
    for seed in range(8):
        track = generate_track(seed, length_m=40.0, width_m=0.8, width_variation=2.5)
        widths = track.width_m(track.waypoint_arcs_m)
        assert track.mean_width_m == pytest.approx(0.8, rel=0.01)
        assert widths.min() > 0.55


@pytest.mark.parametrize("seed", range(20))
def test_borders_never_run_backwards_and_roads_keep_apart(seed: int) -> None:
    track = generate_track(seed, length_m=45.0, width_m=0.9, tightness=0.85, width_variation=2.0)
    steps = np.diff(track.waypoints_m, axis=0)
    for border in (track.left_border_m, track.right_border_m):
        assert ((np.diff(border, axis=0) * steps).sum(axis=1) > 0).all()
    # Roads with a fence 0.1 m beside them would still be apart.
    centre, left, right = track.waypoints_m, track.left_border_m, track.right_border_m
    check_track(Track("fenced", True, centre, moved_out(left, centre), moved_out(right, centre)))


def moved_out(border: np.ndarray, centre: np.ndarray) -> np.ndarray:
    outwards = border - centre
    fence: np.ndarray = border + 0.1 * outwards / np.hypot(*outwards.T)[:, None]
    return fence


@pytest.mark.parametrize("seed", [*range(10), 149, 165, 186, 197])  # smoothing sharpens the later ones
def test_no_corner_is_tighter_than_its_tightness_allows(seed: int) -> None:
    # At tightness 0.5 the inner border keeps sqrt(0.9 * 0.04) = 0.19 m of radius.
    assert radii_m(generate_track(seed, 30.0, 0.8, 0.5, 0.0)).min() > 0.93 * (0.4 + 0.19)


def test_tightness_makes_corners_tighter() -> None:
    smallest = [
        np.median([radii_m(generate_track(seed, 30.0, 0.8, tightness, 0.0)).min() for seed in range(12)])
        for tightness in (0.0, 0.5, 1.0)
    ]
    assert smallest[0] > 1.3 * smallest[1] > 1.3 * smallest[2]


def test_generated_tracks_are_as_varied_as_raced_ones() -> None:
    tracks = [generate_track(seed) for seed in range(40)]
    tightest = np.array([radii_m(track).min() for track in tracks])
    straight = np.array([np.mean(radii_m(track) > 8.0) for track in tracks])
    left_turns = np.array([np.sign(track.curvature_1pm(np.arange(0, track.length_m)).sum()) for track in tracks])
    widths = np.array([track.mean_width_m for track in tracks])
    assert abs(left_turns.sum()) < 25
    assert (tightest < 0.7).sum() >= 8
    assert (straight > 0.5).sum() >= 4
    assert (straight < 0.3).sum() >= 4
    assert widths.min() < 0.7 < 1.05 < widths.max()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "Give 0 or more"),
        ({"seed": 1, "length_m": 3.0}, "length_m = 3 is not possible"),
        ({"seed": 1, "length_m": float("nan")}, "length_m = nan is not possible"),
        ({"seed": 1, "width_m": 0.1}, "width_m = 0.1 is not possible"),
        ({"seed": 1, "tightness": 1.5}, "tightness = 1.5 is not possible"),
        ({"seed": 1, "width_variation": 2.9}, "width_variation = 2.9 is not possible"),
        ({"seed": 1, "length_m": 20.0, "width_m": 2.5}, "Give a length_m of at least 30"),
    ],
)
def test_arguments_that_make_no_track_are_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(TrackError, match=message):
        generate_track(**arguments)
