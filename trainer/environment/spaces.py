"""Gymnasium's spaces of one car, and the way from its actions to steering angles and speeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from shared.actions import ActionSpace, DiscreteActionSpace
from shared.errors import ActionError
from shared.lidar import LidarConfig
from shared.observation import observation_spec
from trainer.simulator import SimulatorSettings


class ActionDecoder:
    """Turns a batch of actions as Gymnasium's spaces have them into angles and speeds."""

    def __init__(self, actions: ActionSpace, cars: int) -> None:
        self._actions = actions
        self._cars = cars
        self._arrays = actions.arrays() if isinstance(actions, DiscreteActionSpace) else None

    def __call__(self, actions: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """steering_deg (N,), speed_mps (N,); ActionError for anything outside the space."""
        given = np.asarray(actions)
        if self._arrays is None:
            if given.shape != (self._cars, 2) or given.dtype.kind not in "fiu" or not np.isfinite(given).all():
                raise ActionError(f"Actions must be ({self._cars}, 2) finite numbers in -1..1, got {actions!r:.120}.")
            return self._actions.scale(given)  # type: ignore[union-attr]
        count = len(self._arrays[0])
        # A negative index would silently count from the end.
        whole = given.shape == (self._cars,) and given.dtype.kind in "iu"
        if not whole or given.min() < 0 or given.max() >= count:
            raise ActionError(
                f"Actions must be {self._cars} whole numbers from 0 to {count - 1}, got {actions!r:.120}."
            )
        return self._arrays[0][given], self._arrays[1][given]


def action_space_of_one(actions: ActionSpace) -> spaces.Space[Any]:
    """Action space of one car."""
    if isinstance(actions, DiscreteActionSpace):
        return spaces.Discrete(actions.output_size)
    return spaces.Box(-1.0, 1.0, (2,), np.float32)


def observation_space_of_one(
    sensors: Sequence[str], stack_size: int, lidar_config: LidarConfig | None
) -> spaces.Space[Any]:
    """Observation space of one car: a Box for a lone sensor, a Dict of them by the sensor's name for several."""
    boxes = {sensor: _box(sensor, stack_size, lidar_config) for sensor in sensors}
    return boxes[sensors[0]] if len(sensors) == 1 else spaces.Dict(boxes)


def _box(sensor: str, stack_size: int, lidar_config: LidarConfig | None) -> spaces.Space[Any]:
    spec = observation_spec(sensor, stack_size, lidar_config)
    return spaces.Box(spec.low, spec.high, spec.shape, np.dtype(spec.dtype).type)


def metadata_of(settings: SimulatorSettings) -> dict[str, Any]:
    """Gymnasium's metadata: how it can be rendered, and how many steps are a second."""
    return {"render_modes": ["rgb_array"], "render_fps": round(1.0 / settings.step_s)}
