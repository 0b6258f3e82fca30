"""The real processes of the car at wall-clock rate: whatever happens to the drive, the car stops."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.core import LATCH_AFTER_S
from vehicle.actuator.lease import LONGEST_TTL_S
from vehicle.actuator.state import Phase
from vehicle.processes import Process, ProcessGroup, wait_for
from vehicle.runtime_folder import RuntimeFolder
from vehicle.up import board_status

pytestmark = pytest.mark.wall_clock

START_S = 30.0
THROTTLE = 0
NEUTRAL_US = 1500.0
# A lease, a turn, a period of the pulses, and what a busy machine takes to run the actuator's turn.
STOP_S = LONGEST_TTL_S + 0.02 + 0.02 + 0.15


class Stack:
    """Board, actuator and drive as processes, driving on the still scene."""

    def __init__(self, folder: RuntimeFolder, model: Path) -> None:
        self.folder = folder
        self.processes = ProcessGroup(folder.path)
        self._start("board")
        wait_for(folder.board_status, self.processes, START_S)
        self.actuator_process = self._start("actuator")
        wait_for(folder.actuator, self.processes, START_S)
        self.actuator = ActuatorClient(folder.actuator)
        self.drive = self._start("drive", "--model", str(model), "--arm")
        self._wait(lambda: self.actuator.status().throttle_us > NEUTRAL_US + 20)

    def _start(self, verb: str, *arguments: str) -> Process:
        options = ["--emulated", "--runtime", str(self.folder.path)]
        return self.processes.start(verb, [sys.executable, "-m", "vehicle.cli", verb, *options, *arguments])

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + START_S
        while not condition():
            assert time.monotonic() < deadline_s, self.drive.last_words()
            time.sleep(0.02)

    def wait_for_phase_other_than_armed(self) -> None:
        self._wait(lambda: self.actuator.status().phase is not Phase.ARMED)

    def wait_for_neutral_since(self, moment_s: float) -> None:
        """Until the board has seen a neutral pulse begin; when it began is for the test to judge."""
        self._wait(lambda: [w for _, w in self.throttle_since(moment_s)[-1:] if w and abs(w - NEUTRAL_US) < 3] != [])

    def throttle_since(self, moment_s: float) -> list[tuple[float, float | None]]:
        """(seconds after the moment, width) of every throttle change after it, in the board's own log."""
        pulses = board_status(self.folder.board_status, since_s=moment_s)["pulses"]
        return [(p["start_s"] - moment_s, p["width_us"]) for p in pulses if p["channel"] == THROTTLE]

    def end(self) -> None:
        self.actuator.close()
        self.processes.end()


@pytest.fixture
def model_file(tmp_path: Path, make_archive: Callable[..., bytes]) -> Path:
    path = tmp_path / "tiny.tar.gz"
    path.write_bytes(make_archive())
    return path


@pytest.fixture
def stack(folder: RuntimeFolder, model_file: Path) -> Iterator[Stack]:
    stack = Stack(folder, model_file)
    yield stack
    stack.end()


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_a_drive_that_is_killed_hung_or_ended_leaves_neutral_and_a_latched_stop(
    stack: Stack, fault: signal.Signals
) -> None:
    faulted_at_s = time.monotonic()
    os.kill(stack.drive.running.pid, fault)
    stack.wait_for_phase_other_than_armed()
    stack.wait_for_neutral_since(faulted_at_s)
    after_s, width_us = stack.throttle_since(faulted_at_s)[-1]
    assert width_us == pytest.approx(NEUTRAL_US, abs=3)
    assert after_s <= STOP_S
    if fault is signal.SIGSTOP:
        os.kill(stack.drive.running.pid, signal.SIGCONT)
        time.sleep(LATCH_AFTER_S)
        assert stack.throttle_since(faulted_at_s)[-1] == (after_s, width_us)  # it came back, the car did not


# SIGHUP is what a process gets whose SSH connection drops.
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_ending_the_actuator_says_neutral_and_then_switches_the_pulses_off(
    stack: Stack, ending: signal.Signals
) -> None:
    ended_at_s = time.monotonic()
    stack.actuator_process.running.send_signal(ending)
    stack.actuator_process.running.wait()
    changes = stack.throttle_since(ended_at_s)
    assert [width_us for _, width_us in changes[-2:]] == [pytest.approx(NEUTRAL_US, abs=3), None]
