"""Track geometry by hand-worked figures, and the laws that hold on every track."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import TrackError
from trainer.tracks import Track, generate_track, list_tracks, load_track

NAMES = [info.name for info in list_tracks()]


def square(width_m: float = 1.0, closed: bool = True) -> Track:
    """A 4 m x 4 m square driven counter-clockwise from the origin, one waypoint a metre."""
    side = np.arange(4.0)
    zero = np.zeros(4)
    centre = np.concatenate(
        [np.stack(p, -1) for p in ((side, zero), (zero + 4, side), (4 - side, zero + 4), (zero, 4 - side))]
    )
    centre = np.concatenate((centre, centre[:1]))
    middle = np.array([2.0, 2.0])
    inner = middle + (centre - middle) * (2.0 - width_m / 2) / 2.0
    outer = middle + (centre - middle) * (2.0 + width_m / 2) / 2.0
    return Track("square", closed, centre, inner, outer)


def circle(radius_m: float = 2.0, half_width_m: float = 0.5, rows: int = 629) -> Track:
    """Driven counter-clockwise from (radius, 0)."""
    angles = np.linspace(0, 2 * np.pi, rows)
    unit = np.stack((np.cos(angles), np.sin(angles)), axis=-1)
    unit[-1] = unit[0]
    return Track("circle", True, radius_m * unit, (radius_m - half_width_m) * unit, (radius_m + half_width_m) * unit)


def arc_gap_m(track: Track, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    gap = np.abs(first - second)
    return np.minimum(gap, track.length_m - gap) if track.closed else gap


def test_a_square_is_as_long_as_its_sides() -> None:
    assert square().length_m == pytest.approx(16.0)


def test_a_place_is_found_by_its_arc_length() -> None:
    assert square().position([0.5, 6.0, 10.0, 14.5]) == pytest.approx(np.array([[0.5, 0], [4, 2], [2, 4], [0, 1.5]]))


def test_left_of_the_centre_line_is_positive() -> None:
    assert square().position(2.0, 0.3) == pytest.approx([2.0, 0.3])
    arc, lateral = square().project([[2.0, 0.3], [2.0, -0.3]])
    assert arc == pytest.approx([2.0, 2.0])
    assert lateral == pytest.approx([0.3, -0.3])


def test_a_closed_track_goes_round_and_an_open_one_ends() -> None:
    assert square().position([16.0 + 2.0, -14.0]) == pytest.approx(np.array([[2.0, 0.0]] * 2))
    straight = load_track("straight")
    assert straight.position([-3.0, 99.0]) == pytest.approx(straight.waypoints_m[[0, -1]])


def test_headings_turn_counter_clockwise_and_halve_at_a_corner() -> None:
    assert square().heading_rad([1.5, 5.5, 9.5, 13.5]) == pytest.approx([0, np.pi / 2, np.pi, -np.pi / 2])
    assert square().heading_rad([4.0, 16.0]) == pytest.approx([np.pi / 4, -np.pi / 4])


def test_headings_stay_within_one_turn_on_a_track_of_many() -> None:
    headings = load_track("hairpins").heading_rad(np.linspace(0, 200, 1000))
    assert (headings > -np.pi).all()
    assert (headings <= np.pi).all()


def test_a_circle_has_the_curvature_of_its_radius() -> None:
    arcs = np.linspace(0.1, 12.0, 50)
    assert circle().curvature_1pm(arcs) == pytest.approx(np.full(50, 0.5), rel=1e-3)
    assert circle().reversed().curvature_1pm(arcs) == pytest.approx(np.full(50, -0.5), rel=1e-3)


def test_the_width_is_measured_between_the_borders() -> None:
    left, right = circle().half_widths_m([1.0, 2.0])
    assert circle().width_m([1.0, 2.0]) == pytest.approx([1.0, 1.0])
    assert left == pytest.approx([0.5, 0.5])
    assert right == pytest.approx([0.5, 0.5])


def test_on_the_road_is_between_the_borders() -> None:
    points = [[2.45, 0.0], [2.55, 0.0], [1.55, 0.0], [1.45, 0.0], [0.0, 0.0]]
    assert circle().on_track(points).tolist() == [True, False, True, False, False]


def test_an_open_road_ends_where_its_borders_do() -> None:
    straight = load_track("straight")
    points = [[1.0, 0.3], [1.0, 0.31], [-0.1, 0.0], [5.69, -0.3], [5.71, 0.0]]
    assert straight.on_track(points).tolist() == [True, False, False, True, False]


def test_a_hint_keeps_a_point_on_its_own_road() -> None:
    hairpins = load_track("hairpins")
    arcs = np.linspace(0, hairpins.length_m, 400, endpoint=False)
    points = hairpins.position(arcs, -1.0)
    found, lateral = hairpins.project(points, near_arc_m=arcs + 0.2)
    elsewhere, _ = hairpins.project(points)
    assert (arc_gap_m(hairpins, found, arcs) <= 2.2).all()
    assert (arc_gap_m(hairpins, elsewhere, arcs) > 2.2).any()
    assert (lateral[arc_gap_m(hairpins, found, arcs) < 0.1] < -0.9).all()


def test_a_hint_reaches_across_the_start_line() -> None:
    oval = load_track("oval")
    arcs, _ = oval.project(oval.position([0.2, -0.2]), near_arc_m=[-0.3, 0.3])
    assert arcs == pytest.approx([0.2, oval.length_m - 0.2])


def test_rows_that_repeat_are_kept_and_do_no_harm() -> None:
    plain = square()
    twice = np.repeat(np.arange(17), 2)[:-1]
    rows = (plain.waypoints_m[twice], plain.left_border_m[twice], plain.right_border_m[twice])
    repeated = Track("square", True, *rows)
    arcs = np.linspace(0, 16, 77)
    assert len(repeated.waypoints_m) == 33
    assert repeated.length_m == plain.length_m
    assert repeated.position(arcs, 0.2) == pytest.approx(plain.position(arcs, 0.2))
    assert np.isfinite(repeated.curvature_1pm(arcs)).all()


def test_resampling_spaces_waypoints_evenly_and_moves_nothing() -> None:
    track = load_track("cup")
    fine = track.resampled(0.03)
    steps = np.hypot(*np.diff(fine.waypoints_m, axis=0).T)
    assert steps.max() <= 0.03 + 1e-9
    assert fine.length_m == pytest.approx(track.length_m, rel=1e-3)
    _, lateral = track.project(fine.waypoints_m)
    assert np.abs(lateral).max() < 1e-9
    assert (fine.waypoints_m[0] == fine.waypoints_m[-1]).all()


def test_waypoint_arcs_lead_to_the_waypoints() -> None:
    track = load_track("bowtie")
    assert track.waypoint_arcs_m[-1] == track.length_m
    assert track.position(track.waypoint_arcs_m) == pytest.approx(track.waypoints_m)


def test_any_shape_of_points_is_answered_in_that_shape() -> None:
    track = circle()
    assert track.position(1.0).shape == (2,)
    assert track.position(np.ones((3, 4)), np.zeros((3, 4))).shape == (3, 4, 2)
    arc, lateral = track.project(np.ones((3, 4, 2)))
    assert arc.shape == lateral.shape == (3, 4)
    assert track.on_track(np.zeros((5, 0, 2))).shape == (5, 0)


def test_a_track_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        circle().waypoints_m[0] = 0.0


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back_between_arc_length_and_position(name: str) -> None:
    track = load_track(name)
    random = np.random.default_rng(1)
    arcs = random.uniform(0, track.length_m, 500)
    left, right = track.half_widths_m(arcs)
    laterals = random.uniform(-right, left)
    points = track.position(arcs, laterals)
    found, lateral = track.project(points)
    # A normal turns between two waypoints, so a point far out may find its foot a part of their 0.1 m away.
    assert arc_gap_m(track, found, arcs).max() < 0.1
    assert np.abs(lateral - laterals).max() < 0.01
    found, lateral = track.project(track.position(arcs))
    assert arc_gap_m(track, found, arcs).max() < 1e-9
    assert np.abs(lateral).max() < 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_the_other_direction_is_the_mirror_of_this_one(name: str) -> None:
    track = load_track(name)
    other = track.reversed()
    random = np.random.default_rng(2)
    arcs, laterals = random.uniform(0, track.length_m, 300), random.uniform(-0.28, 0.28, 300)
    back = track.length_m - arcs
    assert other.length_m == pytest.approx(track.length_m)
    assert other.position(back, -laterals) == pytest.approx(track.position(arcs, laterals), abs=1e-9)
    turned = other.heading_rad(back) - track.heading_rad(arcs)
    assert np.cos(turned) == pytest.approx(np.full(300, -1.0))
    assert other.half_widths_m(back)[0] == pytest.approx(track.half_widths_m(arcs)[1])
    assert other.on_track(track.position(arcs, laterals)).all()
    assert (other.reversed().waypoints_m == track.waypoints_m).all()


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), fraction=st.floats(0, 1), across=st.floats(-0.98, 0.98))
def test_what_lies_between_the_borders_is_on_the_road(seed: int, fraction: float, across: float) -> None:
    track = generate_track(seed)
    arc = fraction * track.length_m
    left, right = track.half_widths_m(arc)
    lateral = across * (left if across > 0 else right)
    point = track.position(arc, lateral)
    assert bool(track.on_track(point))
    assert not bool(track.on_track(track.position(arc, left + 0.05)))
    assert not bool(track.on_track(track.position(arc, -right - 0.05)))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((5, 3)), "shape"),
        (np.zeros((5, 2)), "different points"),
        (np.array([[0.0, 0], [1, 0], [np.nan, 1], [0, 1], [0, 0]]), "not a number within"),
        (np.array([[0.0, 0], [1, 0], [1e9, 1], [0, 1], [0, 0]]), "not a number within"),
        (np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), "repeats its first waypoint last"),
    ],
)
def test_rows_that_are_no_track_are_refused(rows: np.ndarray, message: str) -> None:
    with pytest.raises(TrackError, match=message):
        Track("bad", True, rows, rows, rows)


def test_a_spacing_of_nothing_is_refused() -> None:
    with pytest.raises(TrackError, match="positive number of metres"):
        circle().resampled(0.0)
