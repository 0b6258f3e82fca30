"""What a car could not drive is refused with a sentence; what is kept can be driven everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import TrackError
from trainer.tracks import Track, check_track, load_track
from trainer.tracks.corners import Corner, track_from_corners
from trainer.tracks.validity import crossings

ROWS = 12


def oval_with(change: Callable[[np.ndarray], None]) -> Track:
    """The oval, 197 rows, after a change to its rows of centre, left and right border."""
    oval = load_track("oval")
    rows = np.concatenate((oval.waypoints_m, oval.left_border_m, oval.right_border_m), axis=1)[:-1].copy()
    change(rows)
    rows = np.concatenate((rows, rows[:1]))
    return Track("changed", True, rows[:, :2], rows[:, 2:4], rows[:, 4:])


def no_width(rows: np.ndarray) -> None:
    rows[40, 2:4] = rows[40, 4:6] = rows[40, :2]


def huge_width(rows: np.ndarray) -> None:
    rows[:, 4:6] = rows[:, :2] * 9


def twisted_borders(rows: np.ndarray) -> None:
    rows[:90, 2:6] = rows[:90, [4, 5, 2, 3]]


def swapped_borders(rows: np.ndarray) -> None:
    rows[:, 2:6] = rows[:, [4, 5, 2, 3]]


def one_border_point_across(rows: np.ndarray) -> None:
    rows[10, 2:4] += 3.5 * (rows[10, :2] - rows[10, 2:4])


def figure_of_eight(rows: np.ndarray) -> None:
    angles = np.linspace(0, 2 * np.pi, len(rows), endpoint=False)
    centre = np.stack((4 * np.sin(angles), 2 * np.sin(2 * angles)), axis=-1)
    ahead = np.roll(centre, -1, axis=0) - np.roll(centre, 1, axis=0)
    normals = np.stack((-ahead[:, 1], ahead[:, 0]), axis=-1) / np.hypot(*ahead.T)[:, None]
    rows[:] = np.concatenate((centre, centre + 0.4 * normals, centre - 0.4 * normals), axis=1)


def pinched(rows: np.ndarray) -> None:
    """The two straights of the oval come so close that the road overlaps itself."""
    rows[:, 1::2] *= 0.1
    rows[:, 3] = rows[:, 1] + np.sign(rows[:, 3] - rows[:, 1]) * 0.35
    rows[:, 5] = rows[:, 1] + np.sign(rows[:, 5] - rows[:, 1]) * 0.35


def turned_back(rows: np.ndarray) -> None:
    rows[50:60] = rows[50:60][::-1]


def in_millimetres(rows: np.ndarray) -> None:
    rows *= 1000.0


def in_kilometres(rows: np.ndarray) -> None:
    rows *= 0.001


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (no_width, "0.000 m wide at row 40; a car needs 0.2 m"),
        (huge_width, "at most 10 m is possible"),
        (twisted_borders, "the centre line is not between its borders"),
        (swapped_borders, "at row 0 the centre line is not between its borders"),
        (one_border_point_across, "at row 10 the centre line is not between its borders"),
        (figure_of_eight, "crosses"),
        (pinched, r"crosses|not between"),
        (turned_back, "Check that its rows stand in driving order"),
        (in_millimetres, "Are its coordinates in metres"),
        (in_kilometres, "Are its coordinates in metres"),
    ],
)
def test_what_cannot_be_driven_is_refused_with_its_reason(change: Callable[[np.ndarray], None], message: str) -> None:
    with pytest.raises(TrackError, match=message):
        check_track(oval_with(change))


def right_border_point_across(rows: np.ndarray) -> None:
    rows[10, 4:6] += 3.5 * (rows[10, :2] - rows[10, 4:6])


def test_each_border_is_held_to_its_side() -> None:
    with pytest.raises(TrackError, match="at row 10 the centre line is not between its borders"):
        check_track(oval_with(right_border_point_across))


def laid(places: list[tuple[float, ...]], width_m: float, *, closed: bool) -> Track:
    corners = [Corner(x, y, radius, width_m) for x, y, radius in places]
    return track_from_corners("laid", corners, closed=closed)


BOTH_WAYS = pytest.mark.parametrize("turn", [lambda track: track, Track.reversed], ids=["forward", "back"])


@BOTH_WAYS
def test_a_waist_narrower_than_its_road_is_refused(turn: Callable[[Track], Track]) -> None:
    """The same border of two stretches crosses itself; the centre lines keep apart."""
    waist = [(3, -1, 0.75), (3, 1, 0.75), (0, 0.3, 0.9), (-3, 1, 0.75), (-3, -1, 0.75), (0, -0.3, 0.9)]
    track = laid(waist, 0.8, closed=True)
    with pytest.raises(TrackError, match=r"the (left|right) border crosses itself"):
        check_track(turn(track))
    check_track(turn(laid(waist, 0.56, closed=True)))


@BOTH_WAYS
def test_a_road_that_runs_into_its_own_side_is_refused(turn: Callable[[Track], Track]) -> None:
    """The left border of one stretch crosses the right border of another one."""
    spiral = [(0, 0, 0), (6, 0, 1), (6, 4, 1), (-3, 4, 1), (-3, 1.1, 0.6), (5, 0.6, 0)]
    with pytest.raises(TrackError, match="the left border crosses the right border"):
        check_track(turn(laid(spiral, 0.8, closed=False)))
    check_track(turn(laid(spiral, 0.4, closed=False)))


@BOTH_WAYS
def test_an_open_road_may_not_end_on_itself(turn: Callable[[Track], Track]) -> None:
    """Two stretches side by side overlap all along: no borders cross, but an end lies on the other road."""
    beside = [(0, 0, 0), (6, 0, 1), (6, 4, 1), (-3, 4, 1), (-3, 0.6, 0.6), (5, 0.6, 0)]
    with pytest.raises(TrackError, match=r"the (start|end) crosses the"):
        check_track(turn(laid(beside, 0.8, closed=False)))


@BOTH_WAYS
def test_a_loop_narrower_than_its_road_is_refused(turn: Callable[[Track], Track]) -> None:
    needle = [(4, -0.45, 0.45), (4, 0.45, 0.45), (-4, 0.45, 0.45), (-4, -0.45, 0.45)]
    with pytest.raises(TrackError, match=r"overlaps itself|crosses itself"):
        check_track(turn(laid(needle, 1.2, closed=True)))
    check_track(turn(laid(needle, 0.8, closed=True)))


@BOTH_WAYS
def test_a_border_that_cuts_a_coarse_bend_is_refused(turn: Callable[[Track], Track]) -> None:
    """At every row all is in order; between two rows the border crosses the centre line and comes back."""
    centre = np.array([[0.0, 0], [1, 0], [2, 1], [3, 0], [4, 0]])
    left = np.array([[0.0, 0.5], [0.8, 0.5], [2, 1.4], [3.2, 0.5], [4, 0.5]])
    right = np.array([[0.0, -0.5], [1.2, -0.5], [2, 0.5], [2.8, -0.5], [4, -0.5]])
    check_track(turn(Track("bend", False, centre, left, right)))
    left[1] = [1.9, 0.4]
    with pytest.raises(TrackError, match=r"the centre line crosses the (left|right) border"):
        check_track(turn(Track("cut", False, centre, left, right)))


def kinked(narrow_m: float) -> Track:
    """A closed loop whose inner border makes a small loop of its own in one tight half turn."""
    loop = laid([(3, -0.5, 0.5), (3, 0.5, 0.5), (-3, 0.9, 0.7), (-3, -0.9, 0.7)], 0.7, closed=True)
    inwards = loop.left_border_m - loop.waypoints_m
    tight = loop.waypoints_m[:, 0] > 2.4
    scale = np.where(tight, narrow_m / 0.35, 1.0)[:, None]
    return replace(loop, left_border_m=loop.waypoints_m + scale * inwards)


def started_at(track: Track, row: int) -> Track:
    def turned(line: np.ndarray) -> np.ndarray:
        return np.concatenate((line[row:-1], line[:row], line[row : row + 1]))

    return Track("moved", True, turned(track.waypoints_m), turned(track.left_border_m), turned(track.right_border_m))


def test_a_kink_on_the_inside_of_a_corner_is_tolerated_wherever_the_lap_starts() -> None:
    """Where the road is wider than the corner is round, the inner border of real routes makes a tiny loop."""
    track = kinked(0.53)
    loops = list(crossings(track.left_border_m, track.left_border_m))
    assert loops
    for row in range(0, len(track.waypoints_m) - 1, 7):
        check_track(started_at(track, row))


def test_crossings_finds_the_segments_that_cross() -> None:
    zigzag = np.array([[0.0, 1], [1, -1], [2, 1], [3, 1]])
    line = np.array([[-1.0, 0], [1.2, 0], [5, 0]])
    found = [(int(a), int(b)) for mine, other in crossings(zigzag, line) for a, b in zip(mine, other, strict=True)]
    assert sorted(found) == [(0, 0), (1, 1)]


def test_lines_that_touch_do_not_cross() -> None:
    corner = np.array([[0.0, 0], [1, 1], [2, 0]])
    assert not list(crossings(corner, np.array([[0.0, 1], [2, 1]])))
    assert not list(crossings(corner, corner))


@pytest.mark.parametrize("seed", range(3))
def test_crossings_agree_with_looking_at_every_pair(seed: int) -> None:
    random = np.random.default_rng(seed)
    first, second = np.cumsum(random.normal(size=(2, 150, 2)), axis=1)
    expected = set()
    for i in range(149):
        for j in range(149):
            if segments_cross(first[i], first[i + 1], second[j], second[j + 1]):
                expected.add((i, j))
    found = {(int(a), int(b)) for m, o in crossings(first, second) for a, b in zip(m, o, strict=True)}
    assert found == expected
    assert expected


def segments_cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    """Solve for the two fractions at which the lines meet."""
    matrix = np.stack((b - a, c - d), axis=-1)
    if np.linalg.det(matrix) == 0:
        return False
    fractions = np.linalg.solve(matrix, c - a)
    return bool(((fractions > 0) & (fractions < 1)).all())


@st.composite
def mutated_rows(draw: st.DrawFn) -> np.ndarray:
    """Rows of a real shape after a few changes of the kinds that happen to files."""
    name = draw(st.sampled_from(["oval", "bowtie", "lapwing_loop", "old_town"]))
    track = load_track(name)
    rows = np.concatenate((track.waypoints_m, track.left_border_m, track.right_border_m), axis=1)
    rows = rows[:: draw(st.sampled_from([1, 2, 5, 20]))].copy()
    for _ in range(draw(st.integers(0, 3))):
        row, column = draw(st.integers(0, len(rows) - 1)), draw(st.integers(0, 5))
        kind = draw(st.sampled_from(["value", "nudge", "swap rows", "swap columns", "delete", "repeat", "scale"]))
        if kind == "value":
            rows[row, column] = draw(st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e300, -1e9]))
        elif kind == "nudge":
            rows[row, column] += draw(st.floats(-3, 3))
        elif kind == "swap rows":
            rows[[row, -1 - row]] = rows[[-1 - row, row]]
        elif kind == "swap columns":
            rows[:, [column, column - 2]] = rows[:, [column - 2, column]]
        elif kind == "delete" and len(rows) > 1:
            rows = np.delete(rows, row, axis=0)
        elif kind == "repeat":
            rows = np.insert(rows, row, rows[row], axis=0)
        elif kind == "scale":
            with np.errstate(all="ignore"):
                rows[:, 2:4] = rows[:, :2] + draw(st.floats(-3, 3)) * (rows[:, 2:4] - rows[:, :2])
    return rows


@settings(max_examples=80)
@given(rows=mutated_rows())
def test_a_damaged_track_is_refused_or_can_be_driven(rows: np.ndarray) -> None:
    closed = bool(len(rows) > 1 and (rows[0] == rows[-1]).all())
    try:
        track = Track("damaged", closed, rows[:, :2], rows[:, 2:4], rows[:, 4:])
        check_track(track)
    except TrackError:
        return
    arcs = np.linspace(0, track.length_m, 200)
    points = track.position(arcs)
    arc, lateral = track.project(points)
    for figures in (points, track.heading_rad(arcs), track.curvature_1pm(arcs), arc, lateral):
        assert np.isfinite(figures).all()
    assert track.width_m(arcs).min() > 0.0
    assert track.on_track(track.position(arcs[1:-1])).mean() > 0.9
    check_track(replace(track, name="again").reversed())
