"""A driver for tests that needs no training: it looks at the simulator instead of the camera.

Being a spectator of the evaluation, it learns which simulator it drives in; being its policy, it steers for
a point on the centre line ahead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.actions import ActionSpace, ContinuousActionSpace, DiscreteActionSpace
from shared.model_metadata import ModelMetadata
from trainer.evaluation.policy import LoadedPolicy
from trainer.simulator import Simulator

CONTINUOUS = ContinuousActionSpace(-30.0, 30.0, 0.0, 2.0)


class Autopilot:
    """Pure pursuit of the centre line. lateral_m: of a line to the left of it instead.

    asleep_s: (car, from, to): does nothing sensible in between.
    """

    def __init__(
        self,
        space: ActionSpace = CONTINUOUS,
        *,
        speed_mps: float = 1.0,
        look_ahead_m: float = 0.5,
        lateral_m: float = 0.0,
        asleep_s: dict[int, tuple[float, float]] | None = None,
        name: str = "autopilot",
        **sees: Any,
    ) -> None:
        """sees: what its ModelMetadata says beyond the actions: sensors, stack_size, lidar_config."""
        self.space = space
        self.speed_mps = speed_mps
        self.look_ahead_m = look_ahead_m
        self.lateral_m = lateral_m
        self.asleep_s = asleep_s or {}
        self.simulator: Simulator | None = None
        self.rows: Sequence[int] = ()  # of the simulator: the cars it drives
        self.saw: dict[str, tuple[int, ...]] = {}  # shapes of what it was shown last
        self.policy = LoadedPolicy(name, "the tests", ModelMetadata(action_space=space, **sees), self.answer)

    def begin(self, simulator: Simulator, rows: NDArray[np.int64]) -> None:
        self.simulator, self.rows = simulator, rows.tolist()

    def step(self, *_: Any) -> None:
        pass

    def answer(self, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        assert self.simulator is not None
        self.saw = {sensor: seen.shape for sensor, seen in inputs.items()}
        steering_deg = np.array([self._steering_deg(car) for car in self.rows])
        if isinstance(self.space, DiscreteActionSpace):
            angles, speeds = self.space.arrays()
            wanted = np.abs(angles - steering_deg[:, None]) + 10 * np.abs(speeds - self.speed_mps)
            return np.eye(len(angles), dtype=np.float32)[wanted.argmin(axis=1)]
        speed = np.full(len(self.rows), 2 * self.speed_mps / self.space.speed_high_mps - 1)
        return np.stack([steering_deg / 30.0, speed], axis=1).astype(np.float32)

    def _steering_deg(self, car: int) -> float:
        assert self.simulator is not None
        record = self.simulator.cars.records[car]
        asleep = self.asleep_s.get(car)
        if asleep is not None and asleep[0] <= record["time_s"] < asleep[1]:
            return 30.0
        track = self.simulator.tracks[int(record["track_index"])]
        if record["direction"] < 0:
            track = track.reversed()
        target = track.position(record["arc_m"] + self.look_ahead_m, self.lateral_m) - (record["x_m"], record["y_m"])
        error = np.arctan2(target[1], target[0]) - record["heading_rad"]
        error = (error + np.pi) % (2 * np.pi) - np.pi
        wheelbase_m = self.simulator.car_model.wheelbase_m
        return float(np.degrees(np.arctan(2 * wheelbase_m * np.sin(error) / np.hypot(*target))))
