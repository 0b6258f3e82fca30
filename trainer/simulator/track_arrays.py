"""Tracks as the kernels read them: a dense centre line, and a map from any place on the ground to one on the road.

The ground map replaces a texture. A texel holds, for its middle, the lateral offset from the centre line, the arc
length, the half width on that side and the direction of the road's normal; a pixel extends them to its own point with
one multiplication. So lines stay sharp at any zoom from a map of a few hundred kilobytes, and the camera can filter a
line by the pixel's own footprint across it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainer.simulator.colours import luma
from trainer.simulator.kernels import kernel

if TYPE_CHECKING:
    from trainer.tracks import Track

SPACING_M = 0.02
TEXEL_M = 0.03
# Beyond this the map is field and nothing else matters.
MAP_MARGIN_M = 0.6

# How a texel is packed in two 32-bit words: lateral (16) arc (16); half width (12) normal x (10) normal y (10).
LATERAL_UNIT_M = 1 / 8192
HALF_WIDTH_UNIT_M = 1 / 1024
ARC_UNITS = 65536
NORMAL_UNITS, NORMAL_ZERO = 360, 512
# The longest normal that fits is 511 / 360.
MOST_TILT = 0.9

# The surfaces whose colours are the track's own, and what its look calls them.
OWN_LEVELS = {"road": "road_rgb", "border": "border_rgb", "dash": "centre_rgb", "field": "field_rgb"}

# Nearer to the line than this, its own normal is more exact than the way to it.
LEAST_LATERAL_M = 0.01

# Columns of a line point.
X, Y, COS, SIN, CURVATURE, LEFT, RIGHT = range(7)

TRACK = np.dtype(
    [
        ("line_start", np.int64), ("line_count", np.int64), ("closed", np.int64),
        ("length_m", np.float64), ("spacing_m", np.float64),
        ("waypoint_start", np.int64), ("waypoint_count", np.int64),
        ("map_start", np.int64), ("map_width", np.int64), ("map_height", np.int64),
        ("map_x_m", np.float64), ("map_y_m", np.float64),
        ("road_level", np.float64), ("border_level", np.float64),
        ("dash_level", np.float64), ("field_level", np.float64),
        ("low_x_m", np.float64), ("low_y_m", np.float64), ("high_x_m", np.float64), ("high_y_m", np.float64),
        # 1 where the inner side of the loop is on the left of the track's own direction, -1 where it is on the right.
        ("inner_side", np.int64),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class TrackArrays:
    """All tracks of a simulator, one after the other."""

    tracks: NDArray[np.void]  # (K,) TRACK
    line: NDArray[np.float64]  # (points, 7) X … RIGHT, every SPACING_M
    waypoint_arcs_m: NDArray[np.float64]
    ground: NDArray[np.int64]  # packed texels


def pack_tracks(tracks: Sequence[Track]) -> TrackArrays:
    """Put the tracks' centre lines, waypoints and ground maps into one set of arrays."""
    records = np.zeros(len(tracks), TRACK)
    lines = [_dense_line(track) for track in tracks]
    grounds = [_ground_map(record, track, line) for record, track, line in zip(records, tracks, lines)]
    arcs = [track.waypoint_arcs_m for track in tracks]
    for name, parts in (("line", lines), ("waypoint", arcs), ("map", grounds)):
        records[f"{name}_start"] = np.cumsum([0, *(len(part) for part in parts[:-1])])
    records["line_count"] = [len(line) for line in lines]
    records["waypoint_count"] = [len(part) for part in arcs]
    records["closed"] = [track.closed for track in tracks]
    records["inner_side"] = [inner_side(line[:, (X, Y)]) for line in lines]
    records["length_m"] = [track.length_m for track in tracks]
    for name, look_name in OWN_LEVELS.items():
        records[f"{name}_level"] = [luma(getattr(track.look, look_name)) for track in tracks]
    return TrackArrays(records, np.concatenate(lines), np.concatenate(arcs), np.concatenate(grounds))


def _dense_line(track: Track) -> NDArray[np.float64]:
    """Points every SPACING_M or a little less; a closed track's last point is one spacing before its first."""
    parts = max(4, int(np.ceil(track.length_m / SPACING_M)))
    arc = np.arange(parts if track.closed else parts + 1) * (track.length_m / parts)
    heading = track.heading_rad(arc)
    line = np.empty((len(arc), 7))
    line[:, (X, Y)] = track.position(arc)
    line[:, COS], line[:, SIN] = np.cos(heading), np.sin(heading)
    line[:, LEFT], line[:, RIGHT] = track.half_widths_m(arc)
    turned = np.unwrap(np.concatenate((heading[-1:], heading, heading[:1])))
    slope = (turned[2:] - turned[:-2]) / (2 * track.length_m / parts)
    if not track.closed:
        slope[0], slope[-1] = slope[1], slope[-2]
    line[:, CURVATURE] = slope
    return line


def inner_side(line_m: NDArray[np.float64]) -> int:
    """The side of the loop's inside, 1 left or -1 right; left of a straight road. line_m: (points, 2)."""
    x, y = line_m.T
    area = np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)
    return -1 if area < 0.0 else 1


def _ground_map(record: np.void, track: Track, line: NDArray[np.float64]) -> NDArray[np.int64]:
    borders = np.concatenate((track.left_border_m, track.right_border_m))
    low, high = borders.min(axis=0), borders.max(axis=0)
    record["low_x_m"], record["low_y_m"] = low
    record["high_x_m"], record["high_y_m"] = high
    record["map_x_m"], record["map_y_m"] = low - MAP_MARGIN_M
    width, height = np.ceil((high - low + 2 * MAP_MARGIN_M) / TEXEL_M).astype(np.int64)
    record["map_width"], record["map_height"] = width, height
    record["spacing_m"] = track.length_m / (len(line) if track.closed else len(line) - 1)
    words = np.empty(height * width, np.int64)
    fill_ground_map(
        words, line, width, height, *(low - MAP_MARGIN_M), record["spacing_m"], track.length_m, track.closed
    )
    return words


BLOCK = 8


@kernel
def fill_ground_map(words, line, width, height, x0_m, y0_m, spacing_m, length_m, closed):
    """Write every texel of one track. Points of the line too far from a block of texels are looked at only once."""
    candidates = np.empty(line.shape[0], np.int64)
    reach_m = BLOCK * TEXEL_M * 0.7072
    for block_y in range(0, height, BLOCK):
        for block_x in range(0, width, BLOCK):
            x, y = x0_m + (block_x + BLOCK / 2) * TEXEL_M, y0_m + (block_y + BLOCK / 2) * TEXEL_M
            nearest = np.inf
            for k in range(line.shape[0]):
                nearest = min(nearest, (line[k, X] - x) ** 2 + (line[k, Y] - y) ** 2)
            limit = (np.sqrt(nearest) + 2.0 * reach_m) ** 2
            count = 0
            for k in range(line.shape[0]):
                if (line[k, X] - x) ** 2 + (line[k, Y] - y) ** 2 <= limit:
                    candidates[count] = k
                    count += 1
            for row in range(block_y, min(block_y + BLOCK, height)):
                for column in range(block_x, min(block_x + BLOCK, width)):
                    x, y = x0_m + (column + 0.5) * TEXEL_M, y0_m + (row + 0.5) * TEXEL_M
                    best, along_m, foot_x, foot_y = find_foot(line, candidates[:count], x, y, closed)
                    arc = (best * spacing_m + along_m) / length_m
                    slopes = width_slopes(line, best, spacing_m, closed)
                    words[row * width + column] = pack_texel(line[best], slopes, arc, along_m, x - foot_x, y - foot_y)


@kernel
def find_foot(line, candidates, x, y, closed):
    """The nearest point of the line: its nearest line point, the way on from there, and where it is."""
    best, nearest = candidates[0], np.inf
    for k in candidates:
        distance = (line[k, X] - x) ** 2 + (line[k, Y] - y) ** 2
        if distance < nearest:
            best, nearest = k, distance
    count = line.shape[0]
    along_m, foot_x, foot_y = 0.0, line[best, X], line[best, Y]
    for step in (-1, 1):
        after = best + step
        if closed:
            after %= count
        elif after < 0 or after >= count:
            continue
        dx, dy = line[after, X] - line[best, X], line[after, Y] - line[best, Y]
        squared = dx * dx + dy * dy
        share = ((x - line[best, X]) * dx + (y - line[best, Y]) * dy) / squared
        if share > 0.0:
            along_m = step * share * np.sqrt(squared)
            foot_x, foot_y = line[best, X] + share * dx, line[best, Y] + share * dy
    return best, along_m, foot_x, foot_y


@kernel
def width_slopes(line, index, spacing_m, closed):
    """How fast the left and the right half width change along the line."""
    count = line.shape[0]
    before = (index - 1) % count if closed else max(index - 1, 0)
    after = (index + 1) % count if closed else min(index + 1, count - 1)
    run_m = spacing_m * (2.0 if closed else max(after - before, 1))
    return (line[after, LEFT] - line[before, LEFT]) / run_m, (line[after, RIGHT] - line[before, RIGHT]) / run_m


@kernel
def pack_texel(point, slopes, arc, along_m, dx, dy):
    """One texel from its nearest line point, the slopes there, its arc as a share of the line, the way from there."""
    lateral = np.sqrt(dx * dx + dy * dy)
    if dy * point[COS] - dx * point[SIN] < 0.0:
        lateral = -lateral
    normal_x, normal_y = -point[SIN], point[COS]
    if abs(lateral) > LEAST_LATERAL_M:
        normal_x, normal_y = dx / lateral, dy / lateral
    slope = slopes[0] if lateral > 0.0 else slopes[1]
    half_width = (point[LEFT] if lateral > 0.0 else point[RIGHT]) + slope * along_m
    if abs(lateral) > 0.5 * half_width:
        # Towards the border what counts is the way to it: where the width changes, its lines are not parallel.
        stretch = max(1.0 - point[CURVATURE] * lateral, 0.1)
        tilt = min(max(slope / stretch, -MOST_TILT), MOST_TILT) * np.sign(lateral)
        normal_x, normal_y = normal_x - tilt * normal_y, normal_y + tilt * normal_x
    arc_units = int(np.round(arc * ARC_UNITS)) & (ARC_UNITS - 1)
    lateral_units = int(np.round(min(max(lateral / LATERAL_UNIT_M, -32767.0), 32767.0)))
    half_width_units = min(max(int(np.round(half_width / HALF_WIDTH_UNIT_M)), 0), 4095)
    nx = int(np.round(normal_x * NORMAL_UNITS)) + NORMAL_ZERO
    ny = int(np.round(normal_y * NORMAL_UNITS)) + NORMAL_ZERO
    first = np.int64(lateral_units << 16) | arc_units
    second = np.int64(half_width_units << 20) | (nx << 10) | ny
    return (second << 32) | (first & 0xFFFFFFFF)
