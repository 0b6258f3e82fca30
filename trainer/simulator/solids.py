"""Boxes, cars and barriers over a picture that shows ground and walls: shadows first, then things from far to near.

One implementation for the training camera's grey picture and for each channel of the colour pictures.
"""

from __future__ import annotations

import math

import numpy as np

from trainer.simulator.fused import fma
from trainer.simulator.kernels import kernel
from trainer.simulator.occlusion import compare_blocks, compare_footprints, look_at_footprint, order_from_far
from trainer.simulator.prism_rows import AHEAD, COVERED, DOWN, RIGHT, VECTOR, aim_rays
from trainer.simulator.prisms import (
    PRISM_FIELDS,
    SMALLEST_PX,
    TOP,
    bound_corners,
    clear_planes,
    paint_prism,
    place_plane,
)
from trainer.simulator.surface_rows import BITS, BLOCK_PX, HALF, ONE, F, saturated
from trainer.simulator.thing_shapes import (
    BLOCKS,
    BLOCKS_OF_KIND,
    BOTTOM_X_HIGH,
    BOTTOM_X_LOW,
    BOTTOM_Y_HIGH,
    BOTTOM_Y_LOW,
    BOTTOM_Z,
    FARTHEST,
    LEAN_FRONT,
    LEVEL,
    MOST_BLOCKS,
    NEAREST,
    SHADE,
    STEERED,
    STRIPE,
    STRIPE_HIGH,
    STRIPE_LEVEL,
    STRIPE_LOW,
    STRIPE_SHADE,
    TOP_X_HIGH,
    TOP_X_LOW,
    TOP_Y_HIGH,
    TOP_Y_LOW,
    TOP_Z,
)
from trainer.simulator.things import MOST_THINGS, Kind
from trainer.simulator.view import NEAREST_M

# How bright a face is: its share of the sky's light, and how that of the lamp changes with the face's direction. What
# lies flat has the thing's own level.
SKY, LAMP_BESIDE, LAMP_ABOVE = 0.62, 0.25, 0.38
# A shadow reaches this share of the thing's height; its edge is soft over this width.
SHADOW_REACH, SHADOW_EDGE_M = 0.6, 0.03
# Under a car, in this share of its length and width, it is so much darker.
UNDER_CAR, UNDER_CAR_DARKER, DARKEST = 0.9, 1.5, 0.9
# Blocks of a thing may overlap by this share of its height.
SLACK = 0.07
FIRST_CAR, LAST_CAR, NOTHING = int(Kind.PARKED_CAR), int(Kind.LEARNED_CAR), int(Kind.NOTHING)
# Not plain whole numbers, or everything would be compiled once more for each.
GREY, RED, GREEN = np.int64(0), np.int64(1), np.int64(2)
THREE = F(3.0)

# One thread's scratch. seen: indices of the things in the picture. frame: the thing's axes and place as the camera
# sees them. light: of its faces, and its own level.
SOLIDS = np.dtype(
    [
        *PRISM_FIELDS,
        ("seen", np.int64, (MOST_THINGS,)),
        ("outside", np.int64, (MOST_THINGS,)),
        ("footprints", np.float64, (MOST_THINGS, 4, 2)),
        ("extremes", np.float64, (MOST_THINGS, 4)),
        ("distances", np.float64, (MOST_THINGS,)),
        ("waits", np.int64, (MOST_THINGS,)),
        ("order", np.int64, (MOST_THINGS,)),
        ("hides", np.uint8, (MOST_THINGS, MOST_THINGS)),
        ("frame", np.float64, (4, 3)),
        ("eye", np.float64, (3,)),
        ("lamp", np.float64, (2,)),
        ("bounds", np.float64, (MOST_BLOCKS, 3, 2)),
        ("blocks", np.int64, (MOST_BLOCKS,)),
        ("block_distances", np.float64, (MOST_BLOCKS,)),
        ("block_waits", np.int64, (MOST_BLOCKS,)),
        ("block_order", np.int64, (MOST_BLOCKS,)),
        ("block_hides", np.uint8, (MOST_BLOCKS, MOST_BLOCKS)),
    ]
)


@kernel
def paint_things(levels, view, draw, things, count, channel, rows, solids):
    """Paint the first count things over levels (H + 2, W + 2) of one channel: 0 grey, 1 red, 2 green, 3 blue.

    rows: the thread's scratch as draw_levels left it. solids: SOLIDS.
    """
    height, width = levels.shape[0] - 2, levels.shape[1] - 2
    seen = find_seen(solids, view, things, count, height, width)
    if seen == 0:
        return
    for k in range(seen):
        thing = things[solids.seen[k]]
        face_thing(solids, view, draw, thing)
        paint_shadow(levels, rows, view, solids, thing, 1.0, SHADOW_REACH, draw.shadow_strength)
        under_car = min(UNDER_CAR_DARKER * draw.shadow_strength, DARKEST)
        if FIRST_CAR <= thing.kind <= LAST_CAR:
            paint_shadow(levels, rows, view, solids, thing, UNDER_CAR, 0.0, under_car)
    compare_footprints(seen, solids.footprints, solids.extremes, solids.outside, view.x_m, view.y_m, solids.hides)
    order_from_far(seen, solids.hides, solids.distances, solids.waits, solids.order)
    for k in range(seen):
        thing = things[solids.seen[solids.order[k]]]
        face_thing(solids, view, draw, thing)
        paint_thing(levels, rows, view, draw, thing, channel, solids)


@kernel
def find_seen(solids, view, things, count, height, width):
    """Fill which things may be in the picture, with their footprints and distances; returns how many."""
    x, y = 0.5 * width / view.focal_px, 0.5 * height / view.focal_px
    aside, straight = math.sqrt(x * x + y * y), 1.0 + view.curve * (x * x + y * y)
    # The cone around all the picture's rays.
    length = math.sqrt(aside * aside + straight * straight)
    sin, cos = aside / length, straight / length
    seen = 0
    for i in range(count):
        thing = things[i]
        if thing.kind == NOTHING:
            continue
        dx, dy, dz = thing.x_m - view.x_m, thing.y_m - view.y_m, 0.5 * thing.height_m - view.z_m
        ahead = dx * view.forward_x + dy * view.forward_y + dz * view.forward_z
        squared = dx * dx + dy * dy + dz * dz
        beside = math.sqrt(max(squared - ahead * ahead, 0.0))
        radius = math.sqrt(thing.half_length_m * thing.half_length_m + thing.half_width_m * thing.half_width_m)
        radius += (0.5 + SHADOW_REACH) * thing.height_m
        distance = math.sqrt(squared)
        if beside * cos - ahead * sin > radius or 2.0 * radius * view.focal_px < SMALLEST_PX * distance:
            continue
        solids.seen[seen], solids.distances[seen] = i, distance
        place_footprint(solids.footprints[seen], thing)
        solids.outside[seen] = look_at_footprint(solids.footprints[seen], solids.extremes[seen], view.x_m, view.y_m)
        seen += 1
    return seen


@kernel
def place_footprint(footprint, thing):
    """Fill the corners (4, 2) of the rectangle that a thing stands on, counter-clockwise from its front right."""
    cos, sin = math.cos(thing.heading_rad), math.sin(thing.heading_rad)
    for k in range(4):
        x = thing.half_length_m if k < 2 else -thing.half_length_m
        y = thing.half_width_m if k == 1 or k == 2 else -thing.half_width_m
        footprint[k, 0] = thing.x_m + x * cos - y * sin
        footprint[k, 1] = thing.y_m + x * sin + y * cos


@kernel
def face_thing(solids, view, draw, thing):
    """Fill the thing's axes and place in the camera's frame, and the eye and the lamp in the thing's own."""
    cos, sin = math.cos(thing.heading_rad), math.sin(thing.heading_rad)
    dx, dy = thing.x_m - view.x_m, thing.y_m - view.y_m
    frame = solids.frame
    frame[0, 0] = cos * view.right_x + sin * view.right_y
    frame[0, 1] = cos * view.down_x + sin * view.down_y
    frame[0, 2] = cos * view.forward_x + sin * view.forward_y
    frame[1, 0] = cos * view.right_y - sin * view.right_x
    frame[1, 1] = cos * view.down_y - sin * view.down_x
    frame[1, 2] = cos * view.forward_y - sin * view.forward_x
    frame[2, 0], frame[2, 1], frame[2, 2] = view.right_z, view.down_z, view.forward_z
    frame[3, 0] = dx * view.right_x + dy * view.right_y - view.z_m * view.right_z
    frame[3, 1] = dx * view.down_x + dy * view.down_y - view.z_m * view.down_z
    frame[3, 2] = dx * view.forward_x + dy * view.forward_y - view.z_m * view.forward_z
    solids.eye[0], solids.eye[1], solids.eye[2] = -(cos * dx + sin * dy), sin * dx - cos * dy, view.z_m
    lamp = math.radians(draw.light_direction_deg) - thing.heading_rad
    solids.lamp[0], solids.lamp[1] = math.cos(lamp), math.sin(lamp)


@kernel
def place_corner(corner, frame, x, y, z):
    """Fill a point of the thing's frame in the camera's."""
    for k in range(3):
        corner[k] = frame[3, k] + x * frame[0, k] + y * frame[1, k] + z * frame[2, k]


@kernel
def paint_shadow(levels, rows, view, solids, thing, share, reach, strength):
    """Darken the ground under a share of the thing's footprint and of that footprint moved away from the lamp."""
    height, width = levels.shape[0] - 2, levels.shape[1] - 2
    half_x, half_y = share * thing.half_length_m, share * thing.half_width_m
    away_x, away_y = -reach * thing.height_m * solids.lamp[0], -reach * thing.height_m * solids.lamp[1]
    corners, count = solids.corners, 0
    # The hull of both rectangles: its sides are those of the moved one where they face away from the lamp.
    for k in range(4):
        x, y = half_x if k < 2 else -half_x, half_y if k == 1 or k == 2 else -half_y
        # The sides before and after this corner: right, front, left, rear.
        moved_before = (-away_y, away_x, away_y, -away_x)[k] > 0.0
        moved_after = (away_x, away_y, -away_x, -away_y)[k] > 0.0
        for moved in (moved_before, moved_after):
            place_corner(corners[count], solids.frame, x + away_x * moved, y + away_y * moved, 0.0)
            count += 1
            if moved_before == moved_after:
                break
    nearest = math.sqrt(
        solids.frame[3, 0] * solids.frame[3, 0]
        + solids.frame[3, 1] * solids.frame[3, 1]
        + solids.frame[3, 2] * solids.frame[3, 2]
    )
    soft_px = max(SHADOW_EDGE_M * view.focal_px / max(nearest, NEAREST_M), 1.0)
    if not bound_corners(corners, count, soft_px, view, height, width, solids.area):
        return
    planes, edge = solids.faces[0], 0.5 * width / view.focal_px
    clear_planes(planes)
    for k in range(count):
        place_plane(planes[k], corners[k], corners[(k + 1) % count], view, edge)
        planes[k] /= F(soft_px)
    wide = solids.area[3] - solids.area[2]
    block = max(1, BLOCK_PX // wide)
    for first in range(solids.area[0], solids.area[1], block):
        last = min(first + block, solids.area[1])
        cast_shadow(rows, planes, aim_rays(rows, view, first, last, solids.area[2], wide, height), F(strength))
        darken(levels, rows, first, last, solids.area[2], wide)


@kernel
def cast_shadow(rows, planes, count, strength):
    """Fill how much light is left in each pixel of a block; dark is what lies within all planes."""
    ax, ay, az = planes[0, 0], planes[0, 1], planes[0, 2]
    bx, by, bz = planes[1, 0], planes[1, 1], planes[1, 2]
    cx, cy, cz = planes[2, 0], planes[2, 1], planes[2, 2]
    dx, dy, dz = planes[3, 0], planes[3, 1], planes[3, 2]
    ex, ey, ez = planes[4, 0], planes[4, 1], planes[4, 2]
    fx, fy, fz = planes[5, 0], planes[5, 1], planes[5, 2]
    for c in range((count // VECTOR & BITS) * VECTOR):
        x, y, z = rows[RIGHT + c], rows[DOWN + c], rows[AHEAD + c]
        a, b = fma(x, ax, fma(y, ay, z * az)), fma(x, bx, fma(y, by, z * bz))
        p, q = fma(x, cx, fma(y, cy, z * cz)), fma(x, dx, fma(y, dy, z * dz))
        e, f = fma(x, ex, fma(y, ey, z * ez)), fma(x, fx, fma(y, fy, z * fz))
        a, p, e = a if a < b else b, p if p < q else q, e if e < f else f
        a = a if a < p else p
        share = saturated((a if a < e else e) + HALF)
        rows[COVERED + c] = ONE - strength * share * share * (THREE - share - share)


@kernel
def darken(levels, rows, first, last, left, wide):
    """Take the missing light from the picture."""
    left, wide = left & BITS, wide & BITS
    for row in range(first, last):
        level = levels[row + 1]
        base = ((row - first) * wide) & BITS
        for c in range(wide):
            level[left + 1 + c] *= rows[COVERED + base + c]


@kernel
def paint_thing(levels, rows, view, draw, thing, channel, solids):
    """Paint all blocks of a thing, those that others hide first."""
    first, count = BLOCKS_OF_KIND[thing.kind, 0], BLOCKS_OF_KIND[thing.kind, 1] - BLOCKS_OF_KIND[thing.kind, 0]
    if count > 1 and not is_in_picture(solids, view, thing, levels.shape[0] - 2, levels.shape[1] - 2):
        return
    light = draw.brightness * (view.light_x * thing.x_m + view.light_y * thing.y_m + view.light_0)
    if channel == GREY:
        own = thing.grey
    elif channel == RED:
        own = thing.red
    else:
        own = thing.green if channel == GREEN else thing.blue
    count = choose_blocks(solids, first, count)
    if count > 1:
        order_blocks(solids, thing, count)
    else:
        solids.block_order[0] = 0
    for k in range(count):
        block = BLOCKS[solids.blocks[solids.block_order[k]]]
        place_block(solids, block, thing)
        light_block(solids, block, own, light)
        paint_prism(levels, rows, view, solids)


@kernel
def is_in_picture(solids, view, thing, height, width):
    """Whether any of the box around a thing may be in the picture."""
    for k in range(8):
        x = thing.half_length_m if k & 1 else -thing.half_length_m
        y = thing.half_width_m if k & 2 else -thing.half_width_m
        place_corner(solids.corners[k], solids.frame, x, y, thing.height_m if k & 4 else 0.0)
    return bound_corners(solids.corners, 8, 0.5, view, height, width, solids.area)


@kernel
def choose_blocks(solids, first, count):
    """Fill which of a thing's blocks are painted at its distance; returns how many."""
    frame, chosen = solids.frame, 0
    distance = math.sqrt(frame[3, 0] * frame[3, 0] + frame[3, 1] * frame[3, 1] + frame[3, 2] * frame[3, 2])
    for k in range(first, first + count):
        if BLOCKS[k, NEAREST] <= distance < BLOCKS[k, FARTHEST]:
            solids.blocks[chosen] = k
            chosen += 1
    return chosen


@kernel
def order_blocks(solids, thing, count):
    """Fill the order in which a thing's blocks are painted."""
    bounds = solids.bounds
    for k in range(count):
        block = BLOCKS[solids.blocks[k]]
        bounds[k, 0, 0] = min(block[BOTTOM_X_LOW], block[TOP_X_LOW]) * thing.half_length_m
        bounds[k, 0, 1] = max(block[BOTTOM_X_HIGH], block[TOP_X_HIGH]) * thing.half_length_m
        bounds[k, 1, 0] = min(block[BOTTOM_Y_LOW], block[TOP_Y_LOW]) * thing.half_width_m
        bounds[k, 1, 1] = max(block[BOTTOM_Y_HIGH], block[TOP_Y_HIGH]) * thing.half_width_m
        bounds[k, 2, 0], bounds[k, 2, 1] = block[BOTTOM_Z] * thing.height_m, block[TOP_Z] * thing.height_m
        squared = 0.0
        for axis in range(3):
            away = solids.eye[axis] - 0.5 * (bounds[k, axis, 0] + bounds[k, axis, 1])
            squared += away * away
        solids.block_distances[k] = squared
    compare_blocks(count, bounds, solids.eye, SLACK * thing.height_m, solids.block_hides)
    order_from_far(count, solids.block_hides, solids.block_distances, solids.block_waits, solids.block_order)


@kernel
def place_block(solids, block, thing):
    """Fill the corners of a block in the camera's frame."""
    cos, sin = 1.0, 0.0
    if block[STEERED] != 0.0:
        cos, sin = math.cos(thing.steering_angle_rad), math.sin(thing.steering_angle_rad)
    middle_x = 0.5 * (block[BOTTOM_X_LOW] + block[BOTTOM_X_HIGH]) * thing.half_length_m
    middle_y = 0.5 * (block[BOTTOM_Y_LOW] + block[BOTTOM_Y_HIGH]) * thing.half_width_m
    for k in range(8):
        end = BOTTOM_X_LOW if k < 4 else TOP_X_LOW
        x = block[end + (k & 1)] * thing.half_length_m - middle_x
        y = block[end + 2 + (k >> 1 & 1)] * thing.half_width_m - middle_y
        z = block[BOTTOM_Z if k < 4 else TOP_Z] * thing.height_m
        place_corner(solids.corners[k], solids.frame, middle_x + x * cos - y * sin, middle_y + x * sin + y * cos, z)


@kernel
def light_block(solids, block, own, light):
    """Fill the levels of a block's faces and of its stripe."""
    level = (block[SHADE] * own + block[LEVEL]) * light
    stripe = (block[STRIPE_SHADE] * own + block[STRIPE_LEVEL]) * light
    solids.stripe[0], solids.stripe[1], solids.stripe[2] = block[STRIPE], block[STRIPE_LOW], block[STRIPE_HIGH]
    for k in range(4):
        toward = solids.lamp[k & 1] if k < 2 else -solids.lamp[k & 1]
        lean = block[LEAN_FRONT + k]
        bright = SKY + LAMP_BESIDE * toward * math.sqrt(1.0 - lean * lean) + LAMP_ABOVE * lean
        solids.levels[k, 0] = level * bright
        solids.levels[k, 1] = stripe * bright
    solids.levels[TOP, 0] = level * (SKY + LAMP_ABOVE)
    solids.levels[TOP, 1] = stripe * (SKY + LAMP_ABOVE)
