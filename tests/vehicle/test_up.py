"""`lapwing-car up` on the still scene: however a run ends, nothing of it keeps running."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from shared.errors import LinkError
from vehicle.config import CarConfig
from vehicle.hardware.this_car import Car
from vehicle.runtime_folder import RuntimeFolder
from vehicle.up import CarRun, Drive, board_status

pytestmark = pytest.mark.wall_clock

WAIT_S = 30.0
NEUTRAL_US = 1500.0


@pytest.fixture
def model(folder: RuntimeFolder, make_archive: Callable[..., bytes]) -> str:
    path = folder.path / "tiny.tar.gz"
    path.write_bytes(make_archive())
    return str(path)


def sockets(folder: RuntimeFolder) -> list[str]:
    return [path.name for path in folder.path.glob("*.sock")]


def test_laps_that_take_too_long_end_the_run_with_everything_at_rest(folder: RuntimeFolder, model: str) -> None:
    told: list[str] = []
    options = ["--emulated", "--runtime", str(folder.path), "--set", f"record.folder={folder.path / 'drives'}"]
    run = CarRun(Car(CarConfig(), folder, emulated=True), Drive(model, laps=1, timeout_s=5.0), options, told.append)
    with pytest.raises(LinkError, match=r"0 of 1 laps .* Check the calibration"):
        run.run(threading.Event())
    assert "The model drives." in told
    assert any(sentence.startswith("Safety level L0.") for sentence in told)
    assert told[-1] == "Everything is at rest."
    assert sockets(folder) == []


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_outlives_the_one_that_started_it(
    folder: RuntimeFolder, model: str, ending: signal.Signals, tmp_path: Path
) -> None:
    recorded = f"record.folder={tmp_path / 'drives'}"
    command = [sys.executable, "-m", "vehicle.cli", "up", "--emulated", "--model", model, "--set", recorded]
    # A world that is not there yet: the board shows its still scene and goes on looking.
    world = tmp_path / "world.sock"
    world.touch()
    up = subprocess.Popen([*command, "--runtime", str(folder.path), "--world", str(world)], stdout=subprocess.DEVNULL)
    deadline_s = time.monotonic() + WAIT_S
    while not drives(folder):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    os.kill(up.pid, ending)
    up.wait(WAIT_S)
    while sockets(folder):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_when_the_actuator_is_killed_the_board_is_put_to_rest(folder: RuntimeFolder, model: str) -> None:
    told: list[str] = []
    errors: list[str] = []

    def run() -> None:
        car = Car(CarConfig(), folder, emulated=True)
        try:
            options = ["--emulated", "--runtime", str(folder.path), "--set", f"record.folder={folder.path / 'drives'}"]
            CarRun(car, Drive(model), options, told.append).run(threading.Event())
        except LinkError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    deadline_s = time.monotonic() + WAIT_S
    while not drives(folder):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    killed_at_s = time.monotonic()
    os.kill(process_behind(folder.actuator), signal.SIGKILL)
    seen: list[float | None] = []
    while thread.is_alive():
        with suppress(LinkError, OSError):
            seen = throttle_widths(folder, killed_at_s) or seen
        time.sleep(0.02)
    thread.join()
    at_rest = [width_us for width_us in seen if width_us is None or abs(width_us - NEUTRAL_US) < 3]
    assert at_rest[:2] == [pytest.approx(NEUTRAL_US, abs=3), None]  # by the guard
    assert "The servo board was given neutral, then switched off." in told  # and once more when all had ended
    assert "actuator" in errors[0]


def process_behind(path: Path) -> int:
    """The id of the process that listens on a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        probe.connect(str(path))
        return int(struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])


def throttle_widths(folder: RuntimeFolder, since_s: float) -> list[float | None]:
    pulses = board_status(folder.board_status, since_s=since_s)["pulses"]
    return [pulse["width_us"] for pulse in pulses if pulse["channel"] == 0]


def drives(folder: RuntimeFolder) -> bool:
    if not folder.board_status.exists():
        return False
    return any((width_us or 0.0) > NEUTRAL_US + 20 for width_us in throttle_widths(folder, 0.0))
