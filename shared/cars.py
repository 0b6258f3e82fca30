"""The cars we know, as a table. A car's origin is on the ground, midway between the axles."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CameraMount:
    """Where the camera sits in the car's frame and what it sees.

    pitch_deg: downwards positive. horizontal_fov_deg: full angle of the 4:3 picture, side to side. stereo_baseline_m:
    between the lenses of a pair, half of it to either side of this place.
    """

    x_m: float
    y_m: float
    z_m: float
    pitch_deg: float
    horizontal_fov_deg: float
    stereo_baseline_m: float


@dataclass(frozen=True, slots=True)
class LidarMount:
    """Where the LiDAR sits in the car's frame. yaw_deg: where its zero looks, to the left positive.

    body_m: side of the square that others' LiDARs see of it, about the size of an RPLIDAR's turning head.
    """

    x_m: float
    y_m: float
    z_m: float
    yaw_deg: float
    body_m: float


@dataclass(frozen=True, slots=True)
class CarModel:
    """One kind of car.

    track_width_m: distance between the centres of the left and right tyres.
    front_offset_m: the point that DeepRacer's rewards call the car's x and y, ahead of the origin.
    """

    name: str
    title: str
    wheelbase_m: float
    track_width_m: float
    length_m: float
    width_m: float
    wheel_radius_m: float
    mass_kg: float
    front_offset_m: float
    max_steering_angle_deg: float
    camera: CameraMount
    lidar: LidarMount


DEEPRACER = CarModel(
    name="deepracer",
    title="AWS DeepRacer and other 1/18 cars of its size",
    wheelbase_m=0.164,  # URDF of deepracer-simapp: 0.082311 + 0.081663 m
    track_width_m=0.16,  # URDF: rear 0.1621 m, front 0.1592 m
    length_m=0.28,  # over the bumpers
    width_m=0.20,  # over the body shell
    wheel_radius_m=0.03,
    mass_kg=1.7,  # a real 1/18 car; the URDF's 7.5 kg is not
    front_offset_m=0.14,
    max_steering_angle_deg=30.0,
    camera=CameraMount(
        x_m=0.1453,  # URDF, as y, z and the angles
        y_m=0.0,
        z_m=0.1303,
        pitch_deg=15.0,  # 0.2618 rad
        horizontal_fov_deg=math.degrees(1.13),
        stereo_baseline_m=0.06,
    ),
    lidar=LidarMount(x_m=0.02913, y_m=0.0, z_m=0.16145, yaw_deg=180.0, body_m=0.09),  # URDF; the head is ours
)

CAR_MODELS: dict[str, CarModel] = {model.name: model for model in (DEEPRACER,)}
