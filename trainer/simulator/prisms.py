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
from trainer.simulator.surface_rows import BITS, COLUMN, HALF, ONE, PLACE_X, ZERO, F, saturated

# Corners of a block: bit 0 front, bit 1 left, bit 2 top. Its bottom seen from above, counter-clockwise; side k, in the
# order front, left, rear, right, goes from corner k of these to the next.
RING = np.array([1, 3, 2, 0])
TOP, BOTTOM = 4, 5
SHADED = PLACE_X  # the block's own level along a row of pixels, in the thread's scratch
# Planes of a row of pixels: how the distance from the edge in pixels changes with x, y, 1 and x^2 + y^2.
ALWAYS_INSIDE = 1e6
# Outlines are sorted by the side of the picture that they bound, two planes each.
LEFT_SIDE, RIGHT_SIDE, UPPER_SIDE, LOWER_SIDE = 0, 2, 4, 6
OUTLINE_PLANES, FACE_PLANES, FACES = 8, 6, 5
STRIPE_PLANES = 4  # the first of two
NEAR_M = 0.02
# A stripe is none, a band around the sides between two shares of the height, or tape over the top and down the front
# and the rear between two shares of the half width.
NO_STRIPE, BAND, TAPE = 0, 1, 2
SMALLEST_PX = 0.3

# What a thread's scratch holds for one block. levels: of each face and of its stripe. area: first row, last row + 1,
# first column, last column + 1. stripe: what it is, from where to where; ends: of its edge.
PRISM_FIELDS = (
    ("corners", np.float64, (8, 3)),
    ("outline", np.float32, (OUTLINE_PLANES, 4)),
    ("used", np.int64, (OUTLINE_PLANES,)),
    ("faces", np.float32, (FACES, FACE_PLANES, 4)),
    ("visible", np.int64, (6,)),
    ("levels", np.float32, (FACES, 2)),
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
    top, bottom, left, right = prism.area[0], prism.area[1], prism.area[2], prism.area[3]
    inverse_focal = 1.0 / view.focal_px
    for row in range(top, bottom):
        y = F((row + 0.5 - 0.5 * height) * inverse_focal)
        for k in range(faces):
            face = prism.face_order[k]
            shade_row(rows, prism.faces[face], y, left, right, prism.levels[face, 0], prism.levels[face, 1], k == 0)
        cover_row(levels[row + 1], rows, prism.outline, y, left, right)


@kernel
def bound_corners(corners, count, soft_px, view, height, width, area):
    """Fill the area that the hull of the corners and its soft edge may touch; returns whether there is any."""
    low_x, high_x, low_y, high_y = np.inf, -np.inf, np.inf, -np.inf
    behind = 0
    for k in range(count):
        right, down, ahead = corners[k, 0], corners[k, 1], corners[k, 2]
        if ahead < NEAR_M:
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
def bend(view, right, down):
    """Where the lens shows a direction, in focal lengths: the inverse of r_straight = r / (1 + curve r^2)."""
    squared = right * right + down * down
    factor = 2.0 / (1.0 + math.sqrt(max(1.0 - 4.0 * view.curve * squared, 0.0)))
    return right * factor, down * factor


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
        if ahead > NEAR_M:
            at_x, at_y = bend(view, right / ahead, down / ahead)
            at_x, at_y = min(max(at_x, -edge), edge), min(max(at_y, -edge), edge)
    to_right = x + 2.0 * view.curve * z * at_x
    to_below = y + 2.0 * view.curve * z * at_y
    length = math.sqrt(to_right * to_right + to_below * to_below)
    if length < 1e-12:
        return 0.0, 0.0
    scale = view.focal_px / length
    plane[0], plane[1], plane[2], plane[3] = x * scale, y * scale, z * scale, view.curve * z * scale
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
        for k in range(4):
            if visible[k]:
                a, b = RING[k] + 4, RING[(k + 1) % 4] + 4
                place_plane(prism.faces[TOP, k], corners[a], corners[b], view, edge)
        prism.face_order[count] = TOP
        count += 1
    return count


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
def along_row(planes, k, y):
    """A plane's distance along the row at y: factors of x^2 and of x, and the rest."""
    bent = planes[k, 3]
    return bent, planes[k, 0], fma(y, fma(y, bent, planes[k, 1]), planes[k, 2])


@kernel
def shade_row(rows, planes, y, first, last, level, stripe, whole):
    """Lay a face with its stripe over the block's own levels, in the columns first to last - 1."""
    bent_a, slope_a, rest_a = along_row(planes, 0, y)
    bent_b, slope_b, rest_b = along_row(planes, 1, y)
    bent_c, slope_c, rest_c = along_row(planes, 2, y)
    bent_d, slope_d, rest_d = along_row(planes, 3, y)
    bent_e, slope_e, rest_e = along_row(planes, STRIPE_PLANES, y)
    bent_f, slope_f, rest_f = along_row(planes, STRIPE_PLANES + 1, y)
    stripe -= level
    start, count = np.int32(first & BITS), (last - first) & BITS
    for c in range(count):
        x = rows[COLUMN + start + c]
        e, f = fma(x, fma(x, bent_e, slope_e), rest_e), fma(x, fma(x, bent_f, slope_f), rest_f)
        value = fma(saturated((e if e < f else f) + HALF), stripe, level)
        a, b = fma(x, fma(x, bent_a, slope_a), rest_a), fma(x, fma(x, bent_b, slope_b), rest_b)
        p, q = fma(x, fma(x, bent_c, slope_c), rest_c), fma(x, fma(x, bent_d, slope_d), rest_d)
        a, p = a if a < b else b, p if p < q else q
        share = ONE if whole else saturated((a if a < p else p) + HALF)
        below = ZERO if whole else rows[SHADED + start + c]
        rows[SHADED + start + c] = fma(share, value - below, below)


@kernel
def cover_row(level, rows, planes, y, first, last):
    """Put the block's own levels over the picture's by the share of each pixel within the outline."""
    bent_a, slope_a, rest_a = along_row(planes, LEFT_SIDE, y)
    bent_b, slope_b, rest_b = along_row(planes, LEFT_SIDE + 1, y)
    bent_c, slope_c, rest_c = along_row(planes, RIGHT_SIDE, y)
    bent_d, slope_d, rest_d = along_row(planes, RIGHT_SIDE + 1, y)
    bent_e, slope_e, rest_e = along_row(planes, UPPER_SIDE, y)
    bent_f, slope_f, rest_f = along_row(planes, UPPER_SIDE + 1, y)
    bent_g, slope_g, rest_g = along_row(planes, LOWER_SIDE, y)
    bent_h, slope_h, rest_h = along_row(planes, LOWER_SIDE + 1, y)
    start, count = np.int32(first & BITS), (last - first) & BITS
    for c in range(count):
        x = rows[COLUMN + start + c]
        a, b = fma(x, fma(x, bent_a, slope_a), rest_a), fma(x, fma(x, bent_b, slope_b), rest_b)
        p, q = fma(x, fma(x, bent_c, slope_c), rest_c), fma(x, fma(x, bent_d, slope_d), rest_d)
        # What is missing on the left and on the right adds up: right for things thinner than a pixel too.
        beside = saturated((a if a < b else b) + HALF) + saturated((p if p < q else q) + HALF) - ONE
        a, b = fma(x, fma(x, bent_e, slope_e), rest_e), fma(x, fma(x, bent_f, slope_f), rest_f)
        p, q = fma(x, fma(x, bent_g, slope_g), rest_g), fma(x, fma(x, bent_h, slope_h), rest_h)
        above = saturated((a if a < b else b) + HALF) + saturated((p if p < q else q) + HALF) - ONE
        beside, above = beside if beside > ZERO else ZERO, above if above > ZERO else ZERO
        under = level[start + c + 1]
        level[start + c + 1] = fma(beside * above, rows[SHADED + start + c] - under, under)
