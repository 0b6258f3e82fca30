"""Every data file of the catalogue is a fair track, found by all its names; the famous shapes are true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.errors import TrackError
from trainer.tracks import (
    DEFAULT_TRACK,
    Track,
    check_track,
    list_tracks,
    load_track,
    read_npy,
    track_reference,
    write_npy,
)
from trainer.tracks.track_file import track_file_text

INFOS = list_tracks()


def mean_distance_m(ours: Track, theirs: Track) -> float:
    """Mean distance of two centre lines after the best turn and shift, found by iterating closest points."""
    count = 400
    goal = theirs.position(np.linspace(0, theirs.length_m, count, endpoint=False))
    best_m, best = np.inf, goal
    for start in np.linspace(0, 1, 20, endpoint=False):
        line = ours.position(ours.length_m * (start + np.linspace(0, 1, count, endpoint=False)))
        line = moved_onto(line, goal)
        if (distance_m := float(np.hypot(*(line - goal).T).mean())) < best_m:
            best_m, best = distance_m, line
    for _ in range(20):
        best = moved_onto(best, theirs.position(theirs.project(best)[0]))
    there = np.abs(theirs.project(best)[1]).mean()
    back = np.hypot(*(best[:, None] - goal).transpose(2, 0, 1)).min(axis=0).mean()
    return float(max(there, back))


def moved_onto(points: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Turn and shift points onto theirs, least squares, no mirror image (Kabsch 1976)."""
    middle, goal_middle = points.mean(axis=0), goal.mean(axis=0)
    u, _, v = np.linalg.svd((points - middle).T @ (goal - goal_middle))
    turn = v.T @ np.diag([1.0, np.sign(np.linalg.det(v.T @ u.T))]) @ u.T
    moved: np.ndarray = (points - middle) @ turn.T + goal_middle
    return moved


def test_there_are_at_least_fourteen_tracks_and_the_default_is_one() -> None:
    assert len(INFOS) >= 14
    assert DEFAULT_TRACK in {info.name for info in INFOS}


@pytest.mark.parametrize("info", INFOS, ids=lambda info: info.name)
def test_every_track_is_fair(info: object) -> None:
    track = load_track(info.name)  # type: ignore[attr-defined]
    check_track(track)
    fine = track.resampled(0.05)
    curvatures = fine.curvature_1pm(fine.waypoint_arcs_m)
    left, right = fine.half_widths_m(fine.waypoint_arcs_m)
    inside = np.where(curvatures > 0, left, right)
    assert (np.abs(curvatures) * (inside + 0.15) < 1.0).all(), "an inner border needs 0.15 m of radius"
    assert track.title
    assert track.description.endswith(".")
    assert np.minimum(left, right).min() * 2 >= 0.55


def test_no_two_tracks_answer_to_one_name() -> None:
    names = [name.casefold() for info in INFOS for name in (info.name, *info.aliases)]
    assert len(names) == len(set(names))


def test_a_track_is_found_by_every_alias_in_any_case() -> None:
    for info in INFOS:
        for alias in info.aliases:
            assert load_track(alias).name == info.name
            assert load_track(alias.upper()).name == info.name


@pytest.mark.parametrize(
    ("name", "length_m", "width_m"),
    [
        ("reinvent_2018", 17.7, 0.76),
        ("reInvent2019_track", 23.1, 1.07),
        ("reInvent2019_wide", 16.6, 1.07),
        ("grand_prix", 60.0, 1.07),
        ("Oval_track", 19.55, 0.71),
        ("Bowtie_track", 17.43, 0.789),
        ("Straight_track", 5.71, 0.61),
    ],
)
def test_the_famous_shapes_have_their_length_and_width(name: str, length_m: float, width_m: float) -> None:
    track = load_track(name)
    assert track.length_m == pytest.approx(length_m, rel=0.01)
    assert track.mean_width_m == pytest.approx(width_m, rel=0.01)


@pytest.mark.parametrize("name", ["reinvent_base", "reInvent2019_track"])
def test_the_famous_shapes_lie_on_the_real_routes(name: str, routes_dir: Path) -> None:
    if not (routes_dir / f"{name}.npy").exists():
        pytest.skip(f"no {name}.npy among the routes")
    assert mean_distance_m(load_track(name), read_npy(routes_dir / f"{name}.npy")) < 0.2


def test_the_distance_of_two_shapes_ignores_where_they_lie() -> None:
    loop = load_track("lapwing_loop")
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    lines = (loop.waypoints_m, loop.left_border_m, loop.right_border_m)
    moved = Track("moved", True, *(line @ turn + [30.0, -7.0] for line in lines))
    assert mean_distance_m(moved, loop) < 0.01
    assert mean_distance_m(load_track("oval"), loop) > 0.2


def test_an_unknown_name_is_answered_with_the_closest_one() -> None:
    with pytest.raises(TrackError, match=r"no track 'lapwing_lop'\. Did you mean 'lapwing_loop'"):
        load_track("lapwing_lop")
    with pytest.raises(TrackError, match="Did you mean 'cup'"):
        load_track("reinvent2019_trak")
    with pytest.raises(TrackError, match="`lapwing tracks list` shows all"):
        load_track("qqqqqq")


def test_tracks_of_ones_own_are_found_by_folder_and_by_path(tmp_path: Path) -> None:
    river = load_track("river")
    (tmp_path / "my_river.toml").write_text(track_file_text(river))
    write_npy(river, tmp_path / "other.npy")
    assert load_track("my_river", tmp_path).length_m == pytest.approx(river.length_m)
    assert load_track(tmp_path / "my_river.toml").name == "my_river"
    assert load_track(str(tmp_path / "other.npy")).name == "other"
    assert len(list_tracks(tmp_path)) == len(INFOS) + 1
    assert load_track("cup", tmp_path / "not there").name == "cup"


def test_a_reference_finds_a_track_of_ones_own_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(track_file_text(load_track("oval").renamed("mine")))
    assert load_track(track_reference("mine", tmp_path)).length_m == pytest.approx(
        load_track("oval").length_m, abs=0.01
    )
    assert track_reference("oval", tmp_path) == "oval"


def test_a_track_of_ones_own_may_take_the_name_of_an_alias(tmp_path: Path) -> None:
    (tmp_path / "reinvent_base.toml").write_text(track_file_text(load_track("oval")))
    assert load_track("reinvent_base", tmp_path).length_m == pytest.approx(load_track("oval").length_m)
    assert load_track("REINVENT_BASE", tmp_path).name == "reinvent_base"
    assert load_track("reinvent_base").name == "lapwing_loop"


def test_one_damaged_file_does_not_hide_the_other_tracks(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "broken.toml").write_text("corners = [")
    assert {info.name for info in list_tracks(tmp_path)} == {info.name for info in INFOS}
    assert load_track("Reinvent_Base", tmp_path).name == "lapwing_loop"
    assert "Left out track broken" in caplog.text
    with pytest.raises(TrackError, match="not a TOML file"):
        load_track("broken", tmp_path)
