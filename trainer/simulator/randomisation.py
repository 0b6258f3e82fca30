"""What differs from episode to episode: every quantity with its unit, its range in each preset, and how it is drawn."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, create_model, model_validator

from shared.settings import Settings
from trainer.simulator.kernels import kernel
from trainer.simulator.random_numbers import random_unit

Preset = Literal["off", "light", "strong"]

# Streams of the random numbers: quantities use 0, 1, 2, …; these stand far away from them.
STREAM_DELAY_JITTER = 1_000
STREAM_NOISE = 1_001
STREAM_BOXES = 1_002
STREAM_BOTS = 1_003
STREAM_LOOKS = 1_004
STREAM_LANE_CHANGES = 1_005
STREAM_LIDAR = 1_010
STREAM_MOTION = 1_011


class Range(Settings):
    """Lowest and highest value; every one between them is equally likely."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}; swap them")
        return self


# name: (lowest allowed, highest allowed, off, light, strong, what it is)
Row = tuple[float, float, float, tuple[float, float], tuple[float, float], str]
QUANTITIES: dict[str, Row] = {
    # Look of the ground. Levels are luma, 0 to 255, before exposure; below zero: as the track's own look has it.
    "road_level": (-1, 255, -1, (40, 95), (15, 140), "Grey level of the road."),
    "road_texture": (0, 100, 5, (0, 10), (0, 30), "Strength of the road's texture, grey levels."),
    "border_level": (-1, 255, -1, (205, 255), (180, 255), "Grey level of the lines at the borders."),
    "border_width_m": (0, 0.2, 0.04, (0.03, 0.05), (0.02, 0.07), "Width of the lines at the borders."),
    "dash_level": (-1, 255, -1, (160, 220), (110, 255), "Grey level of the dashed centre line."),
    "dash_width_m": (0, 0.2, 0.03, (0.02, 0.04), (0.0, 0.06), "Width of the dashed centre line; 0 for none."),
    "dash_period_m": (
        0.05,
        5,
        0.4,
        (0.3, 0.5),
        (0.2, 0.8),
        "From the start of one dash to that of the next.",
    ),
    "dash_fraction": (0, 1, 0.5, (0.4, 0.6), (0.3, 1.0), "How much of the period is painted."),
    "field_level": (-1, 255, -1, (70, 150), (20, 200), "Grey level of the field beside the road."),
    "field_texture": (0, 100, 8, (0, 16), (0, 40), "Strength of the field's texture, grey levels."),
    "texture_scale": (0.1, 10, 1, (0.6, 1.6), (0.3, 3.0), "Size of all textures' grain."),
    "hue_shift_deg": (
        -180,
        180,
        0,
        (-20, 20),
        (-180, 180),
        "Turn of every material's hue (colour pictures).",
    ),
    # The room around the track.
    "wall_level": (0, 255, 150, (100, 200), (30, 240), "Grey level of the walls."),
    "wall_texture": (0, 127, 12, (0, 30), (0, 80), "Strength of the walls' texture, grey levels."),
    "wall_height_m": (0, 10, 0.6, (0.3, 1.2), (0.1, 2.5), "Height of the walls; 0 leaves the horizon open."),
    "wall_distance_m": (0.5, 50, 2.0, (1.2, 4.0), (0.8, 8.0), "From the outermost border to the walls."),
    "background_level": (0, 255, 190, (130, 235), (20, 255), "Grey level above the walls."),
    "background_texture": (0, 127, 6, (0, 20), (0, 60), "Strength of the background's texture, grey levels."),
    # Light and exposure.
    "light_direction_deg": (0, 360, 45, (0, 360), (0, 360), "Where the light comes from, in the world."),
    "light_gradient": (
        0,
        1,
        0.05,
        (0.0, 0.15),
        (0.0, 0.45),
        "Relative change of brightness in 3 m towards it.",
    ),
    "brightness": (0.05, 5, 1, (0.8, 1.2), (0.55, 1.45), "Factor of the whole picture: light and exposure."),
    "exposure_s": (0, 0.1, 0, (0.0, 0.008), (0.0, 0.025), "Time the shutter is open: blur by motion."),
    "blur": (0, 0.33, 0.03, (0.02, 0.12), (0.0, 0.28), "Share of each neighbour in a blurred pixel."),
    "noise_level": (
        0,
        60,
        0,
        (0.5, 5.0),
        (0.0, 14.0),
        "Standard deviation of the sensor's noise, grey levels.",
    ),
    # The camera's mount, added to the car model's.
    "camera_x_m": (-0.3, 0.3, 0, (-0.01, 0.01), (-0.03, 0.03), "Camera ahead of its mount."),
    "camera_y_m": (-0.1, 0.1, 0, (-0.005, 0.005), (-0.015, 0.015), "Camera left of its mount."),
    "camera_z_m": (-0.1, 0.5, 0, (-0.01, 0.01), (-0.03, 0.03), "Camera above its mount."),
    "camera_pitch_deg": (-30, 60, 0, (-2, 2), (-5, 5), "Camera further down than its mount."),
    "camera_roll_deg": (-30, 30, 0, (-1, 1), (-3, 3), "Camera turned clockwise, as its picture shows it."),
    "camera_yaw_deg": (-45, 45, 0, (-1.5, 1.5), (-4, 4), "Camera turned to the left."),
    "camera_fov_deg": (-50, 110, 0, (-3, 3), (-8, 8), "Added to the horizontal field of view."),
    "lens_distortion": (0, 0.8, 0, (0.0, 0.06), (0.0, 0.3), "Barrel distortion: 0 pinhole, 0.5 a fisheye."),
    # The car.
    "steering_offset_deg": (
        -15,
        15,
        0,
        (-1.5, 1.5),
        (-4, 4),
        "Wheels turned to the left when told straight.",
    ),
    "steering_gain": (0.3, 3, 1, (0.94, 1.06), (0.85, 1.15), "Factor of the steering angle."),
    "speed_gain": (0.2, 3, 1, (0.94, 1.06), (0.8, 1.2), "Factor of the speed."),
    "friction": (0.1, 3, 1, (0.85, 1.15), (0.6, 1.4), "Factor of the tyres' friction."),
    "steering_lag": (0, 5, 1, (0.8, 1.3), (0.5, 2.0), "Factor of the steering's time constant."),
    "speed_lag": (0, 5, 1, (0.8, 1.3), (0.5, 2.0), "Factor of the speed's time constant."),
    "delay_s": (-0.2, 0.3, 0, (-0.01, 0.02), (-0.03, 0.06), "Added to the delay of every action."),
    "delay_jitter_s": (
        0,
        0.1,
        0,
        (0.0, 0.01),
        (0.0, 0.025),
        "Each action's delay differs by up to this much.",
    ),
    # Where the episode starts.
    "start_lateral": (
        -0.9,
        0.9,
        0,
        (-0.3, 0.3),
        (-0.6, 0.6),
        "Off the centre line, as a share of the half width.",
    ),
    "start_heading_deg": (-60, 60, 0, (-6, 6), (-15, 15), "Heading at the start, from the track's."),
    # The sensors beside the camera; mounts and noise are added to the settings'.
    "lidar_noise_m": (-1, 1, 0, (-0.005, 0.01), (-0.01, 0.03), "Added to the standard deviation of a ray's range."),
    "lidar_dropout": (0, 1, 0, (0.0, 0.02), (0.0, 0.1), "Share of the LiDAR's rays that return nothing."),
    "lidar_yaw_deg": (-45, 45, 0, (-2, 2), (-6, 6), "LiDAR turned to the left."),
    "lidar_x_m": (-0.1, 0.1, 0, (-0.005, 0.005), (-0.02, 0.02), "LiDAR ahead of its mount."),
    "lidar_y_m": (-0.1, 0.1, 0, (-0.005, 0.005), (-0.02, 0.02), "LiDAR left of its mount."),
    "stereo_baseline_m": (-0.2, 0.2, 0, (-0.002, 0.002), (-0.006, 0.006), "Stereo cameras further apart."),
    "wheel_speed_noise_mps": (0, 1, 0, (0.0, 0.03), (0.0, 0.1), "Standard deviation of the measured wheel speed."),
    "yaw_rate_noise_rps": (0, 1, 0, (0.0, 0.03), (0.0, 0.1), "Standard deviation of the measured yaw rate."),
    "yaw_rate_bias_rps": (-1, 1, 0, (-0.02, 0.02), (-0.06, 0.06), "Added to the measured yaw rate."),
    # Boxes and other cars: each has a draw of its own. Below zero, a level and its hue are those of the kind.
    "object_level": (-1, 255, -1, (40, 220), (15, 245), "Grey level of a box or a car."),
    "object_hue_deg": (0, 360, 0, (0, 360), (0, 360), "Hue of a box or a car (colour pictures)."),
    "object_saturation": (0, 1, 0.5, (0.1, 0.8), (0.0, 1.0), "Saturation of a box or a car (colour pictures)."),
    "object_size": (0.5, 2, 1, (0.95, 1.05), (0.85, 1.15), "Factor of a box's length, width and height."),
    "shadow_strength": (0, 1, 0.35, (0.15, 0.55), (0.0, 0.8), "Share of the light missing under boxes and cars."),
}

# One row per car: the values that hold in its episode.
EPISODE_DRAW = np.dtype([(name, np.float64) for name in QUANTITIES])


class _Presets(Settings):
    preset: Preset = Field("light", description="Ranges used where none is given: off, light or strong.")

    @model_validator(mode="after")
    def _within_limits(self) -> _Presets:
        for name, (lowest, highest, *_) in QUANTITIES.items():
            chosen: Range | None = getattr(self, name)
            if chosen is not None and not lowest <= chosen.low <= chosen.high <= highest:
                raise ValueError(
                    f"{name} from {chosen.low} to {chosen.high} is outside the possible {lowest} to {highest}"
                )
        return self

    def ranges(self) -> NDArray[np.float64]:
        """(quantities, 2) lowest and highest value of every quantity, in the order of QUANTITIES."""
        return np.array([self.range_of(name) for name in QUANTITIES], dtype=np.float64)

    def range_of(self, name: str) -> tuple[float, float]:
        """The range in force for one quantity: the one given, else the preset's."""
        chosen: Range | None = getattr(self, name)
        if chosen is not None:
            return chosen.low, chosen.high
        _, _, nominal, light, strong, _ = QUANTITIES[name]
        return {"off": (nominal, nominal), "light": light, "strong": strong}[self.preset]


RandomisationSettings = create_model(  # type: ignore[call-overload]
    "RandomisationSettings",
    __base__=_Presets,
    __doc__="What is drawn anew in every episode; a range given here replaces the preset's.",
    **{
        name: (Range | None, Field(None, description=f"{row[5]} Range {row[0]:g} to {row[1]:g}."))
        for name, row in QUANTITIES.items()
    },
)


@kernel
def draw_episode(values, ranges, seed, episode):
    """Fill one car's row: values (quantities,), ranges (quantities, 2)."""
    for k in range(values.shape[0]):
        low = ranges[k, 0]
        values[k] = low + (ranges[k, 1] - low) * random_unit(seed, episode, k, 0)
