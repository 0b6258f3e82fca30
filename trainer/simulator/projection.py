"""Where a point is along a track: the nearest piece of centre line near the last one, never another road close by."""

from __future__ import annotations

import numpy as np

from trainer.simulator.kernels import kernel
from trainer.simulator.track_arrays import COS, CURVATURE, LEFT, RIGHT, SIN, X, Y

# Line points looked at on either side. A car at 4 m/s moves 13 of them in a step of 1/15 s; a wheel or the front
# point is up to 8 from the origin on a straight and three times that on the inside of a bend as tight as the road.
REACH_MOVING = 30
REACH_ON_CAR = 24


@kernel
def nearest_index(line, track, guess, x, y, reach):
    """Index of the line point nearest to x, y among those within reach of the guess."""
    count, start = track.line_count, track.line_start
    best, nearest = guess, np.inf
    for k in range(guess - reach, guess + reach + 1):
        if track.closed:
            index = k + count if k < 0 else (k - count if k >= count else k)
        elif k < 0 or k >= count:
            continue
        else:
            index = k
        dx, dy = x - line[start + index, X], y - line[start + index, Y]
        distance = dx * dx + dy * dy
        if distance < nearest:
            best, nearest = index, distance
    return best


@kernel
def place_on_line(line, track, index, x, y):
    """Arc length and lateral offset of x, y, both in the track's own direction, from its nearest line point."""
    point = line[track.line_start + index]
    dx, dy = x - point[X], y - point[Y]
    lateral = dy * point[COS] - dx * point[SIN]
    along = dx * point[COS] + dy * point[SIN]
    stretch = max(1.0 - point[CURVATURE] * lateral, 0.3)
    arc = index * track.spacing_m + along / stretch
    if track.closed:
        arc -= track.length_m * np.floor(arc / track.length_m)
    return arc, lateral


@kernel
def is_on_road(line, track, guess, x, y):
    """Whether the point lies between the borders, or on them."""
    index = nearest_index(line, track, guess, x, y, REACH_ON_CAR)
    arc, lateral = place_on_line(line, track, index, x, y)
    if not track.closed and (arc < 0.0 or arc > track.length_m):
        return False
    point = line[track.line_start + index]
    return -point[RIGHT] <= lateral <= point[LEFT]


@kernel
def arc_in_direction(arc_m, direction, track):
    """An arc length of the track's own direction in the car's, or the other way round."""
    if direction > 0:
        return arc_m
    arc = track.length_m - arc_m
    return 0.0 if track.closed and arc >= track.length_m else arc
