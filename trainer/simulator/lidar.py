"""The LiDAR: every ray meets the walls of the room and the rectangles of what is tall enough, exactly.

The sensor sits on the car's roof. Of another car it sees the LiDAR on that one's roof and nothing else, unless it is
mounted lower. Order and angles of the rays are those of shared.lidar.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from shared.cars import CarModel
from shared.lidar import RANGE_MAX_M
from trainer.simulator.kernels import kernel
from trainer.simulator.random_numbers import mixed, random_bits, random_normal, unit_of
from trainer.simulator.randomisation import STREAM_LIDAR
from trainer.simulator.settings import LidarSettings
from trainer.simulator.things import Kind

FIRST_CAR, LAST_CAR = int(Kind.PARKED_CAR), int(Kind.LEARNED_CAR)
NOTHING_M = RANGE_MAX_M
TWO_PI = 2.0 * math.pi
# Of a car, below this its whole outline is seen, above it the LiDAR on its roof.
ROOF_M = 0.12

LIDAR_RECORD = np.dtype(
    [
        (name, np.float64)
        for name in (
            "x_m", "y_m", "z_m", "yaw_rad", "first_rad", "step_rad", "min_range_m", "max_range_m", "noise_m", "rate_hz",
            "tower_x_m", "tower_y_m", "tower_half_m",
        )
    ]
)  # fmt: skip


def lidar_record(settings: LidarSettings, car: CarModel) -> NDArray[np.void]:
    """(1,) LIDAR_RECORD: the car model's mount where the settings leave it as it is; others are the same model."""
    record = np.zeros(1, LIDAR_RECORD)
    for name in ("min_range_m", "max_range_m", "noise_m", "rate_hz"):
        record[name] = getattr(settings, name)
    for name in ("x_m", "y_m", "z_m"):
        wanted = getattr(settings, name)
        record[name] = getattr(car.lidar, name) if wanted is None else wanted
    yaw_deg = car.lidar.yaw_deg if settings.yaw_deg is None else settings.yaw_deg
    record["yaw_rad"] = math.radians(yaw_deg)
    angles = np.radians(settings.config().angles_deg)
    record["first_rad"], record["step_rad"] = angles[0], angles[1] - angles[0]
    record["tower_x_m"], record["tower_y_m"] = car.lidar.x_m, car.lidar.y_m
    record["tower_half_m"] = 0.5 * car.lidar.body_m
    return record


def ray_directions(settings: LidarSettings) -> NDArray[np.float64]:
    """(rays, 2) cosine and sine of every ray's angle in the LiDAR's own frame."""
    angles = np.radians(settings.config().angles_deg)
    return np.stack((np.cos(angles), np.sin(angles)), axis=-1)


@kernel
def scan_is_due(car, lidar, step_s):
    """Whether the LiDAR has turned round since the last step; between two scans the last one is all there is."""
    return math.floor(car.time_s * lidar.rate_hz + 1e-6) > math.floor((car.time_s - step_s) * lidar.rate_hz + 1e-6)


@kernel
def scan(ranges, car, draw, lidar, directions, things, count, room):
    """Fill ranges (rays,) float32 with metres, NOTHING_M where nothing is.

    things: THING records, the first count of them. room: where the walls are and how high.
    """
    cos, sin = math.cos(car.heading_rad), math.sin(car.heading_rad)
    x, y = lidar.x_m + draw.lidar_x_m, lidar.y_m + draw.lidar_y_m
    eye_x, eye_y = car.x_m + x * cos - y * sin, car.y_m + x * sin + y * cos
    zero_rad = car.heading_rad + lidar.yaw_rad + math.radians(draw.lidar_yaw_deg)
    measure_walls(ranges, eye_x, eye_y, zero_rad, lidar, directions, room)
    for k in range(count):
        measure_thing(ranges, eye_x, eye_y, zero_rad, lidar, directions, things[k])
    disturb(ranges, car, draw, lidar)


@kernel
def measure_walls(ranges, eye_x, eye_y, zero_rad, lidar, directions, room):
    """Distances to the walls around, if the LiDAR does not look over them and the car has not left the room."""
    cos, sin = math.cos(zero_rad), math.sin(zero_rad)
    inside = room.low_x_m < eye_x < room.high_x_m and room.low_y_m < eye_y < room.high_y_m
    walls = inside and room.wall_height_m > lidar.z_m
    for k in range(len(ranges)):
        dx = directions[k, 0] * cos - directions[k, 1] * sin
        dy = directions[k, 0] * sin + directions[k, 1] * cos
        to_x = (room.high_x_m - eye_x if dx > 0.0 else eye_x - room.low_x_m) / abs(dx)
        to_y = (room.high_y_m - eye_y if dy > 0.0 else eye_y - room.low_y_m) / abs(dy)
        ranges[k] = min(to_x, to_y) if walls else NOTHING_M


@kernel
def measure_thing(ranges, eye_x, eye_y, zero_rad, lidar, directions, thing):
    """Shorten the rays that meet this thing. Only those are looked at that can meet the circle around it."""
    if thing.height_m <= lidar.z_m or thing.kind == 0:
        return
    x, y, half_length, half_width = thing.x_m, thing.y_m, thing.half_length_m, thing.half_width_m
    cos, sin = math.cos(thing.heading_rad), math.sin(thing.heading_rad)
    if FIRST_CAR <= thing.kind <= LAST_CAR and lidar.z_m > ROOF_M:
        x += lidar.tower_x_m * cos - lidar.tower_y_m * sin
        y += lidar.tower_x_m * sin + lidar.tower_y_m * cos
        half_length = half_width = lidar.tower_half_m
    dx, dy = x - eye_x, y - eye_y
    radius, distance = math.hypot(half_length, half_width), math.hypot(dx, dy)
    if distance - radius >= lidar.max_range_m:
        return
    middle, half = 0.0, math.pi
    if distance > radius:
        middle = math.atan2(dy, dx) - zero_rad
        middle -= TWO_PI * math.floor(middle / TWO_PI + 0.5)
        half = math.asin(radius / distance)
    # The eye and the LiDAR's zero in the rectangle's own frame.
    eye_ahead, eye_left = -dx * cos - dy * sin, dx * sin - dy * cos
    zero_cos, zero_sin = math.cos(zero_rad - thing.heading_rad), math.sin(zero_rad - thing.heading_rad)
    for turn in range(-1, 2):
        from_rad = middle + turn * TWO_PI - lidar.first_rad
        first = max(math.ceil((from_rad - half) / lidar.step_rad), 0)
        last = min(math.floor((from_rad + half) / lidar.step_rad), len(ranges) - 1)
        for k in range(first, last + 1):
            ahead = directions[k, 0] * zero_cos - directions[k, 1] * zero_sin
            left = directions[k, 0] * zero_sin + directions[k, 1] * zero_cos
            ranges[k] = min(ranges[k], distance_to_rectangle(eye_ahead, eye_left, ahead, left, half_length, half_width))


@kernel
def distance_to_rectangle(x, y, dx, dy, half_length, half_width):
    """Way along the ray from x, y in the direction dx, dy to a rectangle around the origin; inf for none, 0 inside."""
    near, far = -np.inf, np.inf
    if dx != 0.0:
        one, other = (-half_length - x) / dx, (half_length - x) / dx
        near, far = min(one, other), max(one, other)
    elif abs(x) > half_length:
        return np.inf
    if dy != 0.0:
        one, other = (-half_width - y) / dy, (half_width - y) / dy
        near, far = max(near, min(one, other)), min(far, max(one, other))
    elif abs(y) > half_width:
        return np.inf
    return max(near, 0.0) if near <= far and far >= 0.0 else np.inf


@kernel
def disturb(ranges, car, draw, lidar):
    """What the device makes of it: noise, rays without an answer, and nothing out of its range."""
    noise_m, dropout = max(lidar.noise_m + draw.lidar_noise_m, 0.0), draw.lidar_dropout
    key = random_bits(car.seed, car.episode, STREAM_LIDAR, car.steps)
    for k in range(len(ranges)):
        bits = mixed(key + np.uint64(k))
        distance = ranges[k] + noise_m * random_normal(bits)
        if ranges[k] >= lidar.max_range_m or (dropout > 0.0 and unit_of(mixed(bits)) < dropout):
            distance = NOTHING_M
        ranges[k] = min(max(distance, lidar.min_range_m), NOTHING_M)
