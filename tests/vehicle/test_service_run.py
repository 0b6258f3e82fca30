"""`lapwing-car up` where the car's services run: they drive for as long as it runs, and stay when it has ended."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from shared.actions import Action
from shared.errors import LinkError
from tests.vehicle.actuator.test_server import Running
from tests.vehicle.drive.test_api import REPORT, STATUS, Desk
from tests.vehicle.stack import LeaseThread, Stack
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.cli import run
from vehicle.drive.api import Answer, DriveReport, ModelReport, RecordRequest, Request, StartRequest, StateRequest
from vehicle.drive.api_server import ApiServer
from vehicle.drive.client import DriveClient
from vehicle.runtime_folder import RuntimeFolder, listen
from vehicle.service_run import ServiceRun, services_drive

MODEL = ModelReport("old", "", "onnxruntime", ("FRONT_FACING_CAMERA",), 2.0, 15.0)


@pytest.fixture
def stack(folder: RuntimeFolder, make_archive: Callable[..., bytes]) -> Iterator[Stack]:
    """The services' processes, the drive among them."""
    model = folder.path / "tiny.tar.gz"
    model.write_bytes(make_archive())
    stack = Stack(folder)
    stack.start_verb("drive", "--model", str(model), "--set", "drive.engine=onnxruntime")
    stack.wait(folder.drive.exists)
    yield stack
    stack.end()


def started(stack: Stack, told: list[str], stop: threading.Event, record: Path | None = None) -> threading.Thread:
    """A dry run in a thread; why it ended, unless it was told to, is told last."""

    def drive() -> None:
        try:
            ServiceRun(stack.folder, None, Mode.DRY_RUN, record, told.append).run(stop)
        except LinkError as error:
            told.append(str(error))

    thread = threading.Thread(target=drive)
    thread.start()
    return thread


@pytest.mark.wall_clock
def test_the_services_drive_until_it_ends_or_somebody_stops_the_car(stack: Stack) -> None:
    told: list[str] = []
    stop = threading.Event()
    thread = started(stack, told, stop, Path("first"))
    stack.wait(lambda: stack.client.status().mode is Mode.DRY_RUN, 60.0)
    stop.set()
    thread.join()
    assert stack.client.status().reason == "the run ended"
    assert any(sentence.startswith("Safety level L0.") for sentence in told)
    assert told[-1] == "The car is disarmed. Its services go on waiting."
    assert (stack.folder.path / "drives" / "first.mcap").stat().st_size > 0

    stop.clear()
    thread = started(stack, told, stop)
    stack.wait(lambda: stack.client.status().phase is Phase.ARMED)
    stack.wait(lambda: told[-1].startswith("The model drives."))
    stack.client.stop("enough")
    thread.join()
    assert told[-1] == "The car stopped: enough. See: journalctl -u 'lapwing-*'"

    with closing(DriveClient(stack.folder.drive)) as drive:
        assert (drive.state().model is not None, drive.state().recording) == (True, None)
    other = LeaseThread(stack, Action(0.0, 0.2))
    thread = started(stack, told, stop)
    thread.join()
    assert "armed" in told[-1]
    assert stack.client.status().phase is Phase.ARMED  # who drives, drives on
    other.end()


class Services(Desk):
    """A drive with one model in place, which prepares another one that it is asked to start, at its next look.

    problems: why models cannot be made ready. states: of the actuator, as the drive will know them.
    """

    def __init__(self, in_place: str | None) -> None:
        super().__init__()
        self.problems: dict[str, str] = {}
        self.states = [Phase.READY]
        self.coming = ""
        self._in_place = in_place

    def answer(self, request: Request) -> tuple[Answer, bytes]:
        self.asked.append(request)
        if isinstance(request, StartRequest) and request.model not in (None, self._in_place):
            self.coming = request.model
            return Answer(f"The model {self.coming} is being prepared. Wait a moment, then start again."), b""
        if isinstance(request, StateRequest):
            return Answer(state=self._report()), b""
        return Answer(), b""

    def _report(self) -> DriveReport:
        if self.coming and self.coming not in self.problems:
            self._in_place, self.coming = self.coming, ""
        model = None if self._in_place is None else replace(MODEL, name=self._in_place)
        phase = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        missing = ("No model is in place.",) if model is None else ()
        status = replace(STATUS, phase=phase)
        return replace(REPORT, actuator=status, model=model, missing=missing, problems=self.problems)


@pytest.fixture
def actuator(folder: RuntimeFolder) -> Iterator[Running]:
    running = Running(folder)
    yield running
    running.end()


def asked_of(services: Services, folder: RuntimeFolder, model: str | None, record: Path | None = None) -> str:
    """Have them drive; why that ended. The car itself is never armed."""
    with closing(ApiServer(services, folder.drive)) as server:
        server.start()
        with pytest.raises(LinkError) as ended:
            ServiceRun(folder, model, Mode.DRY_RUN, record, lambda sentence: None).run(threading.Event())
    return str(ended.value)


@pytest.mark.parametrize("in_place", ["old", None])
def test_a_model_that_is_asked_for_is_chosen_whatever_is_in_place(
    folder: RuntimeFolder, actuator: Running, in_place: str | None
) -> None:
    services = Services(in_place)
    services.problems = {"that drives next": "It is damaged."} if in_place is None else {}
    assert asked_of(services, folder, "new").startswith("The car stopped")
    starts = [request.model for request in services.asked if isinstance(request, StartRequest)]
    assert starts == ["new", "new"]  # chosen, and driven with


@pytest.mark.parametrize("in_place", ["old", None])
def test_a_model_that_cannot_be_made_ready_is_not_waited_for(
    folder: RuntimeFolder, actuator: Running, in_place: str | None
) -> None:
    services = Services(in_place)
    services.problems = {"new": "The model new needs a LiDAR. Fit one."}
    assert asked_of(services, folder, "new") == "The model new needs a LiDAR. Fit one."
    assert len([request for request in services.asked if isinstance(request, StartRequest)]) == 1


def test_where_none_is_chosen_and_none_in_place_it_is_said_at_once(folder: RuntimeFolder, actuator: Running) -> None:
    services = Services(None)
    services.problems = {"that drives next": "No model is installed. Install one."}
    assert asked_of(services, folder, None) == "No model is installed. Install one."
    assert not any(isinstance(request, StartRequest) for request in services.asked)


def test_the_stop_at_the_end_is_recorded_too(folder: RuntimeFolder, actuator: Running) -> None:
    services = Services("old")
    services.states = [Phase.READY, Phase.ARMED, Phase.ARMED, Phase.STOPPING]
    asked_of(services, folder, "old", Path("first"))
    assert services.states == [Phase.STOPPING]  # the drive had seen it when the recording ended
    assert isinstance(services.asked[-2], StateRequest)
    assert services.asked[-1] == RecordRequest(is_on=False)


def test_a_model_that_is_not_installed_is_not_driven_by_services(folder: RuntimeFolder, tmp_path: Path) -> None:
    archive = tmp_path / "fast.tar.gz"
    archive.touch()
    with pytest.raises(LinkError, match=f"lapwing-car install {archive}"):
        ServiceRun(folder, str(archive), Mode.CRAWL, None, print).run(threading.Event())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a folder as the system does")
def test_services_are_known_by_their_folder_and_asked_for_nothing_that_they_cannot_do(
    folder: RuntimeFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    with listen(folder.drive, socket.SOCK_STREAM):
        assert not services_drive(folder)  # a drive of this user's own
        folder.path.chmod(0o3770)
        assert services_drive(folder)
        for option in (["--laps", "1"], ["--record", "/tmp/first.mcap"], ["--world", "/tmp/world"]):
            assert run(["up", "--runtime", str(folder.path), *option]) == 1
            assert "services" in capsys.readouterr().err
    assert not services_drive(folder)
