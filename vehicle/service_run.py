"""`lapwing-car up` on a car whose services run: they drive, and this asks them to, tells how it goes, and says stop."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from shared.errors import LinkError
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.mode import DriveMode
from vehicle.actuator.state import Phase
from vehicle.drive.api import THE_NEXT, DriveReport
from vehicle.drive.client import DriveClient
from vehicle.runtime_folder import RuntimeFolder, is_served
from vehicle.up import TELL_S, WATCH_S, ToldOnce, about_safety, progress

START_TIMEOUT_S = 60.0  # a model that was never run here is tried on every engine first
REFUSED_S = 2.0  # a picture that was late is no reason to give up yet
SEEN_S = 1.0  # the drive looks at its actuator many times in so long
LOOK_S = 0.02


def services_drive(folder: RuntimeFolder) -> bool:
    """Whether the car's own services run here, so that nobody else can be its driver."""
    return folder.is_of_services() and is_served(folder.drive, socket.SOCK_STREAM)


class ServiceRun:
    """One drive of the services."""

    def __init__(
        self,
        folder: RuntimeFolder,
        model: str | None,
        mode: DriveMode,
        record: Path | None,
        tell: Callable[[str], None],
    ) -> None:
        """model: an installed one's name; None: the one in place. record: a name among the recorded drives."""
        self._folder = folder
        self._model = model
        self._mode = mode
        self._record = record
        self._tell = tell
        self._tell_once = ToldOnce(tell)
        self._may_drive = False

    def run(self, stop: threading.Event) -> None:
        """Until stop is set. LinkError when the car cannot be started, or stopped for another reason.

        What somebody else has the car do is not ended by this.
        """
        self._check_names()
        with (
            contextlib.closing(DriveClient(self._folder.drive)) as drive,
            contextlib.closing(ActuatorClient(self._folder.actuator)) as actuator,
            self._recording(drive),
        ):
            self._tell_once(*about_safety(actuator.status()))
            try:
                self._start(drive, stop)
                self._watch(actuator, stop)
            finally:
                if self._may_drive:
                    with contextlib.suppress(LinkError):  # it has ended by itself, and came to rest on its way out
                        actuator.stop("the run ended")
                    self._tell("The car is disarmed. Its services go on waiting.")

    def _check_names(self) -> None:
        """The services know what is installed, and write where their settings say."""
        if self._model is not None and Path(self._model).is_file():
            raise LinkError(
                f"The car's services drive what is installed. Install it first: lapwing-car install {self._model}"
            )
        if self._record is not None and self._record.suffix:
            raise LinkError("The car's services record into the folder of record.folder: give --record NAME alone.")

    @contextlib.contextmanager
    def _recording(self, drive: DriveClient) -> Iterator[None]:
        if self._record is None:
            yield
            return
        if problem := drive.record(is_on=True, name=str(self._record)):
            raise LinkError(problem)
        try:
            yield
        finally:
            with contextlib.suppress(LinkError):
                _wait_for_the_stop(drive)  # it belongs to the recording
                drive.record(is_on=False)

    def _start(self, drive: DriveClient, stop: threading.Event) -> None:
        gives_up_at_s, refused_since_s, was_asked = time.monotonic() + START_TIMEOUT_S, None, False
        while not stop.is_set():
            report, now_s = drive.state(), time.monotonic()
            self._check_model(report, was_asked)
            if awaited := self._awaited(report):
                problem, refused_since_s = awaited, None
                self._tell_once(problem)
            else:
                self._may_drive = was_asked = True  # whatever becomes of the answer
                problem = drive.start(self._mode, self._model)
                self._may_drive = not problem
                if not problem:
                    return
                refused_since_s = refused_since_s or now_s
            if now_s > gives_up_at_s or (refused_since_s is not None and now_s - refused_since_s > REFUSED_S):
                raise LinkError(problem)
            stop.wait(WATCH_S)

    def _check_model(self, report: DriveReport, was_asked: bool) -> None:
        """LinkError where the model that is to drive cannot be made ready. Only what was tried for us counts."""
        name = self._model or THE_NEXT
        is_tried = was_asked if self._model is not None else report.model is None
        if is_tried and name in report.problems and name not in report.preparing:
            raise LinkError(report.problems[name])

    def _awaited(self, report: DriveReport) -> str:
        """What must come before the drive can be asked; empty when it can. A model that is missing comes by asking."""
        if report.model is None and self._model is not None and not report.preparing:
            return ""
        awaited = [*report.missing, *(f"The model {name} is being prepared." for name in report.preparing)]
        return awaited[0] if awaited else ""

    def _watch(self, actuator: ActuatorClient, stop: threading.Event) -> None:
        if not self._may_drive:
            return
        self._tell("The model drives. Ctrl-C stops it.")
        told_s = time.monotonic()
        while not stop.wait(WATCH_S):
            status = actuator.status()
            if status.phase is not Phase.ARMED:
                self._may_drive = False
                raise LinkError(f"The car stopped: {status.reason.rstrip('.')}. See: journalctl -u 'lapwing-*'")
            self._tell_once(*status.warnings)
            if time.monotonic() - told_s >= TELL_S:
                told_s = time.monotonic()
                self._tell(progress(status, None))


def _wait_for_the_stop(drive: DriveClient) -> None:
    """Until the drive knows of it too."""
    gives_up_at_s = time.monotonic() + SEEN_S
    while time.monotonic() < gives_up_at_s:
        status = drive.state().actuator
        if status is None or status.phase is not Phase.ARMED:
            return
        time.sleep(LOOK_S)
