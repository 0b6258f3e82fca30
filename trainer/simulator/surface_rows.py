"""One row of pixels at a time: rays, places on the ground, coverage by paint, walls. The camera's inner loops.

Every loop runs over the pixels of a row and is written so that the compiler turns it into vector instructions: 32-bit
numbers only, no calls, no branches, few arrays a loop, and look-ups alone in loops of their own. A loop that looks something
up and computes would run pixel by pixel.

Lines are filtered by the pixel's own footprint on the ground. The lateral offset of the road is all but linear within it, so
the share of a pixel that a line covers is the overlap of two intervals: exact for any slant, and still right at a distance
where one pixel spans the road.
"""

from __future__ import annotations

import numba
import numpy as np

from trainer.simulator.textures import GRAIN_BITS, GRAIN_LEVELS, GRAIN_UNIT
from trainer.simulator.track_arrays import ARC_UNITS, HALF_WIDTH_UNIT_M, LATERAL_UNIT_M, NORMAL_UNITS, TEXEL_M

F = np.float32
ZERO, HALF, ONE, TWO = F(0.0), F(0.5), F(1.0), F(2.0)
# Rays that fall less than this per metre reach the ground beyond every wall.
FLATTEST = F(-1e-4)
SMALL_M = F(1e-5)
# The light never falls or rises further than this, however far the walls are.
DARKEST, BRIGHTEST = F(0.4), F(1.6)
# Walls show their grain around their foot; far above it repeats its edge.
WALL_SHIFT = F(40.0)
LIGHT_ON_WALL = F(1.5)
TEXEL = F(TEXEL_M)
INVERSE_TEXEL = F(1 / TEXEL_M)
LATERAL_UNIT = F(LATERAL_UNIT_M)
HALF_WIDTH_UNIT = F(HALF_WIDTH_UNIT_M)
ARC_UNIT = F(1 / ARC_UNITS)
NORMAL_UNIT = F(1 / NORMAL_UNITS)
NORMAL_ZERO = F(512)
GRAIN_SCALE = F(1 / GRAIN_UNIT)

# Columns of a row's rays: the ray of the middle, its change with the column and its square.
RAY = np.dtype([(name, np.float32) for name in ("x0", "x1", "x2", "y0", "y1", "y2", "z0", "z1", "z2")])

# What the rows need of one picture. down_*: how the ray changes with the row. offset_*: where the grain lies this time.
SCENE = np.dtype(
    [
        *((name, np.float32) for name in (
            "x0", "x1", "x2", "y0", "y1", "y2", "z0", "z1", "z2", "down_x", "down_y", "down_z",
            "camera_x_m", "camera_y_m", "camera_z_m", "inverse_focal", "samples",
            "map_x_m", "map_y_m", "map_width_max", "map_height_max",
            "low_x_m", "low_y_m", "high_x_m", "high_y_m", "wall_height_m", "light_x", "light_y", "light_0",
            "border_width_m", "dash_half_width_m", "dash_periods", "dash_period_m", "dash_half",
            "grain_per_m", "offset_x", "offset_y",
        )),
        *((name, np.int32) for name in ("map_start", "map_width", "grain_start", "grain_mask", "grain_shift")),
    ]
)  # fmt: skip

# Levels of one channel, exposure included.
PALETTE = np.dtype(
    [
        (name, np.float32)
        for name in (
            "road", "road_grain", "border", "dash", "field", "field_grain",
            "wall", "wall_grain", "background", "background_grain",
        )
    ]
)  # fmt: skip


@numba.njit(cache=True, error_model="numpy")
def saturated(value):
    """value, limited to 0..1."""
    value = ZERO if value < ZERO else value
    return ONE if value > ONE else value


@numba.njit(cache=True, error_model="numpy")
def choose_grain(scene, footprint_m):
    """Take the grain's level whose texels are about as large as a pixel."""
    size = footprint_m * scene.grain_per_m
    level, texels, start = 0, 1 << GRAIN_BITS, 0
    while size > 1.5 and level < GRAIN_LEVELS - 1:
        start += texels * texels
        texels >>= 1
        size *= 0.5
        level += 1
    scene.grain_start, scene.grain_mask, scene.grain_shift = start, texels - 1, GRAIN_BITS - level
    return F(1.0 / (1 << level))


@numba.njit(cache=True, error_model="numpy")
def index_ground(index, grain_index, column, scene, grain_scale):
    """Where in the ground map and in the grain each pixel of the row looks."""
    x0, x1, x2, y0, y1, y2 = scene.x0, scene.x1, scene.x2, scene.y0, scene.y1, scene.y2
    z0, z1, z2 = scene.z0, scene.z1, scene.z2
    height = -scene.camera_z_m * INVERSE_TEXEL
    camera_x = (scene.camera_x_m - scene.map_x_m) * INVERSE_TEXEL
    camera_y = (scene.camera_y_m - scene.map_y_m) * INVERSE_TEXEL
    most_x, most_y, start, width = scene.map_width_max, scene.map_height_max, scene.map_start, scene.map_width
    grain = scene.grain_per_m * grain_scale * TEXEL
    offset_x, offset_y = scene.offset_x, scene.offset_y
    grain_start, mask, shift = scene.grain_start, scene.grain_mask, scene.grain_shift
    for c in range(column.shape[0]):
        a = column[c]
        z = z0 + a * (z1 + a * z2)
        z = z if z < FLATTEST else FLATTEST
        t = height / z
        x = camera_x + t * (x0 + a * (x1 + a * x2))
        y = camera_y + t * (y0 + a * (y1 + a * y2))
        x = ZERO if x < ZERO else x
        y = ZERO if y < ZERO else y
        x = most_x if x > most_x else x
        y = most_y if y > most_y else y
        index[c] = np.int32(np.int32(np.int32(y) * width) + np.int32(x)) + start
        u = np.int32(x * grain + offset_x) & mask
        v = np.int32(y * grain + offset_y) & mask
        grain_index[c] = np.int32(np.int32(v << shift) | u) + grain_start


@numba.njit(cache=True, error_model="numpy")
def look_up_ground(first, second, texture, index, grain_index, ground, grain):
    """Fetch both words of every pixel's texel, and its grain."""
    for c in range(index.shape[0]):
        k = np.uint32(index[c])
        first[c] = ground[k, 0]
        second[c] = ground[k, 1]
        texture[c] = grain[np.uint32(grain_index[c])]


@numba.njit(cache=True, error_model="numpy")
def paint_ground(level, column, first, second, texture, scene, palette):
    """The ground's level in every pixel of the row: field, road, border lines and dashes by the share they cover."""
    x0, x1, x2, y0, y1, y2 = scene.x0, scene.x1, scene.x2, scene.y0, scene.y1, scene.y2
    z0, z1, z2, down_x, down_y, down_z = (
        scene.z0,
        scene.z1,
        scene.z2,
        scene.down_x,
        scene.down_y,
        scene.down_z,
    )
    height = -scene.camera_z_m * INVERSE_TEXEL
    camera_x = (scene.camera_x_m - scene.map_x_m) * INVERSE_TEXEL
    camera_y = (scene.camera_y_m - scene.map_y_m) * INVERSE_TEXEL
    most_x, most_y = scene.map_width_max, scene.map_height_max
    focal = scene.inverse_focal * TEXEL
    border_width, dash_half_width = scene.border_width_m, scene.dash_half_width_m
    periods, per_period, dash_half = scene.dash_periods, ONE / scene.dash_period_m, scene.dash_half
    light_x, light_y = scene.light_x * TEXEL, scene.light_y * TEXEL
    light_0 = scene.light_0 + scene.light_x * scene.map_x_m + scene.light_y * scene.map_y_m
    road, road_grain = palette.road, palette.road_grain * GRAIN_SCALE
    field, field_grain = palette.field, palette.field_grain * GRAIN_SCALE
    border, dash = palette.border, palette.dash
    for c in range(column.shape[0]):
        a = column[c]
        bx, by, bz = x1 + a * x2, y1 + a * y2, z1 + a * z2
        rx, ry, rz = x0 + a * bx, y0 + a * by, z0 + a * bz
        rz = rz if rz < FLATTEST else FLATTEST
        fall = ONE / rz
        t = height * fall
        x, y = camera_x + t * rx, camera_y + t * ry
        x = ZERO if x < ZERO else x
        y = ZERO if y < ZERO else y
        x = most_x if x > most_x else x
        y = most_y if y > most_y else y
        # The texel's middle, extended to the pixel's own point.
        dx = x - F(np.int32(x)) - HALF
        dy = y - F(np.int32(y)) - HALF
        word = second[c]
        nx = (F((word >> 10) & 1023) - NORMAL_ZERO) * NORMAL_UNIT
        ny = (F(word & 1023) - NORMAL_ZERO) * NORMAL_UNIT
        half_width = F((word >> 20) & 4095) * HALF_WIDTH_UNIT
        word = first[c]
        lateral = F(word >> 16) * LATERAL_UNIT + (nx * dx + ny * dy) * TEXEL
        phase = F(word & 65535) * ARC_UNIT * periods + (ny * dx - nx * dy) * (TEXEL * per_period) + ONE
        # How far apart neighbouring columns and rows lie on the ground, across and along the road.
        scale = t * focal
        slope = (bz + a * z2) * fall
        ux, uy = (bx + a * x2) - rx * slope, (by + a * y2) - ry * slope
        slope = down_z * fall
        vx, vy = down_x - rx * slope, down_y - ry * slope
        across_u, across_v = nx * ux + ny * uy, nx * vx + ny * vy
        along_u, along_v = ny * ux - nx * uy, ny * vx - nx * vy
        inverse = ONE / (scale * np.sqrt(across_u * across_u + across_v * across_v) + SMALL_M)
        along = scale * np.sqrt(along_u * along_u + along_v * along_v) * per_period + SMALL_M
        middle = HALF - lateral * inverse
        edge = half_width * inverse
        paved = saturated(middle + edge) - saturated(middle - edge)
        edge -= border_width * inverse
        inner = saturated(middle + edge) - saturated(middle - edge)
        edge = dash_half_width * inverse
        dashed = saturated(middle + edge) - saturated(middle - edge)
        phase = phase - F(np.int32(phase)) - HALF
        phase = -phase if phase < ZERO else phase
        dashed *= saturated((dash_half - phase) / along + HALF)
        grain = F(texture[c])
        field_here = field + field_grain * grain
        road_here = road + road_grain * grain
        value = (
            field_here
            + paved * (border - field_here)
            + inner * (road_here - border)
            + dashed * (dash - road_here)
        )
        light = light_0 + light_x * x + light_y * y
        light = DARKEST if light < DARKEST else light
        level[c] = value * (BRIGHTEST if light > BRIGHTEST else light)


@numba.njit(cache=True, error_model="numpy")
def index_wall(height, width, grain_index, column, scene, grain_scale):
    """Where each pixel's ray meets the walls: at what height, how much of it a pixel spans, and where in the grain."""
    x0, x1, x2, y0, y1, y2 = scene.x0, scene.x1, scene.x2, scene.y0, scene.y1, scene.y2
    z0, z1, z2 = scene.z0, scene.z1, scene.z2
    camera_x, camera_y, camera_z = scene.camera_x_m, scene.camera_y_m, scene.camera_z_m
    west, east = scene.low_x_m - camera_x, scene.high_x_m - camera_x
    south, north = scene.low_y_m - camera_y, scene.high_y_m - camera_y
    focal = scene.inverse_focal
    grain = scene.grain_per_m * grain_scale
    offset_x, offset_y = scene.offset_x, scene.offset_y
    grain_start, mask, shift = scene.grain_start, scene.grain_mask, scene.grain_shift
    for c in range(column.shape[0]):
        a = column[c]
        x = x0 + a * (x1 + a * x2)
        y = y0 + a * (y1 + a * y2)
        z = z0 + a * (z1 + a * z2)
        tx = (west if x < ZERO else east) / x
        ty = (south if y < ZERO else north) / y
        side = ONE if tx < ty else ZERO
        t = tx if tx < ty else ty
        up = camera_z + t * z
        height[c] = up
        width[c] = t * focal * (ONE - TWO * side)
        u = np.int32((t * (x + y) + WALL_SHIFT) * grain + offset_x) & mask
        up = WALL_SHIFT if up > WALL_SHIFT else up
        up = -WALL_SHIFT if up < -WALL_SHIFT else up
        v = np.int32((up + WALL_SHIFT) * grain + offset_y) & mask
        grain_index[c] = np.int32(np.int32(v << shift) | u) + grain_start


@numba.njit(cache=True, error_model="numpy")
def look_up_wall(texture, grain_index, grain):
    """Fetch every pixel's grain."""
    for c in range(grain_index.shape[0]):
        texture[c] = grain[np.uint32(grain_index[c])]


@numba.njit(cache=True, error_model="numpy")
def paint_wall(level, height, width, texture, scene, palette):
    """Put walls and what is above them over the ground already in level, by the share they cover."""
    top = scene.wall_height_m
    side_x, side_y = scene.light_x * LIGHT_ON_WALL, scene.light_y * LIGHT_ON_WALL
    wall, wall_grain = palette.wall, palette.wall_grain * GRAIN_SCALE
    background, background_grain = palette.background, palette.background_grain * GRAIN_SCALE
    for c in range(height.shape[0]):
        up, pixel = height[c], width[c]
        # A negative width marks the walls that face along x.
        light = ONE + (side_x if pixel < ZERO else side_y)
        inverse = ONE / (-pixel if pixel < ZERO else pixel)
        grain = F(texture[c])
        ground = saturated(HALF - up * inverse)
        above = saturated(HALF + (up - top) * inverse)
        value = (wall + wall_grain * grain) * light
        value += above * (background + background_grain * grain - value)
        level[c] = value + ground * (level[c] - value)
