"""From a sight to an action: observation as in training, the model's answer, the action it means."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.lidar import LidarConfig, rays_from_scan
from shared.model_archive import ModelArchive
from shared.observation import FRAME_HEIGHT_PX, FRAME_WIDTH_PX, Observer
from shared.policy_io import policy_inputs
from shared.sensors import SENSORS
from vehicle.drive.engine import Engine
from vehicle.drive.turn import Decision, Motion, Sight
from vehicle.hardware.pictures import grey_of
from vehicle.hardware.protocols import Frame, Scan

KEPT_OBSERVATIONS = 4  # as many as a camera keeps pictures


class Pilot(Protocol):
    """Decides what to do about what the car sees.

    top_speed_mps: the fastest it may ask for. control_rate_hz: how often it was trained to decide. readings: what it
    needs of a sight, as in shared/sensors.py.
    """

    @property
    def readings(self) -> Collection[str]: ...

    @property
    def top_speed_mps(self) -> float: ...

    @property
    def control_rate_hz(self) -> float: ...

    def decide(self, sight: Sight) -> Decision: ...

    def forget(self) -> None: ...


class ModelPilot:
    """Drives with a trained model."""

    def __init__(self, archive: ModelArchive, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        metadata = archive.metadata
        self.archive = archive
        self.engine = engine
        self._action_space = metadata.action_space
        self._clock = clock
        self._lidar_config = metadata.lidar or LidarConfig()
        self._observer = Observer(metadata.sensors, metadata.stack_size, metadata.lidar)
        # Made once: the loop allocates no observation and no input.
        self._inputs = {spec.name: np.zeros(_whole(spec.shape), np.float32) for spec in policy_inputs(metadata)}
        self._kept: list[dict[str, NDArray[Any]]] = [
            {name: values.copy() for name, values in self._observer.current.items()} for _ in range(KEPT_OBSERVATIONS)
        ]
        self._decisions = 0

    @property
    def readings(self) -> Collection[str]:
        """What its sensors are made of."""
        return frozenset(SENSORS[name].reading for name in self.archive.metadata.sensors)

    @property
    def top_speed_mps(self) -> float:
        """The fastest the model may ask for."""
        return self.archive.metadata.top_speed_mps

    @property
    def control_rate_hz(self) -> float:
        """How often the model was trained to decide."""
        return self.archive.metadata.control_rate_hz

    def decide(self, sight: Sight) -> Decision:
        """The model's action for this sight; ActionError when its answer is not finite or not an answer."""
        observation = self._observed(sight)
        observed_at_s = self._clock()
        answer = self.answer(observation)
        action = self._action_space.decode(answer)
        return Decision(sight, observation, answer, action, observed_at_s, self._clock())

    def answer(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        """(n,) what the policy says of an observation."""
        for name, values in self._inputs.items():
            np.copyto(values[0], observation[name], casting="unsafe")
        return self.engine.infer(self._inputs).reshape(-1)

    def forget(self) -> None:
        """A new drive begins: earlier pictures are of another place."""
        self._observer.reset()

    def warm_up(self) -> None:
        """Run the model once on a black picture: the first answer of an engine is slow."""
        black = np.zeros((FRAME_HEIGHT_PX, FRAME_WIDTH_PX, 3), dtype=np.uint8)
        frame, nothing = Frame(black, 0.0, 0), np.zeros(0, np.float32)
        self.decide(Sight(frame, Scan(nothing, nothing, 0.0, 0.0, 0), frame, Motion(0.0, 0.0)))
        self.forget()

    def _observed(self, sight: Sight) -> dict[str, NDArray[Any]]:
        """What the model sees of this sight, in memory that the next three decisions leave alone."""
        current = self._observer.push(self._readings(sight))
        kept = self._kept[self._decisions % KEPT_OBSERVATIONS]
        self._decisions += 1
        for name, values in current.items():
            np.copyto(kept[name], values)
        return kept

    def _readings(self, sight: Sight) -> dict[str, NDArray[Any]]:
        """What the sensors say, by reading name (SensorSpec.reading): those that the model needs."""
        grey = grey_of(sight.frame)
        readings: dict[str, NDArray[Any]] = {"camera": grey}
        if "stereo" in self.readings and sight.right is not None:
            readings["stereo"] = np.stack((grey, grey_of(sight.right)))
        if "lidar" in self.readings and sight.scan is not None:
            scan = sight.scan
            readings["lidar"] = rays_from_scan(
                scan.angles_deg, scan.ranges_m, self._lidar_config, yaw_deg=0.0, clockwise=False
            )
        if sight.motion is not None:
            readings["motion"] = np.array([sight.motion.wheel_speed_mps, sight.motion.yaw_rate_rps], np.float32)
        return readings


def _whole(shape: tuple[int | None, ...]) -> tuple[int, ...]:
    return tuple(1 if size is None else size for size in shape)
