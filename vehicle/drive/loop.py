"""The control loop: newest picture, decision, lease. It reads top to bottom and has one way out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from vehicle.actuator.client import ActuatorLink
from vehicle.actuator.core import ActuatorStatus
from vehicle.actuator.lease import LONGEST_TTL_S, Driver, Lease
from vehicle.actuator.state import Phase
from vehicle.drive.pilot import Pilot
from vehicle.drive.turn import Decision, Sight, Turn
from vehicle.hardware.camera_watch import CameraVerdict, CameraWatch
from vehicle.hardware.protocols import Camera, Frame
from vehicle.supervisor import Supervisor

RENEW_S = 0.020
EARLY_FRACTION = 0.6  # a picture that comes sooner after the last decision than this share of a period is left out

log = logging.getLogger(__name__)


class DriveRecorder(Protocol):
    """Gets every decision and every change of the actuator's state. Must not wait."""

    def record(self, turn: Turn) -> None: ...


class DriveLoop:
    """One car's control loop. It decides all the time and commands only while armed for it.

    decision: the newest one. camera_verdict: what is wrong with the pictures.
    """

    def __init__(
        self,
        camera: Camera,
        pilot: Pilot,
        actuator: ActuatorLink,
        *,
        clock: Callable[[], float] = time.monotonic,
        recorder: DriveRecorder | None = None,
        supervisor: Supervisor | None = None,
    ) -> None:
        """supervisor: hears of every turn."""
        self.decision: Decision | None = None
        self.camera_verdict = CameraVerdict()
        self._camera = camera
        self._watch = CameraWatch(pilot.control_rate_hz)
        self._pilot = pilot
        self._actuator = actuator
        self._clock = clock
        self._recorder = recorder
        self._supervisor = supervisor or Supervisor({})
        self._epoch = 0
        self._sequence = 0
        self._looked_at = 0  # sequence of the newest picture seen, whether it was due or not
        self._standing: tuple[Phase, int] | None = None  # of the actuator, as last recorded

    def run(self, stop: threading.Event) -> None:
        """Until stop is set. An error of the model stops the car and is raised."""
        try:
            while not stop.is_set():
                self._camera.wait_newer(self._looked_at, RENEW_S)
                self.turn()
                self._supervisor.turned(self._clock())
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
        drives = status.phase is Phase.ARMED and status.driver is Driver.AUTONOMOUS
        if self._is_misled(frame) and drives:
            self._actuator.stop(self.camera_verdict.problem)
            status, drives = self._actuator.status(), False
        decided = None if frame is None else self._decide(frame)
        commanded_at_s = None
        if self.decision is not None and drives:
            commanded_at_s = self._clock()
            status = self._actuator.command(self._lease(self.decision, commanded_at_s))
        self._record(decided, status, commanded_at_s)
        return status

    def _is_misled(self, frame: Frame | None) -> bool:
        """Whether the pictures must not be driven by. Pictures that are only old end the lease by themselves."""
        verdict = self._watch.judge(frame, self._clock(), self._camera.problem)
        if verdict.problem and verdict != self.camera_verdict:
            log.warning("%s", verdict.problem)
        self.camera_verdict = verdict
        return verdict.stops

    def _decide(self, frame: Frame) -> Decision | None:
        """What to do about the newest picture; None when it is not due, or not to be driven by."""
        is_due = self._is_due(frame) and not self.camera_verdict.stops
        self._looked_at = frame.sequence
        if not is_due:
            return None
        self.decision = self._pilot.decide(Sight(frame))
        return self.decision

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
        self._watch.begin()

    def _lease(self, decision: Decision, now_s: float) -> Lease:
        self._sequence += 1
        return Lease(
            epoch=self._epoch,
            driver=Driver.AUTONOMOUS,
            sequence=self._sequence,
            issued_at_s=now_s,
            ttl_s=LONGEST_TTL_S,
            action=decision.action,
            rests_on_s=decision.frame.taken_at_s,
        )

    def _record(self, decided: Decision | None, status: ActuatorStatus, commanded_at_s: float | None) -> None:
        standing = (status.phase, status.epoch)
        if self._recorder is not None and (decided is not None or standing != self._standing):
            self._recorder.record(Turn(decided, status, commanded_at_s))
        self._standing = standing
