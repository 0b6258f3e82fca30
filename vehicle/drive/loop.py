"""The control loop: newest picture, decision, lease. It reads top to bottom and has one way out."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from shared.actions import STOP, Action
from shared.errors import LapwingError
from vehicle.actuator.client import ActuatorLink
from vehicle.actuator.lease import LONGEST_TTL_S, OLDEST_BASIS_S, Driver, Lease
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.drive.latency import LatencyRing
from vehicle.drive.pilot import Pilot
from vehicle.drive.senses import NO_SCAN, USUAL_RATE_HZ, Senses
from vehicle.drive.turn import Decision, Turn
from vehicle.hardware.camera_watch import NO_PICTURE, CameraVerdict, CameraWatch
from vehicle.hardware.protocols import Camera, Frame
from vehicle.supervisor import Supervisor

RENEW_S = 0.020
EARLY_FRACTION = 0.6  # a picture that comes sooner after the last decision than this share of a period is left out

NO_MODEL = "No model is in place."
ARMED = "The car is armed. Stop it, then choose another model."

ResultT = TypeVar("ResultT")

log = logging.getLogger(__name__)


class DriveRecorder(Protocol):
    """Gets every decision and every change of the actuator's state. Must not wait."""

    def record(self, turn: Turn) -> None: ...


class DriveLoop:
    """One car's control loop. It decides all the time and commands only while armed for it.

    pilot: who decides, None while nobody can. model_problem: why the last one was dismissed; empty when none was.
    decision: the newest one. camera_verdict: what is wrong with the pictures. status: what the actuator said last.
    speed_scale: the share of the pilot's speed that is asked for, 0 to 1; any thread may set it. It is applied here and
        not by the actuator: how fast a person lets a model drive is part of what is asked for, and shows in the log as
        such; the actuator's limits come after it and know nothing of wishes.
    Other threads do with the loop what `ask` lets them.
    """

    def __init__(
        self,
        camera: Camera,
        pilot: Pilot | None,
        actuator: ActuatorLink,
        *,
        clock: Callable[[], float] = time.monotonic,
        recorder: DriveRecorder | None = None,
        supervisor: Supervisor | None = None,
        speed_scale: float = 1.0,
        seen: Callable[[], None] = lambda: None,
        senses: Senses | None = None,
    ) -> None:
        """senses: what pilots may drive by besides the camera. supervisor: hears of every turn.

        seen: called at the end of a turn that had a picture to look at."""
        self.pilot = pilot
        self.model_problem = ""
        self.decision: Decision | None = None
        self.camera_verdict = CameraVerdict()
        self.status: ActuatorStatus | None = None
        self.speed_scale = speed_scale
        self.latency = LatencyRing()
        self._camera = camera
        self._senses = senses or Senses()
        self._look_with(pilot)
        self._actuator = actuator
        self._clock = clock
        self._recorder = recorder
        self._supervisor = supervisor or Supervisor({})
        self._seen = seen
        self._asked: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._epoch = 0
        self._sequence = 0
        self._looked_at = 0  # sequence of the newest picture seen, whether it was due or not
        self._is_commanding = False  # whether the last turn sent a command
        self._standing: tuple[Phase, int] | None = None  # of the actuator, as last recorded

    @property
    def senses_problem(self) -> str:
        """What the pilot lacks besides the camera's pictures, a sentence; empty while it lacks nothing."""
        return self._senses.problem

    def run(self, stop: threading.Event) -> None:
        """Until stop is set."""
        try:
            while not stop.is_set():
                self._camera.wait_newer(self._looked_at, RENEW_S)
                self.turn()
                self._supervisor.turned(self._clock())
        finally:
            # Every way out of the loop passes here.
            self._tell(Turn(None, self._stop("the drive ended"), None), self._clock())

    def turn(self) -> ActuatorStatus:
        """Decide if there is a new picture, and renew the lease if this loop drives.

        What the actuator says.
        """
        while not self._asked.empty():
            self._asked.get()()
        seen_at_s, last_looked_at = self._clock(), self._looked_at
        status = self._standing_status()
        frame = self._camera.latest()
        if not _drives(status):
            self._watch.forget_size()
            self._senses.forget_size()
        if self._is_misled(frame) and _drives(status):
            status = self._stop(self.camera_verdict.problem)
        decided = None if frame is None else self._decide(frame)
        if self._senses.ends_drive(self._clock()) and _drives(status):
            status = self._stop(self._senses.problem)
        if self.pilot is None and _drives(status):
            status = self._stop(f"the model failed: {self.model_problem or NO_MODEL}")
        commanded_at_s, asked = None, None
        is_stale = self._senses.is_stale(self._clock())
        if self.decision is not None and _drives(status) and not is_stale:
            commanded_at_s, asked = self._clock(), self._scaled(self.decision.action)
            status = self._actuator.command(self._lease(self.decision, asked, commanded_at_s))
        self.status, self._is_commanding = status, commanded_at_s is not None
        self._tell(Turn(decided, status, commanded_at_s, asked), seen_at_s)
        if frame is not None and frame.sequence != last_looked_at:
            self._seen()  # whoever is woken by it competes for the processor: only now
        return status

    def reach(self, actuator: ActuatorLink, senses: Senses) -> None:
        """Another connection to the actuator, before `run`: nothing of the last one counts any more.

        senses: opened for it; those before are closed by who opened them.
        """
        self._actuator, self.status, self._is_commanding, self._standing = actuator, None, False, None
        self._senses = senses
        self._look_with(self.pilot)

    def ask(self, task: Callable[[], ResultT]) -> Future[ResultT]:
        """Have something done between two turns, by the loop's thread, unless it is cancelled. For other threads."""
        promised: Future[ResultT] = Future()

        def do() -> None:
            if not promised.set_running_or_notify_cancel():
                return
            try:
                promised.set_result(task())
            except LapwingError as error:  # it belongs to who asked
                promised.set_exception(error)

        self._asked.put(do)
        return promised

    def arm(self, mode: Mode) -> str:
        """Arm the car for this loop. Why not; empty when it is armed. For the loop's thread."""
        if self.pilot is None:
            return self.model_problem or NO_MODEL
        decision = self.decision
        if decision is None or self._clock() - decision.frame.taken_at_s > OLDEST_BASIS_S[Driver.AUTONOMOUS]:
            if self._senses.problem and not self.camera_verdict.problem:
                return f"The car is not armed while its model lacks a sensor. {self._senses.problem}"
            return f"Without pictures the car is not armed. {self.camera_verdict.problem or NO_PICTURE}"
        if self._senses.is_stale(self._clock()):
            return f"The car is not armed while its model lacks a sensor. {self._senses.problem or NO_SCAN}"
        return self._actuator.arm(mode, self.pilot.top_speed_mps)

    def take(self, pilot: Pilot) -> str:
        """Another pilot, from the next arming on. Why not; empty when it is in place. For the loop's thread."""
        status = self._actuator.status()
        # A first model comes into place beside a person who drives, so that the drive is recorded.
        if _drives(status) or (status.phase is Phase.ARMED and self.pilot is not None):
            return ARMED
        self.pilot, self.decision, self.model_problem = pilot, None, ""
        self._look_with(pilot)
        pilot.forget()
        return ""

    def _look_with(self, pilot: Pilot | None) -> None:
        """Have cameras and LiDAR give what this pilot needs."""
        readings, rate_hz = (("camera",), USUAL_RATE_HZ) if pilot is None else (pilot.readings, pilot.control_rate_hz)
        self._watch = CameraWatch(rate_hz)
        self._senses.use(readings, rate_hz)

    def _standing_status(self) -> ActuatorStatus:
        """How the actuator stands. Where the last turn sent a command, the answer to it says so."""
        if self._is_commanding and self.status is not None and _drives(self.status):
            return self.status
        status = self._actuator.status()
        if status.epoch != self._epoch:
            self._begin(status.epoch)
        return status

    def _stop(self, reason: str) -> ActuatorStatus:
        self._actuator.stop(reason)
        return self._actuator.status()

    def _is_misled(self, frame: Frame | None) -> bool:
        """Whether the pictures must not be driven by. Pictures that are only old end the lease by themselves."""
        verdict = self._watch.judge(frame, self._clock(), self._camera.problem)
        if verdict.problem and verdict != self.camera_verdict:
            log.warning("%s", verdict.problem)
        self.camera_verdict = verdict
        return verdict.stops

    def _decide(self, frame: Frame) -> Decision | None:
        """What to do about the newest picture; None when it is not due, or not to be driven by, or nobody decides.

        A pilot that fails is dismissed: the car waits for another one.
        """
        is_due = self.pilot is not None and self._is_due(frame, self.pilot) and not self.camera_verdict.stops
        if 0 < self._looked_at < frame.sequence - 1:
            self.latency.missed_pictures += frame.sequence - 1 - self._looked_at
        self._looked_at = frame.sequence
        if self.pilot is None or not is_due:
            return None
        status = self.status
        applied, yaw_rate_rps = (STOP, None) if status is None else (status.applied, status.yaw_rate_rps)
        sight = self._senses.sight(frame, applied, self._clock(), yaw_rate_rps)
        if sight is None:
            return None
        try:
            self.decision = self.pilot.decide(sight)
        except LapwingError as error:
            log.error("The model is taken out: %s", error)
            self.pilot, self.decision, self.model_problem = None, None, str(error)
        return self.decision

    def _is_due(self, frame: Frame, pilot: Pilot) -> bool:
        if self.decision is None:
            return True
        elapsed_s = frame.taken_at_s - self.decision.frame.taken_at_s
        is_newer = frame.sequence > self.decision.frame.sequence
        return is_newer and elapsed_s >= EARLY_FRACTION / pilot.control_rate_hz

    def _begin(self, epoch: int) -> None:
        """Another arming: count from one again, and let the model start as in training, without memory."""
        self._epoch, self._sequence = epoch, 0
        if self.pilot is not None:
            self.pilot.forget()

    def _scaled(self, action: Action) -> Action:
        """What a person lets through of it. A scale that is not a number from 0 to 1 lets nothing through."""
        scale = self.speed_scale
        if scale == 1.0:
            return action
        return Action(action.steering_angle_deg, action.speed_mps * scale if 0.0 <= scale < 1.0 else 0.0)

    def _lease(self, decision: Decision, asked: Action, now_s: float) -> Lease:
        self._sequence += 1
        return Lease(
            epoch=self._epoch,
            driver=Driver.AUTONOMOUS,
            sequence=self._sequence,
            issued_at_s=now_s,
            ttl_s=LONGEST_TTL_S,
            action=asked,
            rests_on_s=decision.frame.taken_at_s,
        )

    def _tell(self, turn: Turn, seen_at_s: float) -> None:
        """Keep its times, and hand it to the recorder if it is one to record."""
        if turn.decision is not None:
            self.latency.add(turn, seen_at_s)
        standing = (turn.status.phase, turn.status.epoch)
        if self._recorder is not None and (turn.decision is not None or standing != self._standing):
            self._recorder.record(turn)
        self._standing = standing


def _drives(status: ActuatorStatus) -> bool:
    """Whether the car is armed for the commands of a loop like this one."""
    return status.phase is Phase.ARMED and status.driver is Driver.AUTONOMOUS
