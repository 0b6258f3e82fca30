"""One picture's camera as numbers for the kernels: where it stands, how it is turned, its lens, the room around it.

A pixel's ray is right * x + down * y + forward * (1 + curve * (x^2 + y^2)), with x and y from the middle of the picture
in focal lengths: the division model of lens distortion (Fitzgibbon, Simultaneous linear estimation of multiple view
geometry and lens distortion, CVPR 2001), which reaches 120 degrees and more with one number and costs a pixel two
multiplications.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from shared.cars import CameraMount
from trainer.simulator.kernels import kernel
from trainer.simulator.settings import CameraSettings
from trainer.simulator.track_arrays import MAP_MARGIN_M

VIEW = np.dtype(
    [
        (name, np.float64)
        for name in (
            "x_m", "y_m", "z_m",
            "right_x", "right_y", "right_z", "down_x", "down_y", "down_z", "forward_x", "forward_y", "forward_z",
            "focal_px", "curve", "low_x_m", "low_y_m", "high_x_m", "high_y_m", "wall_height_m",
            "light_x", "light_y", "light_0",
        )
    ]
)  # fmt: skip

# The car model's camera with the settings' changes.
MOUNT = np.dtype(
    [
        (name, np.float64)
        for name in ("x_m", "y_m", "z_m", "pitch_deg", "fov_deg", "lens_distortion", "stereo_baseline_m")
    ]
)
# Light changes by the drawn share over this distance.
LIGHT_REACH_M = 3.0
# but by no more than this share at the corners of the ground.
MOST_LIGHT = 0.6
CHASE_BEHIND_M, CHASE_HEIGHT_M, CHASE_PITCH_DEG, CHASE_FOV_DEG = 0.62, 0.36, 20.0, 65.0
TOP_FOV_DEG, TOP_MARGIN_M = 30.0, 0.3
# Walls as far away as this are not seen from above.
FAR_M = 1e4
MOST_FOV_DEG, LEAST_FOV_DEG = 150.0, 20.0
# What is nearer than this to the camera's plane has no place in the picture.
NEAREST_M = 0.03


def mount_record(settings: CameraSettings, camera: CameraMount) -> NDArray[np.void]:
    """(1,) MOUNT: the car model's camera where the settings leave it as it is."""
    record = np.zeros(1, MOUNT)
    given = {
        "x_m": (settings.x_m, camera.x_m),
        "y_m": (settings.y_m, camera.y_m),
        "z_m": (settings.height_m, camera.z_m),
        "pitch_deg": (settings.pitch_deg, camera.pitch_deg),
        "fov_deg": (settings.horizontal_fov_deg, camera.horizontal_fov_deg),
        "lens_distortion": (settings.lens_distortion, 0.0),
        "stereo_baseline_m": (settings.stereo_baseline_m, camera.stereo_baseline_m),
    }
    for name, (wanted, model) in given.items():
        record[name] = model if wanted is None else wanted
    return record


@kernel
def look_through_camera(view, car, draw, mount, track, width_px, side):
    """Fill a view with the car's own camera. side: of a pair, 1 for the left one and -1 for the right one; else 0."""
    cos, sin = math.cos(car.heading_rad), math.sin(car.heading_rad)
    x, y = mount.x_m + draw.camera_x_m, mount.y_m + draw.camera_y_m
    y += 0.5 * side * (mount.stereo_baseline_m + draw.stereo_baseline_m)
    view.x_m = car.x_m + x * cos - y * sin
    view.y_m = car.y_m + x * sin + y * cos
    view.z_m = max(mount.z_m + draw.camera_z_m, 0.01)
    aim(
        view,
        car.heading_rad + math.radians(draw.camera_yaw_deg),
        math.radians(mount.pitch_deg + draw.camera_pitch_deg),
        math.radians(draw.camera_roll_deg),
    )
    fov_deg = min(max(mount.fov_deg + draw.camera_fov_deg, LEAST_FOV_DEG), MOST_FOV_DEG)
    set_lens(view, math.radians(fov_deg), min(mount.lens_distortion + draw.lens_distortion, 0.8), width_px)
    build_room(view, draw, track)


@kernel
def look_from_behind(view, car, draw, track, width_px):
    """Fill a view that follows the car, from a little behind and above it, without leaving the room."""
    build_room(view, draw, track)
    x = car.x_m - CHASE_BEHIND_M * math.cos(car.heading_rad)
    y = car.y_m - CHASE_BEHIND_M * math.sin(car.heading_rad)
    view.x_m = min(max(x, view.low_x_m + 0.05), view.high_x_m - 0.05)
    view.y_m = min(max(y, view.low_y_m + 0.05), view.high_y_m - 0.05)
    view.z_m = CHASE_HEIGHT_M
    aim(view, car.heading_rad, math.radians(CHASE_PITCH_DEG), 0.0)
    set_lens(view, math.radians(CHASE_FOV_DEG), 0.0, width_px)


@kernel
def look_from_above(view, draw, track, width_px, height_px):
    """Fill a view of the whole track from high above, x to the right and y upwards, without walls."""
    build_room(view, draw, track)
    half_x = 0.5 * (track.high_x_m - track.low_x_m) + TOP_MARGIN_M
    half_y = 0.5 * (track.high_y_m - track.low_y_m) + TOP_MARGIN_M
    view.x_m, view.y_m = 0.5 * (track.low_x_m + track.high_x_m), 0.5 * (track.low_y_m + track.high_y_m)
    view.z_m = max(half_x, half_y * width_px / height_px) / math.tan(0.5 * math.radians(TOP_FOV_DEG))
    aim(view, 0.5 * math.pi, 0.5 * math.pi, 0.0)
    set_lens(view, math.radians(TOP_FOV_DEG), 0.0, width_px)
    view.low_x_m, view.low_y_m, view.high_x_m, view.high_y_m = -FAR_M, -FAR_M, FAR_M, FAR_M


@kernel
def aim(view, heading_rad, pitch_rad, roll_rad):
    """Turn the camera: heading counter-clockwise, pitch downwards, roll clockwise as the picture shows it."""
    cos_h, sin_h = math.cos(heading_rad), math.sin(heading_rad)
    cos_p, sin_p = math.cos(pitch_rad), math.sin(pitch_rad)
    cos_r, sin_r = math.cos(roll_rad), math.sin(roll_rad)
    view.forward_x, view.forward_y, view.forward_z = cos_p * cos_h, cos_p * sin_h, -sin_p
    right_x, right_y = sin_h, -cos_h
    down_x, down_y, down_z = -sin_p * cos_h, -sin_p * sin_h, -cos_p
    view.right_x, view.right_y, view.right_z = (
        cos_r * right_x + sin_r * down_x,
        cos_r * right_y + sin_r * down_y,
        sin_r * down_z,
    )
    view.down_x, view.down_y, view.down_z = (
        cos_r * down_x - sin_r * right_x,
        cos_r * down_y - sin_r * right_y,
        cos_r * down_z,
    )


@kernel
def set_lens(view, fov_rad, distortion, width_px):
    """Focal length and curve that put the field of view's edge at the picture's edge."""
    edge = math.tan(0.5 * fov_rad) * (1.0 - distortion)
    view.focal_px = 0.5 * width_px / edge
    view.curve = -distortion / (edge * edge)


@kernel
def build_room(view, draw, track):
    """Walls around the track, and light that falls off across it."""
    distance = draw.wall_distance_m
    view.low_x_m, view.high_x_m = track.low_x_m - distance, track.high_x_m + distance
    view.low_y_m, view.high_y_m = track.low_y_m - distance, track.high_y_m + distance
    view.wall_height_m = draw.wall_height_m
    direction = math.radians(draw.light_direction_deg)
    light_x, light_y = math.cos(direction) / LIGHT_REACH_M, math.sin(direction) / LIGHT_REACH_M
    half_x = 0.5 * (track.high_x_m - track.low_x_m) + MAP_MARGIN_M
    half_y = 0.5 * (track.high_y_m - track.low_y_m) + MAP_MARGIN_M
    gradient = min(draw.light_gradient, MOST_LIGHT / (abs(light_x) * half_x + abs(light_y) * half_y))
    view.light_x, view.light_y = gradient * light_x, gradient * light_y
    middle_x, middle_y = 0.5 * (track.low_x_m + track.high_x_m), 0.5 * (track.low_y_m + track.high_y_m)
    view.light_0 = 1.0 - view.light_x * middle_x - view.light_y * middle_y


@kernel
def bend(view, right, down):
    """Where the lens shows a direction, in focal lengths: the inverse of r_straight = r / (1 + curve r^2)."""
    squared = right * right + down * down
    factor = 2.0 / (1.0 + math.sqrt(max(1.0 - 4.0 * view.curve * squared, 0.0)))
    return right * factor, down * factor


@kernel
def project_point(view, x, y, z, width, height):
    """Column and row, in pixels, where a point of the world appears, and how far ahead of the camera it is."""
    dx, dy, dz = x - view.x_m, y - view.y_m, z - view.z_m
    ahead = dx * view.forward_x + dy * view.forward_y + dz * view.forward_z
    right = (dx * view.right_x + dy * view.right_y + dz * view.right_z) / ahead
    down = (dx * view.down_x + dy * view.down_y + dz * view.down_z) / ahead
    right, down = bend(view, right, down)
    return 0.5 * width + right * view.focal_px, 0.5 * height + down * view.focal_px, ahead
