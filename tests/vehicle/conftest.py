"""What the car's tests share: a clock that moves when told, and an emulated board on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.pca9685 import Pca9685Board
from vehicle.runtime_folder import RuntimeFolder


class FakeClock:
    """Seconds that pass only by `sleep`."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def board(clock: FakeClock) -> EmulatedBoard:
    return EmulatedBoard(clock)


@pytest.fixture
def servo_board(board: EmulatedBoard, clock: FakeClock) -> Pca9685Board:
    """The real driver on the emulated chip; not started."""
    return Pca9685Board(LocalI2C(board.wire), sleep=clock.sleep)


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> RuntimeFolder:
    """A short path: sockets take 107 bytes."""
    folder = RuntimeFolder(Path(tmp_path_factory.mktemp("car")))
    folder.path.chmod(0o700)
    return folder
