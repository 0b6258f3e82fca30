"""Pixels of one block: their rays, the block's own level there, the share of each that it covers. Inner loops.

prisms.py says what the planes are: a place is inside of one where its product with the pixel's ray is positive. The
loops keep to the rules of surface_rows.py, over a whole number of vectors.
"""

from __future__ import annotations

from trainer.simulator.fused import fma
from trainer.simulator.kernels import kernel
from trainer.simulator.surface_rows import (
    BITS,
    COLUMN,
    FALL,
    HALF,
    HEIGHT,
    ONE,
    PLACE_X,
    PLACE_Y,
    WIDTH,
    ZERO,
    F,
    saturated,
)

# Of a block of pixels, in the thread's scratch: their rays, the block's own level there, the share that it covers.
RIGHT, DOWN, AHEAD, SHADED, COVERED = PLACE_X, PLACE_Y, FALL, HEIGHT, WIDTH
VECTOR = 16
# Outlines are sorted by the side of the picture that they bound, two planes each.
LEFT_SIDE, RIGHT_SIDE, UPPER_SIDE, LOWER_SIDE = 0, 2, 4, 6
OUTLINE_PLANES = 8
SIDE_SEAMS, TOP_SEAMS = 2, 3  # of a block without a stripe
STRIPE_PLANES = 4  # the first of two, after those that bound a face


@kernel
def aim_rays(rows, view, first, last, left, wide, height):
    """Fill the rays of a block of pixels, rows first to last - 1 and wide columns from the left; returns how many.

    They are padded to a whole number of vectors.
    """
    curve, inverse_focal = F(view.curve), 1.0 / view.focal_px
    left, wide = left & BITS, wide & BITS
    for row in range(first, last):
        y = F((row + 0.5 - 0.5 * height) * inverse_focal)
        straight = fma(y * y, curve, ONE)
        base = ((row - first) * wide) & BITS
        for c in range(wide):
            x = rows[COLUMN + left + c]
            rows[RIGHT + base + c] = x
            rows[DOWN + base + c] = y
            rows[AHEAD + base + c] = fma(x * x, curve, straight)
    return ((last - first) * wide + VECTOR - 1) // VECTOR * VECTOR


@kernel
def shade_plain(rows, seams, shades, count):
    """Fill the block's own levels: up to three sides and the top, without stripes."""
    ax, ay, az = seams[0, 0], seams[0, 1], seams[0, 2]
    bx, by, bz = seams[1, 0], seams[1, 1], seams[1, 2]
    cx, cy, cz = seams[2, 0], seams[2, 1], seams[2, 2]
    dx, dy, dz = seams[3, 0], seams[3, 1], seams[3, 2]
    ex, ey, ez = seams[4, 0], seams[4, 1], seams[4, 2]
    first, second, third, top = shades[0], shades[1], shades[2], shades[3]
    second -= first
    for c in range((count // VECTOR & BITS) * VECTOR):
        x, y, z = rows[RIGHT + c], rows[DOWN + c], rows[AHEAD + c]
        a, b = fma(x, ax, fma(y, ay, z * az)), fma(x, bx, fma(y, by, z * bz))
        value = fma(saturated(a + HALF), second, first)
        value = fma(saturated(b + HALF), third - value, value)
        p, q = fma(x, cx, fma(y, cy, z * cz)), fma(x, dx, fma(y, dy, z * dz))
        e = fma(x, ex, fma(y, ey, z * ez))
        p = p if p < q else q
        rows[SHADED + c] = fma(saturated((p if p < e else e) + HALF), top - value, value)


@kernel
def shade_face(rows, planes, count, level, stripe, whole):
    """Lay a face with its stripe over the block's own levels; whole: it is the first and fills all of the outline."""
    ax, ay, az = planes[0, 0], planes[0, 1], planes[0, 2]
    bx, by, bz = planes[1, 0], planes[1, 1], planes[1, 2]
    cx, cy, cz = planes[2, 0], planes[2, 1], planes[2, 2]
    dx, dy, dz = planes[3, 0], planes[3, 1], planes[3, 2]
    ex, ey, ez = planes[STRIPE_PLANES, 0], planes[STRIPE_PLANES, 1], planes[STRIPE_PLANES, 2]
    fx, fy, fz = planes[STRIPE_PLANES + 1, 0], planes[STRIPE_PLANES + 1, 1], planes[STRIPE_PLANES + 1, 2]
    stripe -= level
    for c in range((count // VECTOR & BITS) * VECTOR):
        x, y, z = rows[RIGHT + c], rows[DOWN + c], rows[AHEAD + c]
        e, f = fma(x, ex, fma(y, ey, z * ez)), fma(x, fx, fma(y, fy, z * fz))
        value = fma(saturated((e if e < f else f) + HALF), stripe, level)
        a, b = fma(x, ax, fma(y, ay, z * az)), fma(x, bx, fma(y, by, z * bz))
        p, q = fma(x, cx, fma(y, cy, z * cz)), fma(x, dx, fma(y, dy, z * dz))
        a, p = a if a < b else b, p if p < q else q
        share = ONE if whole else saturated((a if a < p else p) + HALF)
        below = ZERO if whole else rows[SHADED + c]
        rows[SHADED + c] = fma(share, value - below, below)


@kernel
def cover_outline(rows, planes, count):
    """Fill the share of each pixel that lies within the outline."""
    ax, ay, az = planes[LEFT_SIDE, 0], planes[LEFT_SIDE, 1], planes[LEFT_SIDE, 2]
    bx, by, bz = planes[LEFT_SIDE + 1, 0], planes[LEFT_SIDE + 1, 1], planes[LEFT_SIDE + 1, 2]
    cx, cy, cz = planes[RIGHT_SIDE, 0], planes[RIGHT_SIDE, 1], planes[RIGHT_SIDE, 2]
    dx, dy, dz = planes[RIGHT_SIDE + 1, 0], planes[RIGHT_SIDE + 1, 1], planes[RIGHT_SIDE + 1, 2]
    ex, ey, ez = planes[UPPER_SIDE, 0], planes[UPPER_SIDE, 1], planes[UPPER_SIDE, 2]
    fx, fy, fz = planes[UPPER_SIDE + 1, 0], planes[UPPER_SIDE + 1, 1], planes[UPPER_SIDE + 1, 2]
    gx, gy, gz = planes[LOWER_SIDE, 0], planes[LOWER_SIDE, 1], planes[LOWER_SIDE, 2]
    hx, hy, hz = planes[LOWER_SIDE + 1, 0], planes[LOWER_SIDE + 1, 1], planes[LOWER_SIDE + 1, 2]
    for c in range((count // VECTOR & BITS) * VECTOR):
        x, y, z = rows[RIGHT + c], rows[DOWN + c], rows[AHEAD + c]
        a, b = fma(x, ax, fma(y, ay, z * az)), fma(x, bx, fma(y, by, z * bz))
        p, q = fma(x, cx, fma(y, cy, z * cz)), fma(x, dx, fma(y, dy, z * dz))
        # What is missing on the left and on the right adds up: right for things thinner than a pixel too.
        beside = saturated((a if a < b else b) + HALF) + saturated((p if p < q else q) + HALF) - ONE
        a, b = fma(x, ex, fma(y, ey, z * ez)), fma(x, fx, fma(y, fy, z * fz))
        p, q = fma(x, gx, fma(y, gy, z * gz)), fma(x, hx, fma(y, hy, z * hz))
        above = saturated((a if a < b else b) + HALF) + saturated((p if p < q else q) + HALF) - ONE
        beside, above = beside if beside > ZERO else ZERO, above if above > ZERO else ZERO
        rows[COVERED + c] = beside * above


@kernel
def blend(levels, rows, first, last, left, wide):
    """Put the block's own levels over those of the picture."""
    left, wide = left & BITS, wide & BITS
    for row in range(first, last):
        level = levels[row + 1]
        base = ((row - first) * wide) & BITS
        for c in range(wide):
            under = level[left + 1 + c]
            level[left + 1 + c] = fma(rows[COVERED + base + c], rows[SHADED + base + c] - under, under)
