"""A whole picture: which rows show ground and walls, antialiasing far away, then blur, noise and bytes."""

from __future__ import annotations

import math

import numpy as np

from shared.sensors import CAMERA_WIDTH_PX
from trainer.simulator.fused import fma
from trainer.simulator.kernels import kernel
from trainer.simulator.random_numbers import mixed, random_bits
from trainer.simulator.randomisation import STREAM_NOISE
from trainer.simulator.surface_rows import (
    BLOCK_PX,
    COLUMN,
    FLATTEST,
    ONE,
    WALL_COARSENESS,
    WHITE,
    ZERO,
    F,
    look_up_ground,
    look_up_walls,
    paint_ground,
    paint_walls,
    trace_ground,
    trace_walls,
)
from trainer.simulator.textures import GRAIN_BITS, GRAIN_LEVELS, GRAIN_TEXEL_M, NOISE_BITS, NOISE_UNIT
from trainer.simulator.track_arrays import TEXEL_M

# Rows whose pixels reach further along the ground than this are drawn as several thinner rows: the road bends within.
ROW_REACH_M = 0.3
MOST_SAMPLES = 2
MOST_BLUR = 1.0 / 3.0
GRAIN_OFFSET = float(1 << 18)
NOISE_MASK = np.uint64((1 << NOISE_BITS) - 1)


@kernel
def prepare_scene(scene, view, draw, track, episode):
    """Fill what stays the same for all rows of a picture."""
    scene.camera_x_m, scene.camera_y_m, scene.camera_z_m = view.x_m, view.y_m, view.z_m
    scene.inverse_focal = 1.0 / view.focal_px
    scene.x1, scene.y1, scene.z1 = view.right_x, view.right_y, view.right_z
    scene.x2 = view.curve * view.forward_x
    scene.y2 = view.curve * view.forward_y
    scene.z2 = view.curve * view.forward_z
    # From here on places are counted from the middle of the first texel.
    scene.map_x_m, scene.map_y_m = track.map_x_m + 0.5 * TEXEL_M, track.map_y_m + 0.5 * TEXEL_M
    scene.map_last_x, scene.map_last_y = track.map_width - 1.0, track.map_height - 1.0
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
    # Far enough from zero that no place on the ground is below it.
    scene.offset_x = GRAIN_OFFSET + (episode * 37) % 256
    scene.offset_y = GRAIN_OFFSET + (episode * 101) % 256


@kernel
def aim_row(ray, view, y):
    """Set the rays of the row at y focal lengths below the middle."""
    straight = 1.0 + view.curve * y * y
    bend = 2.0 * view.curve * y
    ray.x0 = y * view.down_x + straight * view.forward_x
    ray.y0 = y * view.down_y + straight * view.forward_y
    ray.z0 = y * view.down_z + straight * view.forward_z
    ray.down_x = view.down_x + bend * view.forward_x
    ray.down_y = view.down_y + bend * view.forward_y
    ray.down_z = view.down_z + bend * view.forward_z


@kernel
def survey_row(ray, scene, edge):
    """Highest and lowest fall of the row's rays, and the longest way to the ground where all of them fall."""
    middle = -0.5 * scene.z1 / scene.z2 if scene.z2 != ZERO else edge
    middle = min(max(middle, -edge), edge)
    highest, lowest, longest = -np.inf, np.inf, 0.0
    for k in range(3):
        a = -edge if k == 0 else (edge if k == 1 else middle)
        z = ray.z0 + a * (scene.z1 + a * scene.z2)
        x = ray.x0 + a * (scene.x1 + a * scene.x2)
        y = ray.y0 + a * (scene.y1 + a * scene.y2)
        highest, lowest = max(highest, z), min(lowest, z)
        longest = max(longest, x * x + y * y)
    return highest, lowest, math.sqrt(longest) * scene.camera_z_m / max(-highest, 1e-4)


@kernel
def choose_grain(ray, texels):
    """Take the grain's level for a pixel that spans so many of the finest texels."""
    level, start = 0, 0
    while texels > 1.0 and level < GRAIN_LEVELS - 1:
        start += 1 << (2 * (GRAIN_BITS - level))
        texels *= 0.5
        level += 1
    bits = GRAIN_BITS - level
    ray.grain_start, ray.grain_mask, ray.grain_shift = start, (1 << bits) - 1, bits
    ray.grain_scale = 1.0 / (1 << level)


@kernel
def plan_ground_row(plan, count, row, y, view, scene):
    """Append the row, in several thinner ones where its pixels reach far; returns how many the plan has then."""
    ray = plan[count]
    fall = 1.0 / min(ray.z0, FLATTEST)
    slope = ray.down_z * fall
    dx, dy = ray.down_x - ray.x0 * slope, ray.down_y - ray.y0 * slope
    metre = -scene.camera_z_m * fall * scene.inverse_focal
    reach_m = math.sqrt(dx * dx + dy * dy) * metre
    samples = min(max(int(reach_m / ROW_REACH_M + 0.99), 1), MOST_SAMPLES)
    share = 1.0 / samples
    for k in range(samples):
        ray = plan[count + k]
        ray.row, ray.share, ray.keep = row, share, 0.0 if k == 0 else 1.0
        if samples > 1:
            aim_row(ray, view, y + ((k + 0.5) * share - 0.5) * scene.inverse_focal)
            ray.down_x *= share
            ray.down_y *= share
            ray.down_z *= share
        choose_grain(ray, math.sqrt(metre * reach_m * share) * scene.grain_per_m)
    return count + samples


@kernel
def plan_picture(ground_plan, wall_plan, height, edge, view, scene):
    """Fill the plans of the rows that show ground and of those that show walls; returns how many each has."""
    clearance_x = min(view.x_m - view.low_x_m, view.high_x_m - view.x_m)
    clearance_y = min(view.y_m - view.low_y_m, view.high_y_m - view.y_m)
    clearance_m = 0.98 * min(clearance_x, clearance_y)
    grounds, walls = 0, 0
    for row in range(height):
        y = (row + 0.5 - 0.5 * height) * scene.inverse_focal
        ray = ground_plan[grounds]
        aim_row(ray, view, y)
        highest, lowest, furthest_m = survey_row(ray, scene, edge)
        if highest >= 0.0 or furthest_m > clearance_m:
            wall = wall_plan[walls]
            wall.row, wall.x0, wall.y0, wall.z0 = row, ray.x0, ray.y0, ray.z0
            choose_grain(wall, clearance_m * scene.inverse_focal * scene.grain_per_m / WALL_COARSENESS)
            walls += 1
        if lowest < 0.0:
            grounds = plan_ground_row(ground_plan, grounds, row, y, view, scene)
    return grounds, walls


@kernel
def draw_levels(levels, view, scene, palette, ground, grain, plans, rows, words, texels, halves):
    """Draw one channel of one picture into levels, (H + 2, W + 2) float32 with a margin of one pixel.

    plans: (2, at least 2 H + 2) RAY_ROW. rows, words, texels and its halves: the thread's scratch.
    """
    height, width = levels.shape[0] - 2, levels.shape[1] - 2
    inverse_focal = 1.0 / view.focal_px
    for c in range(width):
        rows[COLUMN + c] = F((c + 0.5 - 0.5 * width) * inverse_focal)
    grounds, walls = plan_picture(plans[0], plans[1], height, 0.5 * width * inverse_focal, view, scene)
    block = max(1, BLOCK_PX // width)
    for first in range(0, grounds, block):
        count = min(block, grounds - first)
        trace_ground(rows, words, plans[0], first, count, width, scene)
        look_up_ground(words, texels, count * width, ground, grain)
        paint_ground(levels, rows, words, halves, plans[0], first, count, width, scene, palette)
    for first in range(0, walls, block):
        count = min(block, walls - first)
        trace_walls(rows, words, plans[1], first, count, width, scene)
        look_up_walls(words, count * width, grain)
        paint_walls(levels, rows, words, plans[1], first, count, width, scene, palette)


@kernel
def extend_edges(levels):
    """Repeat the outermost pixels in the margin."""
    levels[:, 0] = levels[:, 1]
    levels[:, -1] = levels[:, -2]
    levels[0] = levels[1]
    levels[-1] = levels[-2]


@kernel
def develop(pixels, levels, blur, noise, noise_level, noise_key):
    """Turn levels into bytes: blur, the sensor's noise, limits.

    pixels: (H, W) uint8. blur: shares of the neighbours beside and above in a pixel. noise_key: a random number.
    """
    extend_edges(levels)
    beside, above, scale = F(blur[0]), F(blur[1]), F(noise_level / NOISE_UNIT)
    centre, middle = ONE - beside - beside, ONE - above - above
    for row in range(pixels.shape[0]):
        top, here, below, out = levels[row], levels[row + 1], levels[row + 2], pixels[row]
        start = np.int64(mixed(noise_key + np.uint64(row)) & NOISE_MASK)
        for c in range(out.shape[0]):
            left = fma(here[c], middle, (top[c] + below[c]) * above)
            own = fma(here[c + 1], middle, (top[c + 1] + below[c + 1]) * above)
            right = fma(here[c + 2], middle, (top[c + 2] + below[c + 2]) * above)
            value = fma(own, centre, (left + right) * beside)
            value = fma(F(noise[start + c]), scale, value)
            value = ZERO if value < ZERO else value
            value = WHITE if value > WHITE else value
            out[c] = np.uint8(np.int32(np.rint(value)))


@kernel
def mix_grey(palette, draw):
    """The grey camera's levels: luma times exposure."""
    gain = draw.brightness
    palette.road, palette.road_grain = draw.road_level * gain, draw.road_texture * gain
    palette.field, palette.field_grain = draw.field_level * gain, draw.field_texture * gain
    palette.border, palette.dash = draw.border_level * gain, draw.dash_level * gain
    palette.wall, palette.wall_grain = draw.wall_level * gain, draw.wall_texture * gain
    palette.background, palette.background_grain = draw.background_level * gain, draw.background_texture * gain


@kernel
def choose_blur(blur, car, draw, view, width_px):
    """Blur of the lens and of motion while the shutter is open, as shares of a training pixel's neighbours."""
    focal_px = view.focal_px * CAMERA_WIDTH_PX / width_px
    turned_px = abs(car.yaw_rate_rps) * draw.exposure_s * focal_px
    # In the lower half of the picture the ground flows down by about speed * time / (4 * height) focal lengths.
    fallen_px = abs(car.speed_mps) * draw.exposure_s * focal_px / (4.0 * view.z_m)
    # A box of n pixels has the variance of neighbours with a share of n^2 / 24.
    blur[0] = min(draw.blur + turned_px * turned_px / 24.0, MOST_BLUR)
    blur[1] = min(draw.blur + fallen_px * fallen_px / 24.0, MOST_BLUR)


@kernel
def noise_key_of(car):
    """The random whole number that decides the noise of the car's picture at this step."""
    return random_bits(car.seed, car.episode, STREAM_NOISE, car.steps)
