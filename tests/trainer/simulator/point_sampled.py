"""The training camera's picture computed another way: many points a pixel, each placed by the track's own geometry.

Shares with the renderer the meaning of the settings and nothing else: float64, no map, no filter, no textures.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trainer.simulator import Simulator
from trainer.tracks import Track

HEIGHT_PX, WIDTH_PX = 120, 160
WALL_LIGHT, LIGHT_REACH_M, MOST_LIGHT, MAP_MARGIN_M = 1.5, 3.0, 0.6, 0.6


def point_sampled(simulator: Simulator, samples: int) -> NDArray[np.float64]:
    """(120, 160) mean of samples x samples points in every pixel of the first car's picture."""
    snapshot = simulator.snapshot()
    car, draw = snapshot["cars"][0], snapshot["draws"][0]
    track = simulator.tracks[car["track_index"]]
    eye, rays = _rays(simulator, car, draw, samples)
    borders = np.concatenate((track.left_border_m, track.right_border_m))
    low, high = borders.min(axis=0), borders.max(axis=0)
    light = _light(draw, low, high)
    picture = _room(draw, eye, rays, low - draw["wall_distance_m"], high + draw["wall_distance_m"], light)
    on_ground = np.isnan(picture)
    places = eye[:2] + rays[on_ground][:, :2] * (-eye[2] / rays[on_ground][:, 2:])
    lit = np.clip(places, low - MAP_MARGIN_M, high + MAP_MARGIN_M) - (low + high) / 2
    picture[on_ground] = _ground(track, draw, places) * (1 + lit @ light)
    picture *= draw["brightness"]
    return picture.reshape(HEIGHT_PX, samples, WIDTH_PX, samples).mean(axis=(1, 3)).clip(0, 255)


def _rays(simulator: Simulator, car: np.void, draw: np.void, samples: int) -> tuple[NDArray, NDArray]:
    """Where the camera is, and the direction of every point of the picture in the world."""
    mount, changed = simulator.car_model.camera, simulator.settings.camera
    fov = math.radians((changed.horizontal_fov_deg or mount.horizontal_fov_deg) + draw["camera_fov_deg"])
    pitch_deg = mount.pitch_deg if changed.pitch_deg is None else changed.pitch_deg
    mount_m = [
        usual if wanted is None else wanted
        for wanted, usual in ((changed.x_m, mount.x_m), (changed.y_m, mount.y_m), (changed.height_m, mount.z_m))
    ]
    distortion = changed.lens_distortion + draw["lens_distortion"]
    pitch = math.radians(pitch_deg + draw["camera_pitch_deg"])
    roll, yaw = math.radians(draw["camera_roll_deg"]), car["heading_rad"] + math.radians(draw["camera_yaw_deg"])
    edge = math.tan(fov / 2) * (1 - distortion)
    right = ((np.arange(WIDTH_PX * samples) + 0.5) / samples - WIDTH_PX / 2) / (WIDTH_PX / 2) * edge
    down = ((np.arange(HEIGHT_PX * samples) + 0.5) / samples - HEIGHT_PX / 2) / (WIDTH_PX / 2) * edge
    right, down = (values[..., None] for values in np.meshgrid(right, down))
    ahead = 1 - distortion * (right**2 + down**2) / edge**2
    # The picture rolls clockwise, so the scene's axes turn the other way in it.
    right, down = math.cos(roll) * right - math.sin(roll) * down, math.sin(roll) * right + math.cos(roll) * down
    forward = ahead * math.cos(pitch) - down * math.sin(pitch)
    up = -ahead * math.sin(pitch) - down * math.cos(pitch)
    x = forward * math.cos(yaw) + right * math.sin(yaw)
    y = forward * math.sin(yaw) - right * math.cos(yaw)
    ahead_m, left_m = mount_m[0] + draw["camera_x_m"], mount_m[1] + draw["camera_y_m"]
    cos, sin = math.cos(car["heading_rad"]), math.sin(car["heading_rad"])
    eye = np.array(
        [
            car["x_m"] + ahead_m * cos - left_m * sin,
            car["y_m"] + ahead_m * sin + left_m * cos,
            mount_m[2] + draw["camera_z_m"],
        ]
    )
    return eye, np.concatenate((x, y, up), axis=-1)


def _light(draw: np.void, low: NDArray, high: NDArray) -> NDArray:
    direction = math.radians(draw["light_direction_deg"])
    along = np.array([math.cos(direction), math.sin(direction)]) / LIGHT_REACH_M
    return along * min(draw["light_gradient"], MOST_LIGHT / (np.abs(along) @ ((high - low) / 2 + MAP_MARGIN_M)))


def _room(draw: np.void, eye: NDArray, rays: NDArray, low: NDArray, high: NDArray, light: NDArray) -> NDArray:
    """Levels of walls and background; NaN where the ray meets the ground before them."""
    with np.errstate(divide="ignore"):
        distance = np.where(rays[..., :2] < 0, low - eye[:2], high - eye[:2]) / rays[..., :2]
    nearest = distance.min(axis=-1)
    height = eye[2] + nearest * rays[..., 2]
    side = 1 + WALL_LIGHT * light[distance.argmin(axis=-1)]
    room = np.where(height < draw["wall_height_m"], draw["wall_level"] * side, draw["background_level"])
    return np.where(height < 0, np.nan, room)


def _ground(track: Track, draw: np.void, places: NDArray) -> NDArray:
    arc_m, lateral_m = track.project(places)
    left_m, right_m = track.half_widths_m(arc_m)
    half_m, offset_m = np.where(lateral_m > 0, left_m, right_m), np.abs(lateral_m)
    periods = max(1, round(track.length_m / draw["dash_period_m"]))
    phase = arc_m / track.length_m * periods
    dashed = (offset_m < draw["dash_width_m"] / 2) & (np.abs(phase - np.rint(phase)) < draw["dash_fraction"] / 2)
    road = np.where(dashed, draw["dash_level"], draw["road_level"])
    paved = np.where(offset_m > half_m - draw["border_width_m"], draw["border_level"], road)
    return np.where(offset_m > half_m, draw["field_level"], paved)
