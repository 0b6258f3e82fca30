"""What the drive does for a console: it tells how everything stands, and starts, stops and changes what may be.

The socket's thread calls it. It looks at what the loop has done last, and has the loop do the rest between two turns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Protocol

from shared.errors import ArchiveError, LinkError
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.drive.api import (
    Answer,
    BookmarkRequest,
    ChooseRequest,
    DriveReport,
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
from vehicle.drive.loop import ARMED, DriveLoop, DriveRecorder
from vehicle.drive.pilot import ModelPilot
from vehicle.drive.ready_models import ReadyModels
from vehicle.drive.reports import decision_report, missing_parts, model_report
from vehicle.drive.turn import Decision, Turn
from vehicle.drive.views import Views
from vehicle.hardware.protocols import Camera

LOOP_TIMEOUT_S = 2.0
LOOKED_EVERY_S = 0.5  # load and latency are worked out no more often, however many ask
BETWEEN_TRIES_S = 0.1
THE_NEXT = "that drives next"  # what is said of a model whose name is not known yet


class Installed(Protocol):
    """One model of the store."""

    @property
    def name(self) -> str: ...

    @property
    def sha256(self) -> str: ...


class Models(Protocol):
    """The installed models."""

    def installed(self) -> Sequence[Installed]:
        """Every one, by name."""
        ...

    def choose(self, name: str) -> None:
        """The model that drives next, also after a restart."""
        ...


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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """placed: hears of every model put in place."""
        self.loop: DriveLoop | None = None
        self.actuator_problem = "There is no actuator yet."
        self.camera = camera
        self._ready = ready
        self._models = models
        self._stop_car = stop_car
        self._recorder = recorder
        self._placed = placed
        self._clock = clock
        self._choosing = threading.Lock()
        self._coming = ""  # the model that was chosen and is still being prepared
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
            preparing=preparing,
            ready=ready,
            problems=self._ready.problems(),
            speed_scale=1.0 if loop is None else loop.speed_scale,
            recording=None if self._recorder is None else self._recorder.status().name,
            latency=latency,
            load=load,
        )

    def start(self, mode: Mode, model: str | None = None) -> str:
        """Arm the car and let the model drive. Why not; empty when it does."""
        if self._coming:
            return f"The model {self._coming} is being prepared. Wait a moment, then start again."
        if model is not None and not self._is_in_place(model):
            if problem := self.choose(model):
                return problem
            if self._coming:
                return f"The model {model} is being prepared. Wait a moment, then start again."
        return self._by_loop(lambda loop: loop.arm(mode))

    def choose(self, name: str) -> str:
        """Put a model in place: at once if it is ready, else as soon as it is. Why not; empty when it will be."""
        loop = self.loop
        if loop is not None and loop.status is not None and loop.status.phase is Phase.ARMED:
            return ARMED
        sha256 = self._sha256_of(name)
        with self._choosing:
            pilot = self._ready.take(name, sha256)
            if pilot is None:
                self._coming = name
                self._ready.prepare(name, lambda prepared: self._place_when_possible(name, prepared))
                return ""
            return self._place(name, pilot)

    def begin(self) -> None:
        """At the start: have the model that drives next put in place as soon as it is ready."""
        self._coming = THE_NEXT
        self._ready.prepare("", lambda prepared: self._place_when_possible("", prepared))

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

    def is_hopeless(self) -> bool:
        """Whether there is no model, and none to come."""
        return not self._coming and self._pilot() is None

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
                self._sha256_of(request.model)
                self._ready.prepare(request.model)
            case ChooseRequest():
                return self.choose(request.model)
            case SpeedScaleRequest():
                if self.loop is None:
                    return self.actuator_problem
                self.loop.speed_scale = request.speed_scale
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

    def _place_when_possible(self, name: str, pilot: ModelPilot) -> None:
        """In the thread that prepares: nobody can start meanwhile, but there may be no loop yet."""
        try:
            while True:
                try:
                    if not self._place(name, pilot):
                        return
                except LinkError:
                    pass  # there is no loop at the moment
                if self._ready.closed.wait(BETWEEN_TRIES_S):
                    return
        finally:
            if self._coming == (name or THE_NEXT):
                self._coming = ""

    def _place(self, name: str, pilot: ModelPilot) -> str:
        """Hand the model to the loop, and remember it for the next start. Why not; empty when it is in place."""
        problem = self._by_loop(lambda loop: loop.take(pilot))
        if not problem:
            self._coming = ""
            if name:
                self._models.choose(name)
            self._placed(pilot)
        return problem

    def _by_loop(self, task: Callable[[DriveLoop], str]) -> str:
        """Have the loop do something between two turns. LinkError when there is none that turns."""
        loop = self.loop
        if loop is None or self.actuator_problem:
            raise LinkError(self.actuator_problem)
        try:
            return loop.ask(lambda: task(loop)).result(LOOP_TIMEOUT_S)
        except FutureTimeoutError:
            raise LinkError("The control loop does not answer. Look at its log, then restart the drive.") from None

    def _is_in_place(self, name: str) -> bool:
        pilot = self._pilot()
        return pilot is not None and pilot.archive.name == name and pilot.archive.sha256 == self._sha256_of(name)

    def _sha256_of(self, name: str) -> str:
        """Of the archive installed under this name; ArchiveError when there is none."""
        hashes = {model.name: model.sha256 for model in self._models.installed()}
        if name not in hashes:
            raise ArchiveError(f"The model {name!r} is not installed. Installed: {', '.join(hashes) or 'none'}.")
        return hashes[name]

    def _pilot(self) -> ModelPilot | None:
        pilot = None if self.loop is None else self.loop.pilot
        return pilot if isinstance(pilot, ModelPilot) else None

    def _missing(self) -> tuple[str, ...]:
        """What the car waits for before it can drive."""
        problems = list(self._ready.problems().values())
        coming = f"The model {self._coming} is being prepared." if self._coming else ""
        return missing_parts(self.loop, self.camera, self.actuator_problem, coming, problems)

    def _figures(self) -> tuple[LatencyReport, Load]:
        now_s = self._clock()
        if self._looked is None or now_s - self._looked[0] >= LOOKED_EVERY_S:
            latency = LatencyReport() if self.loop is None else self.loop.latency.report()
            self._looked = now_s, latency, self._meter.read(now_s)
        return self._looked[1], self._looked[2]
