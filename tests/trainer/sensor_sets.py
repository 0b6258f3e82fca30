"""Every legal set of sensors, and observations made up for them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.lidar import LidarConfig
from shared.observation import observation_spec
from shared.sensors import SENSORS


def _named(kind: str) -> list[str]:
    return [name for name, sensor in SENSORS.items() if sensor.kind == kind]


SENSOR_SETS: list[tuple[str, ...]] = [
    tuple(name for name in chosen if name)
    for chosen in product(_named("camera"), ["", *_named("lidar")], ["", *_named("motion")])
]


def set_name(sensors: Any) -> str | None:
    """A short name of a set for pytest; None for anything else."""
    return "+".join(sensors) if isinstance(sensors, tuple) else None


def made_up(
    sensors: Sequence[str], count: int, stack_size: int = 1, lidar_config: LidarConfig | None = None, seed: int = 0
) -> dict[str, NDArray[Any]]:
    """What count cars see by chance, (count, …) by sensor, within each sensor's range."""
    chance = np.random.default_rng(seed)
    observation: dict[str, NDArray[Any]] = {}
    for sensor in sensors:
        spec = observation_spec(sensor, stack_size, lidar_config)
        low, high = (-4, 4) if spec.kind == "motion" else (spec.low, spec.high)
        values = chance.uniform(low, high, (count, *spec.shape))
        whole = spec.kind == "lidar" and (low, high) == (0, 1)
        observation[sensor] = (values.round() if whole else values).astype(spec.dtype)
    return observation
