"""What one turn of the control loop saw, decided and did: the values that loop, recorder and console share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.actions import Action
from vehicle.actuator.status import ActuatorStatus
from vehicle.hardware.protocols import Frame, Scan


@dataclass(frozen=True, slots=True)
class Motion:
    """How the car moves: speed of its wheels, and how fast it turns, left positive."""

    wheel_speed_mps: float
    yaw_rate_rps: float


@dataclass(frozen=True, slots=True)
class Sight:
    """What the car's sensors say at one moment; None: not asked for.

    scan: the LiDAR's that belongs to the picture. right: of stereo cameras the right picture, frame being the left one.
    """

    frame: Frame
    scan: Scan | None = None
    right: Frame | None = None
    motion: Motion | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What was made of a sight, and when.

    observation: what the model saw, by sensor name, as Observer.current has it; empty where no model decides. Like
        the picture, it is valid until three newer decisions have come: who keeps it longer copies it.
    answer: (n,) float32, what the policy said: probabilities, or steering and speed in -1..1.
    observed_at_s: when the observation was ready. decided_at_s: when the answer was there.
    """

    sight: Sight
    observation: Mapping[str, NDArray[Any]]
    answer: NDArray[np.float32]
    action: Action
    observed_at_s: float
    decided_at_s: float

    @property
    def frame(self) -> Frame:
        return self.sight.frame

    @property
    def scan(self) -> Scan | None:
        return self.sight.scan


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn that decided something, or after which the actuator stands otherwise than before.

    decision: None where only the actuator's state changed.
    status: what the actuator said at the end of the turn.
    commanded_at_s: when the decision was sent to the actuator, None while it does not drive by it.
    asked: what was sent then: the decision's action at the share of its speed that a person allows.
    """

    decision: Decision | None
    status: ActuatorStatus
    commanded_at_s: float | None
    asked: Action | None = None
