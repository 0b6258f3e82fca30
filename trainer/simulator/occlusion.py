"""In which order things are painted, so that what is nearer covers what is farther.

Two things that do not overlap have a plane between them. What lies on the eye's side of it may hide the other and is
never hidden by it: a test that, unlike the distance of their middles, is right for long things too.
"""

from __future__ import annotations

import numpy as np

from trainer.simulator.kernels import kernel


@kernel
def order_from_far(count, hides, distances, waits, order):
    """Fill order with 0 to count - 1, each after all that it may hide.

    hides: (count, count), whether the first may hide the second. distances: decide where that leaves a choice.
    waits: scratch.
    """
    for i in range(count):
        waits[i] = 0
        for j in range(count):
            waits[i] += hides[i, j]
    for place in range(count):
        best = -1
        for i in range(count):
            if waits[i] < 0:
                continue
            if best < 0:
                best = i
            elif (waits[i] == 0) != (waits[best] == 0):
                best = i if waits[i] == 0 else best
            elif distances[i] > distances[best]:
                best = i
        order[place] = best
        waits[best] = -1
        for i in range(count):
            if waits[i] > 0 and hides[i, best]:
                waits[i] -= 1


@kernel
def look_at_footprint(footprint, extremes, eye_x, eye_y):
    """Fill the directions of a footprint's rightmost and leftmost corner (4,): x, y, x, y; whether the eye is outside.

    footprint: (4, 2) corners, counter-clockwise.
    """
    outside = False
    for k in range(4):
        after = (k + 1) % 4
        x, y = footprint[k, 0] - eye_x, footprint[k, 1] - eye_y
        next_x, next_y = footprint[after, 0] - eye_x, footprint[after, 1] - eye_y
        outside |= x * next_y - y * next_x < 0.0
        if k == 0 or extremes[0] * y - extremes[1] * x < 0.0:
            extremes[0], extremes[1] = x, y
        if k == 0 or extremes[2] * y - extremes[3] * x > 0.0:
            extremes[2], extremes[3] = x, y
    return outside


@kernel
def is_left_of(a, b):
    """Whether all of b, as seen from the eye, is left of all of a. a, b: extremes."""
    return a[2] * b[1] - a[3] * b[0] > 0.0 and a[0] * b[1] - a[1] * b[0] > 0.0


@kernel
def never_hides(first, second, eye_x, eye_y):
    """Whether a side of either footprint separates them and the eye is not on the first one's side of it."""
    for owner in range(2):
        mine, other = (first, second) if owner == 0 else (second, first)
        for k in range(4):
            after = (k + 1) % 4
            # Outwards of the owner's side.
            x, y = mine[after, 1] - mine[k, 1], mine[k, 0] - mine[after, 0]
            side = x * mine[k, 0] + y * mine[k, 1]
            nearest = np.inf
            for corner in range(4):
                nearest = min(nearest, x * other[corner, 0] + y * other[corner, 1])
            if nearest < side:
                continue
            eye = x * eye_x + y * eye_y
            if (owner == 0 and eye >= side) or (owner == 1 and eye <= nearest):
                return True
    return False


@kernel
def compare_footprints(count, footprints, extremes, outside, eye_x, eye_y, hides):
    """Fill hides (count, count) for things with these footprints (count, 4, 2)."""
    for i in range(count):
        hides[i, i] = 0
        for j in range(i):
            apart = outside[i] and outside[j]
            if apart and (is_left_of(extremes[i], extremes[j]) or is_left_of(extremes[j], extremes[i])):
                hides[i, j], hides[j, i] = 0, 0
                continue
            never_i = never_hides(footprints[i], footprints[j], eye_x, eye_y)
            never_j = never_hides(footprints[j], footprints[i], eye_x, eye_y)
            hides[i, j], hides[j, i] = not never_i, not never_j
            if not (never_i or never_j):  # they overlap
                hides[i, j], hides[j, i] = 0, 0


@kernel
def compare_blocks(count, bounds, eye, slack, hides):
    """Fill hides (count, count) for blocks of one thing, all in its frame. bounds: (count, 3, 2) low, high; eye: (3,).

    slack: by how much blocks may overlap and still count as apart.
    """
    for i in range(count):
        for j in range(count):
            hides[i, j] = i != j
            for axis in range(3):
                low_i, high_i = bounds[i, axis, 0], bounds[i, axis, 1]
                low_j, high_j = bounds[j, axis, 0], bounds[j, axis, 1]
                if high_i <= low_j + slack and eye[axis] >= high_i:
                    hides[i, j] = 0
                if high_j <= low_i + slack and eye[axis] <= low_i:
                    hides[i, j] = 0
