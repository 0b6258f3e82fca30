"""What a person's hands do reaches the log of a drive that runs, and holds up nobody where none does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shared.drive_channels import DriveMessage, OperatorInput
from shared.drive_log import read_drive_log
from tests.vehicle.drive.test_service import no_pilot, service
from tests.vehicle.drive.turns import store
from vehicle.drive.api import OperatorRequest
from vehicle.drive.api_server import ApiServer
from vehicle.drive.operator_line import RETRY_S, OperatorLine
from vehicle.drive.ready_models import ReadyModels
from vehicle.drive.recorder import Recorder
from vehicle.runtime_folder import RuntimeFolder

LEFT, RIGHT = OperatorRequest(0.5, 0.0, (), "pad"), OperatorRequest(-0.5, 1.0, ("dead_man",), "pad")


@pytest.fixture
def line(folder: RuntimeFolder, clock: Any) -> Iterator[OperatorLine]:
    with closing(OperatorLine(folder.drive, clock)) as line:
        yield line


def logged(folder: Path) -> list[DriveMessage]:
    """What the log of the drive has of the hands."""
    return [entry.message for entry in read_drive_log(folder / "drive.mcap").of(OperatorInput)]


def test_every_change_is_in_the_log_once(line: OperatorLine, folder: RuntimeFolder, tmp_path: Path) -> None:
    with closing(ReadyModels(no_pilot)) as ready, Recorder(store(tmp_path)) as recorder:
        recorder.begin("drive")
        with closing(ApiServer(service(ready, recorder), folder.drive)) as server:
            server.start()
            for hands in (LEFT, LEFT, RIGHT):
                line.say(hands)
                line.tell()
                line.tell()
    assert logged(tmp_path) == [OperatorInput(0.5, 0.0, (), "pad"), OperatorInput(-0.5, 1.0, ("dead_man",), "pad")]


def test_a_drive_that_is_not_there_is_looked_for_seldom_and_hears_the_newest(
    line: OperatorLine, folder: RuntimeFolder, tmp_path: Path, clock: Any
) -> None:
    line.say(LEFT)
    line.tell()
    with closing(ReadyModels(no_pilot)) as ready, Recorder(store(tmp_path)) as recorder:
        recorder.begin("drive")
        with closing(ApiServer(service(ready, recorder), folder.drive)) as server:
            server.start()
            clock.sleep(RETRY_S - 0.1)
            line.tell()  # too early: had it been told, LEFT would stand in the log
            line.say(RIGHT)
            clock.sleep(0.1)
            line.tell()
    assert logged(tmp_path) == [OperatorInput(-0.5, 1.0, ("dead_man",), "pad")]
