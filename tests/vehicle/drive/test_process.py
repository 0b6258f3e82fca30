"""The drive process: each part may come later, and a person hears what is missing."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from shared.errors import HardwareError, LinkError
from tests.vehicle.stack import Stack
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.drive.awaited_camera import AwaitedCamera
from vehicle.drive.client import DriveClient
from vehicle.hardware.frame_slot import FrameSlot
from vehicle.hardware.protocols import Camera, Frame
from vehicle.runtime_folder import RuntimeFolder

LONGEST_SWAP_S = 2.0  # until the new model has decided; benchmark `swap` says how long it takes


def test_a_camera_that_is_not_there_is_waited_for_and_its_absence_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vehicle.drive.awaited_camera.RETRY_S", 0.001)
    plugged, tried = threading.Event(), threading.Event()
    slot = FrameSlot()

    def open_camera() -> Camera:
        if plugged.is_set():
            return slot
        tried.set()
        raise HardwareError("No camera is plugged in.")

    camera = AwaitedCamera(open_camera)
    with contextlib.closing(camera):
        assert tried.wait(5.0)
        assert camera.wait_newer(0, 0.001) is None
        plugged.set()
        slot.put(Frame(np.zeros((480, 640, 3), dtype=np.uint8), 0.0, 1))
        camera._thread.join(5.0)
        frame = camera.wait_newer(0, 0.001)
        assert frame is not None
        assert (frame.sequence, camera.problem) == (1, "")


def test_why_the_camera_is_not_there_is_its_problem() -> None:
    told = threading.Event()

    def open_camera() -> Camera:
        told.set()
        raise HardwareError("No camera is plugged in.")

    with contextlib.closing(AwaitedCamera(open_camera)) as camera:
        assert told.wait(5.0)
        while camera.problem == "The camera is being opened.":
            pass
        assert camera.problem == "No camera is plugged in."
        assert camera.latest() is None


@pytest.fixture
def archives(folder: RuntimeFolder, make_archive: Callable[..., bytes]) -> Path:
    """A folder of model archives to install: `one` and `two`."""
    place = folder.path / "archives"
    place.mkdir()
    for name, bias in (("one", 0.0), ("two", 0.5)):
        (place / f"{name}.tar.gz").write_bytes(make_archive(bias=bias))
    return place


@pytest.fixture
def stack(folder: RuntimeFolder) -> Iterator[Stack]:
    with contextlib.closing(_Closing(Stack(folder))) as closing:
        yield closing.stack


class _Closing:
    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def close(self) -> None:
        self.stack.end()


def connected(folder: RuntimeFolder) -> DriveClient | None:
    with contextlib.suppress(LinkError):
        return DriveClient(folder.drive)
    return None


@pytest.mark.wall_clock
def test_a_console_sees_starts_stops_and_swaps_and_the_process_survives_its_actuator(
    stack: Stack, folder: RuntimeFolder, archives: Path
) -> None:
    models = folder.path / "models"
    settings = (f"models={models}", f"record.folder={folder.path / 'drives'}", "drive.engine=onnxruntime")
    options = [word for setting in settings for word in ("--set", setting)]
    for name in ("one", "two"):
        installed = stack.start_verb("install", *options, str(archives / f"{name}.tar.gz"))
        assert installed.running.wait(60) == 0, installed.last_words()
    stack.processes._processes[-2:] = []
    stack.start_verb("drive", *options)
    client = stack.wait(lambda: connected(folder))
    # Starting it before everything is there is refused with what is missing.
    stack.wait(lambda: client.state().actuator and client.state().actuator.phase is Phase.READY)
    stack.wait(lambda: client.state().model)
    stack.wait(lambda: client.state().decision)
    report = client.state()
    assert (report.missing, report.model.name, report.model.engine) == ((), "one", "onnxruntime")
    assert report.decision.confidence.probability > 1 / 15
    picture, view = client.picture(), client.picture(view="model")
    assert picture.jpeg[:2] == view.jpeg[:2] == b"\xff\xd8"
    assert client.picture(had=picture.sequence).sequence > picture.sequence

    assert client.prepare("two") == ""
    stack.wait(lambda: "two" in client.state().ready)
    assert client.start(Mode.DRY_RUN) == ""
    stack.wait(lambda: client.state().actuator.mode is Mode.DRY_RUN)
    assert "Stop it" in client.choose("two")
    assert client.set_speed_scale(0.5) == ""
    stack.wait(lambda: client.state().latency.stages.get("command"))
    assert stack.throttle_since(0.0)[-1][1] == pytest.approx(1500.0, abs=3)  # a dry run
    assert client.stop("enough") == ""
    stopped = client.state()
    assert stopped.speed_scale == 0.5
    assert stack.client.status().reason == "enough"

    stack.wait(lambda: client.state().actuator.phase is Phase.READY)
    begun_s = time.monotonic()
    assert client.choose("two") == ""
    assert client.state().model.name == "two"  # at once: it was prepared
    before = client.state().decision.frame_sequence
    stack.wait(lambda: client.state().decision.frame_sequence > before)
    assert time.monotonic() - begun_s < LONGEST_SWAP_S
    assert client.start(Mode.CRAWL, model="two") == ""
    stack.wait(lambda: client.state().actuator.mode is Mode.CRAWL)

    stack.actuator.running.kill()
    stack.actuator.running.wait()
    stack.wait(lambda: client.state().actuator is None)
    assert "actuator" in client.state().missing[0]
    assert "actuator" in client.start()
    client.close()
