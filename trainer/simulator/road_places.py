"""Places by arc length and side: where they are in the world, and how far they lie from each other along the road."""

from __future__ import annotations

import math

from trainer.simulator.kernels import kernel
from trainer.simulator.track_arrays import COS, CURVATURE, LEFT, RIGHT, SIN, X, Y


@kernel
def line_index_at(arc_m, track):
    """The line point nearest to an arc length of the track's own direction."""
    nearest = int(arc_m / track.spacing_m + 0.5)
    return nearest % track.line_count if track.closed else min(max(nearest, 0), track.line_count - 1)


@kernel
def wrapped(arc_m, track):
    """An arc length on the track: a loop goes round, a road with two ends ends."""
    if track.closed:
        return arc_m - track.length_m * math.floor(arc_m / track.length_m)
    return min(max(arc_m, 0.0), track.length_m)


@kernel
def gap_between(from_arc_m, to_arc_m, track):
    """Way along the centre line, positive ahead; on a loop the shorter one."""
    gap_m = to_arc_m - from_arc_m
    if track.closed:
        gap_m -= track.length_m * math.floor(gap_m / track.length_m + 0.5)
    return gap_m


@kernel
def half_widths_as_driven(line, track, index, direction):
    """Half width of the road to the left and to the right of somebody who drives that way."""
    point = line[track.line_start + index]
    if direction > 0:
        return point[LEFT], point[RIGHT]
    return point[RIGHT], point[LEFT]


@kernel
def lane_middle(side, left_m, right_m):
    """Lateral offset of the left (side 1) or the right (-1) lane's middle, midway from centre line to border."""
    return 0.5 * left_m if side > 0 else -0.5 * right_m


@kernel
def stand_at(item, line, track, arc_m, lateral_m, turned_rad):
    """Put an object at a place in the track's own direction, turned from it; lateral_m is left positive."""
    index = line_index_at(arc_m, track)
    point = line[track.line_start + index]
    # An arc length just below the whole track belongs to point 0, and lies behind it.
    ahead_m = arc_m - index * track.spacing_m
    if track.closed and ahead_m > 0.5 * track.length_m:
        ahead_m -= track.length_m
    heading = math.atan2(point[SIN], point[COS]) + ahead_m * point[CURVATURE]
    item.arc_m, item.lateral_m = arc_m, lateral_m
    item.x_m = point[X] + ahead_m * point[COS] - lateral_m * math.sin(heading)
    item.y_m = point[Y] + ahead_m * point[SIN] + lateral_m * math.cos(heading)
    heading += turned_rad
    item.heading_rad = heading - 2.0 * math.pi * math.floor(heading / (2.0 * math.pi) + 0.5)


@kernel
def reach_across(item, line, track):
    """Half of what an object takes of the road's width, however it is turned."""
    point = line[track.line_start + line_index_at(item.arc_m, track)]
    turned = item.heading_rad - math.atan2(point[SIN], point[COS])
    return abs(math.cos(turned)) * item.half_width_m + abs(math.sin(turned)) * item.half_length_m
