"""The real processes of the car at wall-clock rate: whatever happens to the drive, the car stops."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.vehicle.stack import NEUTRAL_US, Stack
from vehicle.actuator.core import LATCH_AFTER_S
from vehicle.actuator.lease import LONGEST_TTL_S
from vehicle.actuator.state import Phase
from vehicle.runtime_folder import RuntimeFolder

pytestmark = pytest.mark.wall_clock

# A lease, a turn, a period of the pulses, and what a busy machine takes to run the actuator's turn.
STOP_S = LONGEST_TTL_S + 0.02 + 0.02 + 0.15


class DrivenStack(Stack):
    """A car that its drive process drives, on the still scene."""

    def __init__(self, folder: RuntimeFolder, model: Path) -> None:
        super().__init__(folder)
        self.drive = self.start_verb("drive", "--model", str(model), "--arm")
        self.wait(lambda: self.client.status().throttle_us > NEUTRAL_US + 20)

    def wait_for_neutral_since(self, moment_s: float) -> None:
        """Until the board has seen a neutral pulse begin; when it began is for the test to judge."""
        self.wait(lambda: [us for _, us in self.throttle_since(moment_s)[-1:] if us and abs(us - NEUTRAL_US) < 3])


@pytest.fixture
def model_file(tmp_path: Path, make_archive: Callable[..., bytes]) -> Path:
    path = tmp_path / "tiny.tar.gz"
    path.write_bytes(make_archive())
    return path


@pytest.fixture
def stack(folder: RuntimeFolder, model_file: Path) -> Iterator[DrivenStack]:
    stack = DrivenStack(folder, model_file)
    yield stack
    stack.end()


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_a_drive_that_is_killed_hung_or_ended_leaves_neutral_and_a_latched_stop(
    stack: DrivenStack, fault: signal.Signals
) -> None:
    faulted_at_s = time.monotonic()
    os.kill(stack.drive.running.pid, fault)
    stack.wait(lambda: stack.client.status().phase is not Phase.ARMED)
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
    stack: DrivenStack, ending: signal.Signals
) -> None:
    ended_at_s = time.monotonic()
    stack.actuator.running.send_signal(ending)
    stack.actuator.running.wait()
    changes = stack.throttle_since(ended_at_s)
    assert [width_us for _, width_us in changes[-2:]] == [pytest.approx(NEUTRAL_US, abs=3), None]
