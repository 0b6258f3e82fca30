"""`lapwing-car up` where the car's services run: they drive for as long as it runs, and stay when it has ended."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shared.actions import Action
from shared.errors import LinkError
from tests.vehicle.stack import LeaseThread, Stack
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.cli import run
from vehicle.drive.client import DriveClient
from vehicle.runtime_folder import RuntimeFolder, listen
from vehicle.service_run import ServiceRun, services_drive


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
