"""An actuator core on an emulated board, on a clock that moves when told: what the actuator's tests drive."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from shared.actions import Action
from vehicle.actuator.core import TURN_S, ActuatorCore
from vehicle.actuator.guard_watch import SameProcess
from vehicle.actuator.lease import LONGEST_TTL_S, Driver, Lease, Pulses
from vehicle.actuator.limits import DriveLimits
from vehicle.actuator.mode import Mode
from vehicle.actuator.status import ActuatorStatus
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C, Wire
from vehicle.hardware.i2c_bus import Segment
from vehicle.hardware.pca9685 import Pca9685Board

THROTTLE, STEERING = 0, 1
NEUTRAL_US = 1500.0
LIMITS = DriveLimits(max_speed_mps=1.5, acceleration_mps2=50.0, steering_rate_dps=5000.0)
ONE_PERIOD_S = 0.02  # what the chip may take to begin with a new width


class StraightPulses:
    """10 us a degree, 100 us a metre per second, both about 1500."""

    def steering_pulse_us(self, steering_angle_deg: float) -> float:
        return 1500.0 + 10.0 * steering_angle_deg

    def throttle_pulse_us(self, speed_mps: float, *, top_speed_mps: float) -> float:
        return NEUTRAL_US + 100.0 * speed_mps


class FailingI2C(LocalI2C):
    """A bus that can be unplugged."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.failures_left = 0
        self.failures_after: int | None = None  # transactions that still work; None: all

    def transfer(self, address: int, segments: Sequence[Segment]) -> bytes:
        if self.failures_after is not None:
            self.failures_after -= 1
            self.failures_left = 1 if self.failures_after < 0 else 0
        if self.failures_left:
            self.failures_left -= 1
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        return super().transfer(address, segments)


class Car:
    """A core on an emulated board; time passes in turns."""

    def __init__(self, board: EmulatedBoard, clock: Any, **options: Any) -> None:
        """options: of the core."""
        self.board, self.clock = board, clock
        self.bus = FailingI2C(board.wire)
        epochs = itertools.count(1001)
        driver = Pca9685Board(self.bus, sleep=clock.sleep)
        given: dict[str, Any] = {"limits": LIMITS, "guard": SameProcess(), "new_epoch": lambda: next(epochs)}
        self.core = ActuatorCore(driver, StraightPulses(), **{**given, **options})
        self.sequence = 0

    def arm(self, mode: Mode = Mode.AUTONOMOUS, top_speed_mps: float = 1.0) -> None:
        """From the start, or from a stop, to driving."""
        self.run(1.3)
        self.arm_at_once(mode, top_speed_mps)

    def arm_at_once(self, mode: Mode = Mode.AUTONOMOUS, top_speed_mps: float = 1.0) -> None:
        """Neutral was held."""
        assert self.core.arm(mode, top_speed_mps, self.clock()) is None
        self.sequence = 0

    def arming_problem(self) -> str:
        """Why the car cannot be armed now; empty when it was."""
        return self.core.arm(Mode.AUTONOMOUS, 1.0, self.clock()) or ""

    def run(self, duration_s: float) -> ActuatorStatus:
        """Turns without any command."""
        for _ in range(round(duration_s / TURN_S)):
            self.clock.sleep(TURN_S)
            self.core.turn(self.clock())
        return self.core.status(self.clock())

    def drive(self, action: Action | Pulses, duration_s: float, *, frame_age_s: float = 0.03) -> ActuatorStatus:
        """Turns with a renewed lease each."""
        for _ in range(round(duration_s / TURN_S)):
            self.clock.sleep(TURN_S)
            self.core.accept(self.lease(action, frame_age_s=frame_age_s), self.clock())
            self.core.turn(self.clock())
        return self.core.status(self.clock())

    def lease(self, action: Action | Pulses, *, frame_age_s: float = 0.03, **changes: Any) -> Lease:
        self.sequence += 1
        now_s = self.clock()
        values: dict[str, Any] = {
            "epoch": self.core.state.epoch,
            "driver": self.core.state.driver or Driver.AUTONOMOUS,
            "sequence": self.sequence,
            "issued_at_s": now_s,
            "ttl_s": LONGEST_TTL_S,
            "action": action,
            "rests_on_s": now_s - frame_age_s,
        }
        return Lease(**{**values, **changes})

    def throttle_us(self) -> float | None:
        return self.board.chip.pulse_us(THROTTLE)

    def first_neutral_after(self, moment_s: float) -> float:
        """How long after a moment the first neutral throttle pulse began."""
        starts = [
            change.start_s
            for change in self.board.chip.settled_history()
            if change.channel == THROTTLE
            and change.start_s > moment_s
            and change.width_us == pytest.approx(NEUTRAL_US, abs=3)
        ]
        return starts[0] - moment_s
