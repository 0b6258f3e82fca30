"""One block painted: which of its faces look at the eye, where their edges are, how much of a pixel they cover.

An edge and the eye span a plane, and a ray is inside the face where it is on the inner side of the planes of all its
edges. That holds for any lens, and also for a face that reaches behind the camera: nothing is cut off at a near plane.
Places are in the camera's frame: right, down, forward.
"""

from __future__ import annotations

import math

import numpy as np

from trainer.simulator.fused import fma
from trainer.simulator.kernels import kernel
from trainer.simulator.surface_rows import (
    BITS,
    BLOCK_PX,
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
from trainer.simulator.view import NEAREST_M, bend

# Corners of a block: bit 0 front, bit 1 left, bit 2 top. Its bottom seen from above, counter-clockwise; side k, in the
# order front, left, rear, right, goes from corner k of these to the next.
RING = np.array([1, 3, 2, 0])
TOP, BOTTOM = 4, 5
# Of a block of pixels, in the thread's scratch: their rays, the block's own level there, the share that it covers.
RIGHT, DOWN, AHEAD, SHADED, COVERED = PLACE_X, PLACE_Y, FALL, HEIGHT, WIDTH
VECTOR = 16
ALWAYS_INSIDE = 1e6
# Outlines are sorted by the side of the picture that they bound, two planes each.
LEFT_SIDE, RIGHT_SIDE, UPPER_SIDE, LOWER_SIDE = 0, 2, 4, 6
OUTLINE_PLANES, FACE_PLANES, FACES = 8, 6, 5
SIDE_SEAMS, TOP_SEAMS = 2, 3  # of a block without a stripe
STRIPE_PLANES = 4  # the first of two
# A stripe is none, a band around the sides between two shares of the height, or tape over the top and down the front
# and the rear between two shares of the half width.
NO_STRIPE, BAND, TAPE = 0, 1, 2
SMALLEST_PX = 0.3

# What a thread's scratch holds for one block. levels: of each face and of its stripe. area: first row, last row + 1,
# first column, last column + 1. stripe: what it is, from where to where; ends: of its edge.
PRISM_FIELDS = (
    ("corners", np.float64, (8, 3)),
    ("outline", np.float32, (OUTLINE_PLANES, 3)),
    ("used", np.int64, (OUTLINE_PLANES,)),
    ("faces", np.float32, (FACES, FACE_PLANES, 3)),
    ("visible", np.int64, (6,)),
    ("levels", np.float32, (FACES, 2)),
    ("seams", np.float32, (SIDE_SEAMS + TOP_SEAMS, 3)),
    ("shades", np.float32, (SIDE_SEAMS + 2,)),
    ("face_order", np.int64, (FACES,)),
    ("stripe", np.float64, (3,)),
    ("ends", np.float64, (2, 3)),
    ("area", np.int64, (4,)),
)


@kernel
def paint_prism(levels, rows, view, prism):
    """Paint the block whose corners and levels are in the prism over levels (H + 2, W + 2)."""
    height, width = levels.shape[0] - 2, levels.shape[1] - 2
    if not bound_corners(prism.corners, 8, 0.5, view, height, width, prism.area) or not find_visible(prism):
        return
    edge = 0.5 * width / view.focal_px
    outline_block(prism, view, edge)
    faces = divide_faces(prism, view, edge)
    plain = join_faces(prism, faces)
    wide = prism.area[3] - prism.area[2]
    block = max(1, BLOCK_PX // wide)
    for first in range(prism.area[0], prism.area[1], block):
        last = min(first + block, prism.area[1])
        count = aim_rays(rows, view, first, last, prism.area[2], wide, height)
        if plain:
            shade_plain(rows, prism.seams, prism.shades, count)
        else:
            for k in range(faces):
                face = prism.face_order[k]
                shade_face(rows, prism.faces[face], count, prism.levels[face, 0], prism.levels[face, 1], k == 0)
        cover_outline(rows, prism.outline, count)
        blend(levels, rows, first, last, prism.area[2], wide)


@kernel
def bound_corners(corners, count, soft_px, view, height, width, area):
    """Fill the area that the hull of the corners and its soft edge may touch; returns whether there is any."""
    low_x, high_x, low_y, high_y = np.inf, -np.inf, np.inf, -np.inf
    behind = 0
    for k in range(count):
        right, down, ahead = corners[k, 0], corners[k, 1], corners[k, 2]
        if ahead < NEAREST_M:
            behind += 1
            continue
        x, y = bend(view, right / ahead, down / ahead)
        low_x, high_x, low_y, high_y = min(low_x, x), max(high_x, x), min(low_y, y), max(high_y, y)
    half_x, half_y = 0.5 * width, 0.5 * height
    if behind > 0:
        # Some of it is beside the camera or behind it: it may cover anything.
        area[0], area[1], area[2], area[3] = 0, height, 0, width
        return True
    reach = max(high_x - low_x, high_y - low_y) * view.focal_px
    if reach < SMALLEST_PX:
        return False
    # A bent line leaves its chord by at most about chord^2 / 8 times the curvature, the root of -curve.
    chord = (high_x - low_x) * (high_x - low_x) + (high_y - low_y) * (high_y - low_y)
    margin = soft_px + 0.5 + 0.16 * chord * math.sqrt(max(-view.curve, 0.0)) * view.focal_px
    area[0] = max(math.floor(low_y * view.focal_px + half_y - margin), 0)
    area[1] = min(math.ceil(high_y * view.focal_px + half_y + margin), height)
    area[2] = max(math.floor(low_x * view.focal_px + half_x - margin), 0)
    area[3] = min(math.ceil(high_x * view.focal_px + half_x + margin), width)
    return area[0] < area[1] and area[2] < area[3]


@kernel
def is_facing(a, b, c):
    """Whether the face with these corners, counter-clockwise seen from outside, looks at the eye."""
    x, y, z = normal(a, b)
    return x * c[0] + y * c[1] + z * c[2] > 0.0


@kernel
def normal(start, end):
    """The plane through the eye and an edge; positive on the left of the edge, where the inside of the face is."""
    return (
        end[1] * start[2] - end[2] * start[1],
        end[2] * start[0] - end[0] * start[2],
        end[0] * start[1] - end[1] * start[0],
    )


@kernel
def find_visible(prism):
    """Fill which faces look at the eye; returns how many do."""
    corners, visible = prism.corners, prism.visible
    count = 0
    for k in range(4):
        a, b = RING[k], RING[(k + 1) % 4]
        visible[k] = is_facing(corners[a], corners[b], corners[b + 4])
        count += visible[k]
    visible[TOP] = is_facing(corners[RING[0] + 4], corners[RING[1] + 4], corners[RING[2] + 4])
    visible[BOTTOM] = is_facing(corners[RING[2]], corners[RING[1]], corners[RING[0]])
    return count + visible[TOP] + visible[BOTTOM]


@kernel
def place_plane(plane, start, end, view, edge):
    """Fill the plane of an edge, in pixels; returns how the distance grows to the right and down, or zeros for none."""
    x, y, z = normal(start, end)
    at_x, at_y = 0.0, 0.0
    if view.curve != 0.0:
        # The lens changes the scale along the edge: right in its middle, and good enough at its ends.
        right, down, ahead = start[0] + end[0], start[1] + end[1], start[2] + end[2]
        if ahead > NEAREST_M:
            at_x, at_y = bend(view, right / ahead, down / ahead)
            at_x, at_y = min(max(at_x, -edge), edge), min(max(at_y, -edge), edge)
    to_right = x + 2.0 * view.curve * z * at_x
    to_below = y + 2.0 * view.curve * z * at_y
    length = math.sqrt(to_right * to_right + to_below * to_below)
    if length < 1e-12:
        return 0.0, 0.0
    scale = view.focal_px / length
    plane[0], plane[1], plane[2] = x * scale, y * scale, z * scale
    return to_right / length, to_below / length


@kernel
def clear_planes(planes):
    """Make everything inside."""
    planes[:] = ZERO
    planes[:, 2] = F(ALWAYS_INSIDE)


@kernel
def outline_block(prism, view, edge):
    """Fill the outline: the edges between a face that looks at the eye and one that does not."""
    corners, visible = prism.corners, prism.visible
    clear_planes(prism.outline)
    prism.used[:] = 0
    for k in range(4):
        a, b, before = RING[k], RING[(k + 1) % 4], (k + 3) % 4
        if visible[k] != visible[BOTTOM]:
            add_outline(prism, corners[a], corners[b], visible[k], view, edge)
        if visible[k] != visible[TOP]:
            add_outline(prism, corners[a + 4], corners[b + 4], visible[TOP], view, edge)
        if visible[k] != visible[before]:
            add_outline(prism, corners[a], corners[a + 4], visible[before], view, edge)


@kernel
def add_outline(prism, start, end, forward, view, edge):
    """Add an edge to the outline; forward: the visible face lies on its left."""
    plane = prism.faces[0, 0]  # free until the faces are divided
    if forward:
        to_right, to_below = place_plane(plane, start, end, view, edge)
    else:
        to_right, to_below = place_plane(plane, end, start, view, edge)
    if to_right == 0.0 and to_below == 0.0:
        return
    beside = LEFT_SIDE if to_right > 0.0 else RIGHT_SIDE
    above = UPPER_SIDE if to_below > 0.0 else LOWER_SIDE
    first, second = (beside, above) if abs(to_right) > abs(to_below) else (above, beside)
    slot = first
    for k in range(4 + OUTLINE_PLANES):
        slot = first + k if k < 2 else (second + k - 2 if k < 4 else k - 4)
        if not prism.used[slot]:
            break
    prism.used[slot] = 1
    prism.outline[slot] = plane


@kernel
def divide_faces(prism, view, edge):
    """Fill the order in which faces are laid over each other and the planes that bound each; returns how many.

    The first fills the whole outline, each further side all that is left of the edge where it begins, the top itself.
    """
    corners, visible, count = prism.corners, prism.visible, 0
    start = 0
    for k in range(4):
        if visible[k] and not visible[(k + 3) % 4]:
            start = k
    for step in range(4):
        k = (start + step) % 4
        if not visible[k]:
            continue
        clear_planes(prism.faces[k])
        add_stripe(prism, k, view, edge)
        a, b = RING[k], RING[(k + 1) % 4]
        if count > 0:
            place_plane(prism.faces[k, 0], corners[a + 4], corners[a], view, edge)
        if count == 3:
            place_plane(prism.faces[k, 1], corners[b], corners[b + 4], view, edge)
        prism.face_order[count] = k
        count += 1
    if visible[TOP]:
        clear_planes(prism.faces[TOP])
        add_stripe(prism, TOP, view, edge)
        for step in range(count):
            k = prism.face_order[step]
            a, b = RING[k] + 4, RING[(k + 1) % 4] + 4
            place_plane(prism.faces[TOP, step], corners[a], corners[b], view, edge)
        prism.face_order[count] = TOP
        count += 1
    return count


@kernel
def join_faces(prism, faces):
    """Fill what shade_plain needs; False if the block has a stripe or too many faces for that."""
    sides = faces - prism.visible[TOP]
    if prism.stripe[0] != NO_STRIPE or sides > SIDE_SEAMS + 1:
        return False
    prism.seams[:] = ZERO
    prism.seams[:, 2] = F(-ALWAYS_INSIDE)
    for k in range(SIDE_SEAMS + 1):
        prism.shades[k] = prism.levels[prism.face_order[min(k, faces - 1)], 0]
    prism.shades[SIDE_SEAMS + 1] = prism.levels[TOP, 0]
    for k in range(1, sides):
        prism.seams[k - 1] = prism.faces[prism.face_order[k], 0]
    if prism.visible[TOP] and sides > 0:
        for k in range(TOP_SEAMS):
            prism.seams[SIDE_SEAMS + k] = prism.faces[TOP, k]
    return True


@kernel
def add_stripe(prism, face, view, edge):
    """Fill the planes that bound the stripe on a face."""
    planes, corners, kind = prism.faces[face], prism.corners, prism.stripe[0]
    if not ((kind == BAND and face != TOP) or (kind == TAPE and (face == TOP or face == 0 or face == 2))):
        planes[STRIPE_PLANES, 2] = F(-ALWAYS_INSIDE)
        return
    for k in range(2):
        share = prism.stripe[1 + k]
        if face == TOP:
            # Along the thing, between two lines from the rear to the front.
            share = 0.5 + 0.5 * share
            between(prism.ends[k], corners[RING[3] + 4], corners[RING[2] + 4], share)
            between(prism.ends[1 - k], corners[RING[0] + 4], corners[RING[1] + 4], share)
        else:
            a, b = RING[face], RING[(face + 1) % 4]
            if kind == BAND:
                between(prism.ends[k], corners[a], corners[a + 4], share)
                between(prism.ends[1 - k], corners[b], corners[b + 4], share)
            else:
                share = 0.5 + 0.5 * share
                between(prism.ends[k], corners[a + 4], corners[b + 4], share)
                between(prism.ends[1 - k], corners[a], corners[b], share)
        place_plane(planes[STRIPE_PLANES + k], prism.ends[0], prism.ends[1], view, edge)


@kernel
def between(point, start, end, share):
    """Fill a point on the way from start to end."""
    for k in range(3):
        point[k] = start[k] + share * (end[k] - start[k])


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
