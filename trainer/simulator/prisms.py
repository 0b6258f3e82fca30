"""One block painted: which of its faces look at the eye, and where their edges are; prism_rows.py fills the pixels.

An edge and the eye span a plane, and a ray is inside the face where it is on the inner side of the planes of all its
edges. That holds for any lens, and also for a face that reaches behind the camera: nothing is cut off at a near plane.
Places are in the camera's frame: right, down, forward.
"""

from __future__ import annotations

import math

import numpy as np

from trainer.simulator.kernels import kernel
from trainer.simulator.prism_rows import (
    LEFT_SIDE,
    LOWER_SIDE,
    OUTLINE_PLANES,
    RIGHT_SIDE,
    SIDE_SEAMS,
    STRIPE_PLANES,
    TOP_SEAMS,
    UPPER_SIDE,
    aim_rays,
    blend,
    cover_outline,
    shade_face,
    shade_plain,
)
from trainer.simulator.surface_rows import BLOCK_PX, ZERO, F
from trainer.simulator.view import NEAREST_M, bend

# Corners of a block: bit 0 front, bit 1 left, bit 2 top. Its bottom seen from above, counter-clockwise; side k, in the
# order front, left, rear, right, goes from corner k of these to the next.
RING = np.array([1, 3, 2, 0])
TOP, BOTTOM = 4, 5
ALWAYS_INSIDE = 1e6
FACE_PLANES, FACES = 6, 5
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
