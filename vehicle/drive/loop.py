"""The control loop: newest picture, decision, lease. It reads top to bottom and has one way out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shared.actions import Action
from vehicle.actuator.client import ActuatorLink
from vehicle.actuator.core import ActuatorStatus
from vehicle.actuator.lease import LONGEST_TTL_S, Driver, Lease
from vehicle.actuator.state import Phase
from vehicle.drive.pilot import Pilot
from vehicle.hardware.protocols import Camera, Frame

RENEW_S = 0.020
EARLY_FRACTION = 0.6  # a picture that comes sooner after the last decision than this share of a period is left out


@dataclass(frozen=True, slots=True)
class Decision:
    """What was made of a picture, and when."""

    frame: Frame
    action: Action
    decided_at_s: float


class DriveRecorder(Protocol):
    """Gets every decision and what the actuator says. Must not wait."""

    def record(self, decision: Decision, status: ActuatorStatus) -> None: ...


class DriveLoop:
    """One car's control loop. It decides all the time and commands only while armed for it."""

    def __init__(
        self,
        camera: Camera,
        pilot: Pilot,
        actuator: ActuatorLink,
        *,
        clock: Callable[[], float] = time.monotonic,
        recorder: DriveRecorder | None = None,
    ) -> None:
        self.decision: Decision | None = None
        self._camera = camera
        self._pilot = pilot
        self._actuator = actuator
        self._clock = clock
        self._recorder = recorder
        self._epoch = 0
        self._sequence = 0
        self._looked_at = 0  # sequence of the newest picture seen, whether it was due or not

    def run(self, stop: threading.Event) -> None:
        """Until stop is set. An error of the model stops the car and is raised."""
        try:
            while not stop.is_set():
                self._camera.wait_newer(self._looked_at, RENEW_S)
                self.turn()
        finally:
            self._actuator.stop("the drive ended")  # every way out of the loop passes here

    def turn(self) -> ActuatorStatus:
        """Decide if there is a new picture, and renew the lease if this loop drives.

        What the actuator says.
        """
        status = self._actuator.status()
        if status.epoch != self._epoch:
            self._begin(status.epoch)
        frame = self._camera.latest()
        fresh = frame is not None and self._is_due(frame)
        if frame is not None:
            self._looked_at = frame.sequence
        if frame is not None and fresh:
            self.decision = Decision(frame, self._pilot.decide(frame), self._clock())
        if self.decision is not None and status.phase is Phase.ARMED and status.driver is Driver.AUTONOMOUS:
            status = self._actuator.command(self._lease(self.decision))
        if self.decision is not None and fresh and self._recorder is not None:
            self._recorder.record(self.decision, status)
        return status

    def _is_due(self, frame: Frame) -> bool:
        if self.decision is None:
            return True
        elapsed_s = frame.taken_at_s - self.decision.frame.taken_at_s
        is_newer = frame.sequence > self.decision.frame.sequence
        return is_newer and elapsed_s >= EARLY_FRACTION / self._pilot.control_rate_hz

    def _begin(self, epoch: int) -> None:
        """Another arming: count from one again, and let the model start as in training, without memory."""
        self._epoch, self._sequence = epoch, 0
        self._pilot.forget()

    def _lease(self, decision: Decision) -> Lease:
        self._sequence += 1
        return Lease(
            epoch=self._epoch,
            driver=Driver.AUTONOMOUS,
            sequence=self._sequence,
            issued_at_s=self._clock(),
            ttl_s=LONGEST_TTL_S,
            action=decision.action,
            rests_on_s=decision.frame.taken_at_s,
        )
