"""Blocks of rows of pixels: rays, places on the ground, share covered by paint, walls. The camera's inner loops.

The inner loop of every kernel here runs over the pixels of a row and is written so that the compiler turns it into
vector instructions: 32-bit numbers only (numba widens whole numbers wherever it is not told otherwise), no branches,
and look-ups in a loop of their own. All scratch rows lie in one array at constant distances, and indices are masked,
which lets the compiler see that they neither overlap nor wrap around.

Lines are filtered by the pixel's own footprint on the ground. The lateral offset of the road is all but linear
within it, so the share of a pixel that a line covers is the overlap of two intervals: right for any slant, and still
right at a distance where one pixel spans half the road.
"""

from __future__ import annotations

import numpy as np

from trainer.simulator.fused import fma
from trainer.simulator.kernels import kernel
from trainer.simulator.textures import GRAIN_UNIT
from trainer.simulator.track_arrays import (
    ARC_UNITS,
    HALF_WIDTH_UNIT_M,
    LATERAL_UNIT_M,
    NORMAL_UNITS,
    NORMAL_ZERO,
    TEXEL_M,
)

# A block is at most this many pixels or one row: its scratch then stays in the processor's nearest cache.
BLOCK_PX = 640
WIDEST_PX = 1920
# From one part of the scratch to the next: an odd number of cache lines, or they would get in each other's way.
PITCH = WIDEST_PX + 16
PLACE_X, PLACE_Y, FALL, HEIGHT, WIDTH, COLUMN = (k * PITCH for k in range(6))
INDEX, GRAIN_INDEX, TEXTURE = (k * PITCH for k in range(3))
FLOAT_PARTS, INT_PARTS = 6, 3
# No index and no width needs more bits; a mask with it changes nothing but tells the compiler.
BITS = 0xFFFF

F = np.float32
ZERO, HALF, ONE, WHITE = F(0.0), F(0.5), F(1.0), F(255.0)
# Rays that fall less than this per metre reach the ground beyond every wall.
FLATTEST = F(-1e-4)
SMALL = F(1e-5)
LIGHT_ON_WALL = F(1.5)
NEAREST_M = F(0.05)
# Walls are made of larger things than the ground: their grain is so many times coarser.
WALL_COARSENESS = F(6.0)
# Walls show their grain around their foot; far above it repeats its edge.
WALL_SHIFT = F(40.0)
# max(a, b) * BIG + min(a, b) * LITTLE is the root of a^2 + b^2 within 4 %.
BIG, LITTLE = 0.96, 0.4

TEXEL = F(TEXEL_M)
INVERSE_TEXEL = F(1 / TEXEL_M)
LATERAL_UNIT = F(LATERAL_UNIT_M)
HALF_WIDTH_UNIT = F(HALF_WIDTH_UNIT_M)
ARC_UNIT = F(1 / ARC_UNITS)
TEXEL_NORMAL = F(TEXEL_M / NORMAL_UNITS)
NORMAL_OFFSET = F(NORMAL_ZERO)
GRAIN_SCALE = F(1 / GRAIN_UNIT)

# What the kernels need of one picture. x1, x2 and so on: how a ray changes with the column and its square.
# offset: where the grain lies this time.
SCENE = np.dtype(
    [
        *((name, np.float32) for name in (
            "x1", "x2", "y1", "y2", "z1", "z2", "camera_x_m", "camera_y_m", "camera_z_m", "inverse_focal",
            "map_x_m", "map_y_m", "map_last_x", "map_last_y",
            "low_x_m", "low_y_m", "high_x_m", "high_y_m", "wall_height_m", "light_x", "light_y", "light_0",
            "border_width_m", "dash_half_width_m", "dash_periods", "dash_period_m", "dash_half",
            "grain_per_m", "offset_x", "offset_y",
        )),
        *((name, np.int32) for name in ("map_start", "map_width")),
    ]
)  # fmt: skip

# One row of rays, a whole row of the picture or a thinner one. x0, y0, z0: the ray of the middle column. down: how the
# ray changes from here to the next such row. share: of the picture's row; keep: 0 for the first of them, else 1.
RAY_ROW = np.dtype(
    [
        *((name, np.float32) for name in (
            "x0", "y0", "z0", "down_x", "down_y", "down_z", "share", "keep", "grain_scale",
        )),
        *((name, np.int32) for name in ("row", "grain_start", "grain_mask", "grain_shift")),
    ]
)  # fmt: skip


@kernel
def saturated(value):
    """value, limited to 0..1."""
    value = ZERO if value < ZERO else value
    return ONE if value > ONE else value


@kernel
def trace_ground(rows, words, plan, first, count, width, scene):
    """Where each pixel's ray meets the ground, in texels of the map, and which texel and grain lie there."""
    x1, x2, y1, y2, z1, z2 = scene.x1, scene.x2, scene.y1, scene.y2, scene.z1, scene.z2
    height = -scene.camera_z_m * INVERSE_TEXEL
    camera_x = (scene.camera_x_m - scene.map_x_m) * INVERSE_TEXEL
    camera_y = (scene.camera_y_m - scene.map_y_m) * INVERSE_TEXEL
    last_x, last_y, start, map_width = scene.map_last_x, scene.map_last_y, scene.map_start, scene.map_width
    offset_x, offset_y = scene.offset_x, scene.offset_y
    width &= BITS
    for k in range(count):
        ray = plan[first + k]
        x0, y0, z0, grain = ray.x0, ray.y0, ray.z0, scene.grain_per_m * ray.grain_scale * TEXEL
        grain_start, mask, shift = ray.grain_start, ray.grain_mask, ray.grain_shift
        base = (k * width) & BITS
        for c in range(width):
            a = rows[COLUMN + c]
            z = fma(a, fma(a, z2, z1), z0)
            z = z if z < FLATTEST else FLATTEST
            fall = ONE / z
            t = height * fall
            x = fma(t, fma(a, fma(a, x2, x1), x0), camera_x)
            y = fma(t, fma(a, fma(a, y2, y1), y0), camera_y)
            u = np.int32(np.int32(fma(x, grain, offset_x)) & mask)
            v = np.int32(np.int32(fma(y, grain, offset_y)) & mask)
            words[GRAIN_INDEX + base + c] = np.int32(np.int32(v << shift) | u) + grain_start
            x = ZERO if x < ZERO else x
            y = ZERO if y < ZERO else y
            x = last_x if x > last_x else x
            y = last_y if y > last_y else y
            rows[FALL + base + c] = fall
            rows[PLACE_X + base + c] = x
            rows[PLACE_Y + base + c] = y
            line = np.int32(np.int32(np.rint(y)) * map_width)
            words[INDEX + base + c] = np.int32(line + np.int32(np.rint(x))) + start


@kernel
def look_up_ground(words, texels, count, ground, grain):
    """Fetch every pixel's texel, two 32-bit words in one go, and its grain."""
    for c in range(count):
        k = np.uint32(words[INDEX + c])
        texels[c] = ground[k]
        words[TEXTURE + c] = grain[np.uint32(words[GRAIN_INDEX + c])]


@kernel
def paint_ground(levels, rows, words, halves, plan, first, count, width, scene, palette):
    """The ground's level in every pixel: field, road, border lines and dashes by the share they cover.

    halves: the texels as 32-bit words, low word first.
    """
    x1, x2, y1, y2, z1, z2 = scene.x1, scene.x2, scene.y1, scene.y2, scene.z1, scene.z2
    height = -scene.camera_z_m * INVERSE_TEXEL
    camera_x = (scene.camera_x_m - scene.map_x_m) * INVERSE_TEXEL
    camera_y = (scene.camera_y_m - scene.map_y_m) * INVERSE_TEXEL
    periods, per_period, dash_half = scene.dash_periods * ARC_UNIT, ONE / scene.dash_period_m, scene.dash_half
    border_width, dash_half_width = scene.border_width_m, scene.dash_half_width_m
    footprint = scene.inverse_focal * TEXEL_NORMAL
    across_big, across_little = footprint * F(BIG), footprint * F(LITTLE)
    along_big, along_little = across_big * per_period, across_little * per_period
    phase_texel = TEXEL_NORMAL * per_period
    light_x, light_y = scene.light_x * TEXEL, scene.light_y * TEXEL
    light_0 = fma(scene.light_x, scene.map_x_m, fma(scene.light_y, scene.map_y_m, scene.light_0))
    road, road_grain = palette.road, palette.road_grain * GRAIN_SCALE
    field, field_grain = palette.field, palette.field_grain * GRAIN_SCALE
    border, dash = palette.border, palette.dash
    width &= BITS
    for k in range(count):
        ray = plan[first + k]
        down_x, down_y, down_z, share, keep = ray.down_x, ray.down_y, ray.down_z, ray.share, ray.keep
        level = levels[ray.row + 1]
        base = (k * width) & BITS
        for c in range(width):
            a = rows[COLUMN + c]
            x, y, fall = rows[PLACE_X + base + c], rows[PLACE_Y + base + c], rows[FALL + base + c]
            # The road at the texel's middle, extended to the pixel's own point.
            dx, dy = x - np.rint(x), y - np.rint(y)
            word = halves[2 * (base + c) + 1]
            nx = F(np.int32((word >> 10) & 1023)) - NORMAL_OFFSET
            ny = F(np.int32(word & 1023)) - NORMAL_OFFSET
            half_width = F(np.int32((word >> 20) & 4095)) * HALF_WIDTH_UNIT
            word = halves[2 * (base + c)]
            lateral = fma(fma(nx, dx, ny * dy), TEXEL_NORMAL, F(np.int32(word >> 16)) * LATERAL_UNIT)
            phase = fma(fma(ny, dx, -(nx * dy)), phase_texel, F(np.int32(word & 65535)) * periods)
            # How far apart neighbouring columns (u) and rows (v) lie on the ground, across and along the road.
            t = height * fall
            ahead_x, ahead_y = camera_x - x, camera_y - y
            twice = a + a
            slope = fma(twice, z2, z1) * fall
            ux = fma(ahead_x, slope, t * fma(twice, x2, x1))
            uy = fma(ahead_y, slope, t * fma(twice, y2, y1))
            slope = down_z * fall
            vx, vy = fma(ahead_x, slope, t * down_x), fma(ahead_y, slope, t * down_y)
            u, v = abs(fma(nx, ux, ny * uy)), abs(fma(nx, vx, ny * vy))
            across = fma(u if u > v else v, across_big, fma(v if u > v else u, across_little, SMALL))
            u, v = abs(fma(ny, ux, -(nx * uy))), abs(fma(ny, vx, -(nx * vy)))
            along = fma(u if u > v else v, along_big, fma(v if u > v else u, along_little, SMALL))
            both = ONE / (across * along)
            per_across = both * along
            middle = fma(-abs(lateral), per_across, HALF)
            paved = saturated(fma(half_width, per_across, middle))
            inner = saturated(fma(half_width - border_width, per_across, middle))
            edge = dash_half_width * per_across
            phase = abs(phase - np.rint(phase))
            dashed = saturated(fma(dash_half - phase, both * across, HALF))
            dashed *= saturated(middle + edge) - saturated(middle - edge)
            grain = F(words[TEXTURE + base + c])
            field_here = fma(field_grain, grain, field)
            road_here = fma(road_grain, grain, road)
            value = fma(paved, border - field_here, field_here)
            value = fma(dashed, dash - road_here, fma(inner, road_here - border, value))
            light = fma(light_x, x, fma(light_y, y, light_0)) * share
            level[c + 1] = fma(value, light, level[c + 1] * keep)


@kernel
def trace_walls(rows, words, plan, first, count, width, scene):
    """Where each pixel's ray meets the walls: at what height, how much of it a pixel spans, which grain lies there."""
    x1, x2, y1, y2, z1, z2 = scene.x1, scene.x2, scene.y1, scene.y2, scene.z1, scene.z2
    camera_x, camera_y, camera_z = scene.camera_x_m, scene.camera_y_m, scene.camera_z_m
    # A car that has left the room has its walls in front of the lens, and not behind it.
    west, east = max(camera_x - scene.low_x_m, NEAREST_M), max(scene.high_x_m - camera_x, NEAREST_M)
    south, north = max(camera_y - scene.low_y_m, NEAREST_M), max(scene.high_y_m - camera_y, NEAREST_M)
    focal = scene.inverse_focal
    width &= BITS
    for k in range(count):
        ray = plan[first + k]
        x0, y0, z0, grain = ray.x0, ray.y0, ray.z0, scene.grain_per_m * ray.grain_scale / WALL_COARSENESS
        offset_x, offset_y = fma(WALL_SHIFT, grain, scene.offset_x), fma(WALL_SHIFT, grain, scene.offset_y)
        grain_start, mask, shift = ray.grain_start, ray.grain_mask, ray.grain_shift
        base = (k * width) & BITS
        for c in range(width):
            a = rows[COLUMN + c]
            x = fma(a, fma(a, x2, x1), x0)
            y = fma(a, fma(a, y2, y1), y0)
            z = fma(a, fma(a, z2, z1), z0)
            to_x, to_y = west if x < ZERO else east, south if y < ZERO else north
            size_x, size_y = abs(x), abs(y)
            nearer_x = to_x * size_y < to_y * size_x
            t = (to_x if nearer_x else to_y) / (size_x if nearer_x else size_y)
            up = fma(t, z, camera_z)
            rows[HEIGHT + base + c] = up
            pixel = t * focal
            rows[WIDTH + base + c] = -pixel if nearer_x else pixel  # the sign tells the walls apart
            u = np.int32(np.int32(fma(t * (x + y), grain, offset_x)) & mask)
            up = WALL_SHIFT if up > WALL_SHIFT else up
            up = -WALL_SHIFT if up < -WALL_SHIFT else up
            v = np.int32(np.int32(fma(up, grain, offset_y)) & mask)
            words[GRAIN_INDEX + base + c] = np.int32(np.int32(v << shift) | u) + grain_start


@kernel
def look_up_walls(words, count, grain):
    """Fetch every pixel's grain."""
    for c in range(count):
        words[TEXTURE + c] = grain[np.uint32(words[GRAIN_INDEX + c])]


@kernel
def paint_walls(levels, rows, words, plan, first, count, width, scene, palette):
    """Put walls and what is above them over the ground already there, by the share they cover."""
    top = scene.wall_height_m
    side_x, side_y = ONE + scene.light_x * LIGHT_ON_WALL, ONE + scene.light_y * LIGHT_ON_WALL
    wall, wall_grain = palette.wall, palette.wall_grain * GRAIN_SCALE
    background, background_grain = palette.background, palette.background_grain * GRAIN_SCALE
    width &= BITS
    for k in range(count):
        level = levels[plan[first + k].row + 1]
        base = (k * width) & BITS
        for c in range(width):
            up, pixel = rows[HEIGHT + base + c], rows[WIDTH + base + c]
            light = side_x if pixel < ZERO else side_y
            inverse = ONE / abs(pixel)
            grain = F(words[TEXTURE + base + c])
            ground = saturated(fma(-up, inverse, HALF))
            above = saturated(fma(up - top, inverse, HALF))
            value = fma(wall_grain, grain, wall) * light
            value = fma(above, fma(background_grain, grain, background) - value, value)
            level[c + 1] = fma(ground, level[c + 1] - value, value)
