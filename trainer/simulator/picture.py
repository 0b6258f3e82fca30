"""A whole picture from its rows: the scene as the row loops need it, antialiasing far away, blur, noise, bytes."""

from __future__ import annotations

import math

import numba
import numpy as np

from trainer.simulator.random_numbers import random_bits
from trainer.simulator.randomisation import STREAM_NOISE
from trainer.simulator.surface_rows import (
    FLATTEST,
    ONE,
    ZERO,
    F,
    choose_grain,
    index_ground,
    index_wall,
    look_up_ground,
    look_up_wall,
    paint_ground,
    paint_wall,
)
from trainer.simulator.textures import GRAIN_TEXEL_M, NOISE_LENGTH, NOISE_UNIT

# Rows whose pixels reach further along the ground than this are drawn as several thinner rows: the road bends within them.
ROW_REACH_M = 0.2
MOST_SAMPLES = 4
# Scratch rows of one thread.
COLUMN, LEVEL, SAMPLE, HEIGHT, WIDTH, BLURRED = 0, 1, 2, 3, 4, 5
FLOAT_ROWS = 8  # BLURRED and the two after it are the rows around the one that is written
INDEX, GRAIN_INDEX, FIRST, SECOND, TEXTURE = 0, 1, 2, 3, 4
INT_ROWS = 5
MOST_BLUR = 1.0 / 3.0


@numba.njit(cache=True, error_model="numpy")
def prepare_scene(scene, view, draw, track, episode):
    """Fill what stays the same for all rows of a picture."""
    scene.camera_x_m, scene.camera_y_m, scene.camera_z_m = view.x_m, view.y_m, view.z_m
    scene.inverse_focal = 1.0 / view.focal_px
    scene.map_x_m, scene.map_y_m = track.map_x_m, track.map_y_m
    scene.map_width_max, scene.map_height_max = track.map_width - 0.5, track.map_height - 0.5
    scene.map_start, scene.map_width = track.map_start, track.map_width
    scene.low_x_m, scene.low_y_m = view.low_x_m, view.low_y_m
    scene.high_x_m, scene.high_y_m = view.high_x_m, view.high_y_m
    scene.wall_height_m = view.wall_height_m
    scene.light_x, scene.light_y, scene.light_0 = view.light_x, view.light_y, view.light_0
    scene.border_width_m, scene.dash_half_width_m = draw.border_width_m, 0.5 * draw.dash_width_m
    # A whole number of dashes, so that they meet at the start.
    periods = max(1.0, np.round(track.length_m / draw.dash_period_m))
    scene.dash_periods, scene.dash_period_m = periods, track.length_m / periods
    scene.dash_half = 0.5 * draw.dash_fraction
    scene.grain_per_m = 1.0 / (GRAIN_TEXEL_M * draw.texture_scale)
    scene.offset_x, scene.offset_y = (episode * 37) % 256 + 256.0, (episode * 101) % 256 + 256.0


@numba.njit(cache=True, error_model="numpy")
def aim_row(scene, view, y):
    """Set the rays of the row at y focal lengths below the middle."""
    straight = 1.0 + view.curve * y * y
    scene.x0 = y * view.down_x + straight * view.forward_x
    scene.y0 = y * view.down_y + straight * view.forward_y
    scene.z0 = y * view.down_z + straight * view.forward_z
    scene.x1, scene.y1, scene.z1 = view.right_x, view.right_y, view.right_z
    scene.x2, scene.y2, scene.z2 = (
        view.curve * view.forward_x,
        view.curve * view.forward_y,
        view.curve * view.forward_z,
    )
    bend = 2.0 * view.curve * y
    scene.down_x = view.down_x + bend * view.forward_x
    scene.down_y = view.down_y + bend * view.forward_y
    scene.down_z = view.down_z + bend * view.forward_z


@numba.njit(cache=True, error_model="numpy")
def survey_row(scene, edge):
    """Highest and lowest fall of the row's rays, and the longest way to the ground where all of them fall."""
    middle = -0.5 * scene.z1 / scene.z2 if scene.z2 != ZERO else edge
    middle = min(max(middle, -edge), edge)
    highest, lowest, furthest_m = -np.inf, np.inf, 0.0
    for k in range(3):
        a = -edge if k == 0 else (edge if k == 1 else middle)
        z = scene.z0 + a * (scene.z1 + a * scene.z2)
        x = scene.x0 + a * (scene.x1 + a * scene.x2)
        y = scene.y0 + a * (scene.y1 + a * scene.y2)
        highest, lowest = max(highest, z), min(lowest, z)
        furthest_m = max(furthest_m, math.hypot(x, y) * scene.camera_z_m / max(-z, 1e-4))
    return highest, lowest, furthest_m


@numba.njit(cache=True, error_model="numpy")
def row_reach(scene):
    """Metres of ground from the middle of this row to that of the next, at the middle column."""
    z = min(scene.z0, FLATTEST)
    slope = scene.down_z / z
    x, y = scene.down_x - scene.x0 * slope, scene.down_y - scene.y0 * slope
    return math.hypot(x, y) * -scene.camera_z_m / z * scene.inverse_focal


@numba.njit(cache=True, error_model="numpy")
def draw_row(floats, ints, y, edge, clearance_m, view, scene, palette, ground, grain):
    """Draw one row's levels into floats[LEVEL]."""
    column, level, sample = floats[COLUMN], floats[LEVEL], floats[SAMPLE]
    aim_row(scene, view, y)
    highest, lowest, furthest_m = survey_row(scene, edge)
    if lowest >= 0.0:
        level[:] = ZERO
    else:
        reach = row_reach(scene)
        samples = min(max(int(math.ceil(reach / ROW_REACH_M)), 1), MOST_SAMPLES)
        lateral = (
            math.hypot(scene.x0, scene.y0) * scene.camera_z_m / max(-scene.z0, 1e-3) * scene.inverse_focal
        )
        scale = choose_grain(scene, math.sqrt(lateral * reach / samples))
        for k in range(samples):
            if samples > 1:
                aim_row(scene, view, y + ((k + 0.5) / samples - 0.5) * scene.inverse_focal)
            share = F(1.0 / samples)
            scene.down_x, scene.down_y, scene.down_z = (
                scene.down_x * share,
                scene.down_y * share,
                scene.down_z * share,
            )
            index_ground(ints[INDEX], ints[GRAIN_INDEX], column, scene, scale)
            look_up_ground(
                ints[FIRST], ints[SECOND], ints[TEXTURE], ints[INDEX], ints[GRAIN_INDEX], ground, grain
            )
            if k == 0:
                paint_ground(level, column, ints[FIRST], ints[SECOND], ints[TEXTURE], scene, palette)
            else:
                paint_ground(sample, column, ints[FIRST], ints[SECOND], ints[TEXTURE], scene, palette)
                level += sample
        if samples > 1:
            level *= share
            aim_row(scene, view, y)
    if highest >= 0.0 or furthest_m > clearance_m:
        scale = choose_grain(scene, clearance_m * scene.inverse_focal)
        index_wall(floats[HEIGHT], floats[WIDTH], ints[GRAIN_INDEX], column, scene, scale)
        look_up_wall(ints[TEXTURE], ints[GRAIN_INDEX], grain)
        paint_wall(level, floats[HEIGHT], floats[WIDTH], ints[TEXTURE], scene, palette)


@numba.njit(cache=True, error_model="numpy")
def blur_along(out, level, side):
    """Mix every pixel of the row with its two neighbours, each with the share side."""
    own = ONE - side - side
    last = level.shape[0] - 1
    for c in range(1, last):
        out[c] = level[c] * own + (level[c - 1] + level[c + 1]) * side
    out[0] = level[0] * (own + side) + level[1] * side
    out[last] = level[last] * (own + side) + level[last - 1] * side


@numba.njit(cache=True, error_model="numpy")
def write_row(pixels, above, here, below, side, noise, noise_scale):
    """Mix the row with those above and below, add the sensor's noise and store it as bytes."""
    own = ONE - side - side
    for c in range(pixels.shape[0]):
        value = here[c] * own + (above[c] + below[c]) * side + F(noise[c]) * noise_scale
        value = ZERO if value < ZERO else value
        value = WHITE if value > WHITE else value
        pixels[c] = np.uint8(np.int32(value + ROUNDING))


WHITE, ROUNDING = F(255.0), F(0.5)


@numba.njit(cache=True, error_model="numpy")
def draw_picture(
    pixels, view, scene, palette, ground, grain, noise, floats, ints, blur, noise_level, noise_key
):
    """Draw one channel of one picture.

    pixels: (H, W) uint8. blur: shares of the neighbours beside and above in a pixel. noise_key: a random whole number.
    floats, ints: this thread's scratch rows, (FLOAT_ROWS, W) and (INT_ROWS, W).
    """
    height, width = pixels.shape
    inverse_focal = 1.0 / view.focal_px
    column = floats[COLUMN]
    for c in range(width):
        column[c] = F((c + 0.5 - 0.5 * width) * inverse_focal)
    edge = 0.5 * width * inverse_focal
    clearance_m = 0.9 * min(
        min(view.x_m - view.low_x_m, view.high_x_m - view.x_m),
        min(view.y_m - view.low_y_m, view.high_y_m - view.y_m),
    )
    beside, above = F(blur[0]), F(blur[1])
    noise_scale = F(noise_level / NOISE_UNIT)
    for row in range(height + 1):
        if row < height:
            y = (row + 0.5 - 0.5 * height) * inverse_focal
            draw_row(floats, ints, y, edge, clearance_m, view, scene, palette, ground, grain)
            blur_along(floats[BLURRED + row % 3], floats[LEVEL], beside)
        if row > 0:
            key = random_bits(noise_key, 0, row, 0)
            start = np.int64(key % np.uint64(NOISE_LENGTH - width))
            upper = floats[BLURRED + (row - 2) % 3] if row > 1 else floats[BLURRED]
            lower = floats[BLURRED + row % 3] if row < height else floats[BLURRED + (row - 1) % 3]
            write_row(
                pixels[row - 1], upper, floats[BLURRED + (row - 1) % 3], lower, above,
                noise[start : start + width], noise_scale,
            )  # fmt: skip


@numba.njit(cache=True, error_model="numpy")
def mix_grey(palette, draw):
    """The grey camera's levels: luma times exposure."""
    gain = draw.brightness
    palette.road, palette.road_grain = draw.road_level * gain, draw.road_texture * gain
    palette.field, palette.field_grain = draw.field_level * gain, draw.field_texture * gain
    palette.border, palette.dash = draw.border_level * gain, draw.dash_level * gain
    palette.wall, palette.wall_grain = draw.wall_level * gain, draw.wall_texture * gain
    palette.background, palette.background_grain = (
        draw.background_level * gain,
        draw.background_texture * gain,
    )


@numba.njit(cache=True, error_model="numpy")
def choose_blur(blur, car, draw, view):
    """Lens blur, and how far the picture moves while the shutter is open, as shares of a pixel's neighbours."""
    turned_px = abs(car.yaw_rate_rps) * draw.exposure_s * view.focal_px
    # Ahead the ground flows down by about speed * time / (2 * height) focal lengths in the lower half of the picture.
    fallen_px = abs(car.speed_mps) * draw.exposure_s * view.focal_px / (4.0 * view.z_m)
    # A box of n pixels has the variance of neighbours with a share of (n^2) / 24.
    blur[0] = min(draw.blur + turned_px * turned_px / 24.0, MOST_BLUR)
    blur[1] = min(draw.blur + fallen_px * fallen_px / 24.0, MOST_BLUR)


@numba.njit(cache=True, error_model="numpy")
def noise_key_of(car):
    """The random whole number that decides the noise of the car's picture at this step."""
    return random_bits(car.seed, car.episode, STREAM_NOISE, car.steps)
