"""Whether a track can be driven: its size and width, and borders that cross nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from shared.errors import TrackError
from trainer.tracks.track import Track

Floats = NDArray[np.float64]

MAX_ROWS = 100_000
MAX_LENGTH_M = 1_000.0
MIN_LENGTH_M = 1.0
# A 1/18 car is 0.2 m wide; nothing narrower is a road to it.
MIN_WIDTH_M = 0.2
MAX_WIDTH_M = 10.0
MAX_TURN_PER_ROW_DEG = 120.0
# Real routes have kinks in a border on the inside of a tight corner. A loop that short hurts nobody.
TOLERATED_LOOP_M = 2.0
# Neighbouring segments looked at together: their bounding box rules most others out.
SEGMENTS_PER_BOX = 32


def check_track(track: Track) -> None:
    """Raise TrackError, saying where, when the track cannot be driven."""
    name = track.name
    if len(track.waypoints_m) > MAX_ROWS:
        raise TrackError(f"Track {name} has {len(track.waypoints_m)} rows; at most {MAX_ROWS} are read. Thin it out.")
    if not MIN_LENGTH_M <= track.length_m <= MAX_LENGTH_M:
        raise TrackError(
            f"Track {name} is {track.length_m:.2f} m long; {MIN_LENGTH_M:g} to {MAX_LENGTH_M:g} m can be "
            f"driven. Are its coordinates in metres?"
        )
    _check_widths(track)
    _check_turns(track)
    _check_crossings(track)
    _check_overlap(track)


def crossings(first: Floats, second: Floats) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Pairs of segments of two polylines that properly cross, found box by box; touching is no crossing."""
    lows, highs = _boxes(first)
    other_lows, other_highs = _boxes(second)
    for box, (low, high) in enumerate(zip(lows, highs, strict=True)):
        near_boxes = np.flatnonzero(((other_lows <= high) & (other_highs >= low)).all(axis=1))
        mine = _segments(np.array([box]), len(first) - 1)
        near = _segments(near_boxes, len(second) - 1)
        rows, columns = np.nonzero(_cross(first, mine, second, near))
        if len(rows):
            yield mine[rows], near[columns]


def _check_widths(track: Track) -> None:
    widths = np.hypot(*(track.left_border_m - track.right_border_m).T)
    narrowest, widest = int(np.argmin(widths)), int(np.argmax(widths))
    if widths[narrowest] < MIN_WIDTH_M:
        raise TrackError(
            f"Track {track.name} is {widths[narrowest]:.3f} m wide at row {narrowest}; "
            f"a car needs {MIN_WIDTH_M:g} m. Check the border columns."
        )
    if widths[widest] > MAX_WIDTH_M:
        raise TrackError(
            f"Track {track.name} is {widths[widest]:.1f} m wide at row {widest}; at most {MAX_WIDTH_M:g} m "
            f"is possible. Are its coordinates in metres?"
        )


def _check_turns(track: Track) -> None:
    """No row may turn back, and the centre line keeps its left border on the left."""
    arcs = track.waypoint_arcs_m
    distinct = np.concatenate(([True], np.diff(arcs) > 0))
    steps = np.diff(track.waypoints_m[distinct], axis=0)
    if track.closed:
        steps = np.concatenate((steps, steps[:1]))
    turns = np.arctan2(_cross_product(steps[:-1], steps[1:]), (steps[:-1] * steps[1:]).sum(axis=1))
    sharpest = int(np.argmax(np.abs(turns))) if len(turns) else 0
    if len(turns) and np.degrees(abs(turns[sharpest])) > MAX_TURN_PER_ROW_DEG:
        row = int(np.flatnonzero(distinct)[(sharpest + 1) % int(distinct.sum())])
        raise TrackError(
            f"Track {track.name} turns by {np.degrees(abs(turns[sharpest])):.0f} degrees at row {row}. "
            f"Check that its rows stand in driving order."
        )
    heading = track.heading_rad(arcs)
    tangent = np.stack((np.cos(heading), np.sin(heading)), axis=-1)
    left = _cross_product(tangent, track.left_border_m - track.waypoints_m)
    right = _cross_product(tangent, track.right_border_m - track.waypoints_m)
    wrong = np.flatnonzero((left <= 0) | (right >= 0))
    if len(wrong):
        raise TrackError(
            f"Track {track.name}: at row {wrong[0]} the centre line is not between its borders. "
            f"Check the order of the columns."
        )


def _check_crossings(track: Track) -> None:
    lines = {
        "left border": track.left_border_m,
        "right border": track.right_border_m,
        "centre line": track.waypoints_m,
    }
    if not track.closed:
        lines["start"] = np.stack((track.left_border_m[0], track.right_border_m[0]))
        lines["end"] = np.stack((track.left_border_m[-1], track.right_border_m[-1]))
    pairs = [
        ("left border", "right border"),
        ("centre line", "left border"),
        ("centre line", "right border"),
        ("left border", "left border"),
        ("right border", "right border"),
        *((end, border) for end in ("start", "end") if end in lines for border in ("left border", "right border")),
    ]
    for first, second in pairs:
        for mine, other in crossings(lines[first], lines[second]):
            if first == second:
                real = _loops_m(track, mine, other) > TOLERATED_LOOP_M
                mine, other = mine[real], other[real]
            if len(mine):
                whose = "itself" if first == second else f"the {second}"
                raise TrackError(
                    f"Track {track.name}: the {first} crosses {whose} between rows {mine[0]} and {other[0]}. "
                    f"A car could not tell which road to take; move the road apart there."
                )


def _check_overlap(track: Track) -> None:
    """A loop narrower than its road has borders that cross nowhere, but run the other way round."""
    if not track.closed:
        return
    areas = [signed_area_m2(line) for line in (track.waypoints_m, track.left_border_m, track.right_border_m)]
    if not all(area * areas[0] > 0 for area in areas):
        raise TrackError(f"Track {track.name}: the road overlaps itself. Make it narrower, or move its sides apart.")


def signed_area_m2(line: Floats) -> float:
    """Area inside a closed line, positive when it runs counter-clockwise."""
    x, y = line.T
    return 0.5 * float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))


def _loops_m(track: Track, mine: NDArray[np.intp], other: NDArray[np.intp]) -> Floats:
    """How much of the centre line lies between two segments, the shorter way round."""
    loops = np.abs(track.waypoint_arcs_m[mine] - track.waypoint_arcs_m[other])
    return np.minimum(loops, track.length_m - loops) if track.closed else loops


def _boxes(line: Floats) -> tuple[Floats, Floats]:
    """Lowest and highest x and y of every run of SEGMENTS_PER_BOX segments."""
    starts = np.arange(0, len(line) - 1, SEGMENTS_PER_BOX)
    low, high = np.minimum(line[:-1], line[1:]), np.maximum(line[:-1], line[1:])
    return np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)


def _segments(boxes: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """The segments that lie in these boxes."""
    segments = (boxes[:, None] * SEGMENTS_PER_BOX + np.arange(SEGMENTS_PER_BOX)).ravel()
    return segments[segments < count]


def _cross(first: Floats, mine: NDArray[np.intp], second: Floats, near: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(mine, near): the ends of each segment lie strictly on different sides of the other one."""
    a, b = first[mine][:, None], first[mine + 1][:, None]
    c, d = second[near][None], second[near + 1][None]
    apart = _cross_product(b - a, c - a) * _cross_product(b - a, d - a) < 0
    return apart & (_cross_product(d - c, a - c) * _cross_product(d - c, b - c) < 0)


def _cross_product(u: Floats, v: Floats) -> Floats:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
