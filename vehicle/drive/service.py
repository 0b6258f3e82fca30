"""What the drive does for a console: it tells how everything stands, and starts, stops and changes what may be.

The socket's thread calls it. It looks at what the loop has done last, and has the loop do the rest between two turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Protocol

from shared.drive_channels import DriveMessage, OperatorInput
from shared.errors import LinkError
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.drive.api import (
    THE_NEXT,
    Answer,
    BookmarkRequest,
    ChooseRequest,
    DriveReport,
    OperatorRequest,
    PictureRequest,
    PrepareRequest,
    RecordRequest,
    Request,
    ScanRequest,
    SpeedScaleRequest,
    StartRequest,
    StateRequest,
    StopRequest,
)
from vehicle.drive.latency import LatencyReport
from vehicle.drive.load import Load, LoadMeter
from vehicle.drive.loop import ARMED, NO_MODEL, DriveLoop, DriveRecorder
from vehicle.drive.model_choice import ModelChoice, Models
from vehicle.drive.pilot import ModelPilot
from vehicle.drive.ready_models import ReadyModels
from vehicle.drive.reports import decision_report, missing_parts, model_report
from vehicle.drive.turn import Decision, Turn
from vehicle.drive.views import Views
from vehicle.hardware.protocols import Camera

LOOP_TIMEOUT_S = 2.0
LOOKED_EVERY_S = 0.5  # load and latency are worked out no more often, however many ask


class RecordingStatus(Protocol):
    """name: of what is being recorded; None while nothing is."""

    @property
    def name(self) -> str | None: ...


class Recordings(DriveRecorder, Protocol):
    """The recorder, which can be switched on and off."""

    def begin(self, name: str | None = None) -> str:
        """Record from now on; under which name. StorageError says why not."""
        ...

    def end(self) -> None: ...

    def bookmark(self, text: str = "") -> None:
        """Keep this moment. StorageError says why not."""
        ...

    def add(self, message: DriveMessage) -> None:
        """One more message for the log, of now. Never waits."""
        ...

    def status(self) -> RecordingStatus: ...


class DriveService:
    """One drive, as others see it. It is the loop's recorder too, and so knows its newest turn.

    actuator_problem: why there is no actuator; empty while there is one. stop_car: ends the drive by a way that does
    not lead through the loop.
    """

    def __init__(
        self,
        camera: Camera,
        ready: ReadyModels,
        models: Models,
        *,
        stop_car: Callable[[str], None],
        recorder: Recordings | None = None,
        placed: Callable[[ModelPilot], None] = lambda pilot: None,
        speed_scale: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """placed: hears of every model put in place. speed_scale: of the loop, before there is one too."""
        self.loop: DriveLoop | None = None
        self.speed_scale = speed_scale
        self.actuator_problem = "There is no actuator yet."
        self.camera = camera
        self.models = ModelChoice(ready, models, lambda pilot: self._by_loop(lambda loop: loop.take(pilot)), placed)
        self._ready = ready
        self._stop_car = stop_car
        self._recorder = recorder
        self._clock = clock
        self._decided: Decision | None = None
        self._views = Views(camera)
        self._meter = LoadMeter()
        self._looked: tuple[float, LatencyReport, Load] | None = None

    def record(self, turn: Turn) -> None:
        """The loop's newest turn. Never waits."""
        if turn.decision is not None:
            self._decided = turn.decision
        if self._recorder is not None:
            self._recorder.record(turn)

    def answer(self, request: Request) -> tuple[Answer, bytes]:
        """What to say to a request, and what to attach."""
        if isinstance(request, StateRequest):
            return Answer(state=self.report()), b""
        if isinstance(request, PictureRequest | ScanRequest):
            return self._views.answer(request, self._decided)
        return Answer(problem=self._do(request)), b""

    def report(self) -> DriveReport:
        """How everything stands."""
        preparing, ready = self._ready.names()
        loop, pilot = self.loop, self._pilot()
        latency, load = self._figures()
        return DriveReport(
            actuator=None if loop is None or self.actuator_problem else loop.status,
            model=model_report(pilot),
            decision=decision_report(self._decided, pilot, self._clock()),
            missing=self._missing(),
            preparing=tuple(name or THE_NEXT for name in preparing),
            ready=ready,
            problems={name or THE_NEXT: problem for name, problem in self._ready.problems().items()},
            speed_scale=self.speed_scale,
            recording=None if self._recorder is None else self._recorder.status().name,
            latency=latency,
            load=load,
        )

    def start(self, mode: Mode, model: str | None = None) -> str:
        """Arm the car and let the model drive. Why not; empty when it does."""
        if model is not None and not self.models.coming and not self._is_in_place(model):
            problem = self.choose(model)
            if problem:
                return problem
        if coming := self.models.coming:
            return f"The model {coming} is being prepared. Wait a moment, then start again."
        return self._by_loop(lambda loop: loop.arm(mode))

    def choose(self, name: str) -> str:
        """Put a model in place: at once if it is ready, else as soon as it is. Why not; empty when it will be."""
        loop = self.loop
        if loop is not None and loop.status is not None and loop.status.phase is Phase.ARMED:
            return ARMED
        return self.models.choose(name)

    def waits_for(self) -> str:
        """What has to come before the car can be started; empty when all is there."""
        loop = self.loop
        if missing := self._missing():
            return missing[0]
        if loop is None or loop.status is None or loop.decision is None:
            return "The model has not seen a picture yet."
        if loop.status.phase is not Phase.READY:
            return f"The actuator is not ready: {loop.status.reason or loop.status.phase}."
        return ""

    def why_no_model(self) -> str:
        """Why there is no model and none is to come; empty while there may be one."""
        return "" if self.models.coming or self._pilot() is not None else self._no_model()

    def start_or_say(self, mode: Mode) -> str:
        """As start; that there is no loop is a reason like others."""
        try:
            return self.start(mode)
        except LinkError as error:
            return str(error)

    def _do(self, request: Request) -> str:
        """Do what was asked. Why not; empty when it is done."""
        match request:
            case StartRequest():
                return self.start(request.mode, request.model)
            case StopRequest():
                self._stop_car(request.reason)
            case PrepareRequest():
                self.models.sha256_of(request.model)
                self._ready.prepare(request.model)
            case ChooseRequest():
                return self.choose(request.model)
            case SpeedScaleRequest():
                self.speed_scale = request.speed_scale
                if self.loop is not None:
                    self.loop.speed_scale = request.speed_scale
            case OperatorRequest(steering, throttle, buttons, client):
                if self._recorder is not None:
                    self._recorder.add(OperatorInput(steering, throttle, buttons, client))
            case RecordRequest() | BookmarkRequest():
                return self._record(request)
        return ""

    def _record(self, request: RecordRequest | BookmarkRequest) -> str:
        recorder = self._recorder
        if recorder is None:
            return "This drive has no recorder."
        if isinstance(request, BookmarkRequest):
            recorder.bookmark(request.text)
        elif not request.is_on:
            recorder.end()
        elif (recording := recorder.status().name) is None:
            recorder.begin(request.name)
        elif request.name not in (None, recording):
            return f"{recording} is being recorded. End that first."
        return ""

    def _by_loop(self, task: Callable[[DriveLoop], str]) -> str:
        """Have the loop do something between two turns. LinkError when there is none that turns."""
        loop = self.loop
        if loop is None or self.actuator_problem:
            raise LinkError(self.actuator_problem)
        promised = loop.ask(lambda: task(loop))
        try:
            return promised.result(LOOP_TIMEOUT_S)
        except FutureTimeoutError:
            promised.cancel()  # a loop that turns again must not arm the car for somebody who was refused
            raise LinkError("The control loop does not answer. Look at its log, then restart the drive.") from None

    def _is_in_place(self, name: str) -> bool:
        pilot = self._pilot()
        return pilot is not None and pilot.archive.name == name and pilot.archive.sha256 == self.models.sha256_of(name)

    def _pilot(self) -> ModelPilot | None:
        pilot = None if self.loop is None else self.loop.pilot
        return pilot if isinstance(pilot, ModelPilot) else None

    def _missing(self) -> tuple[str, ...]:
        """What the car waits for before it can drive."""
        coming = self.models.coming
        no_model = f"The model {coming} is being prepared." if coming else self._no_model()
        return missing_parts(self.loop, self.camera, self.actuator_problem, no_model)

    def _no_model(self) -> str:
        """Why no model is in place while none is."""
        taken_out = "" if self.loop is None else self.loop.model_problem
        return taken_out or " ".join([NO_MODEL, *list(self._ready.problems().values())[-1:]])

    def _figures(self) -> tuple[LatencyReport, Load]:
        now_s = self._clock()
        if self._looked is None or now_s - self._looked[0] >= LOOKED_EVERY_S:
            latency = LatencyReport() if self.loop is None else self.loop.latency.report()
            self._looked = now_s, latency, self._meter.read(now_s)
        return self._looked[1], self._looked[2]
