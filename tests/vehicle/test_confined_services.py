"""Guard, actuator and drive work behind every wall of their units: a filter too narrow would be a car that stands."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from ctypes.util import find_library

import pytest

from tests.systemd.confined import NOT_ALLOWED
from tests.vehicle.stack import Stack
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.drive.client import DriveClient
from vehicle.runtime_folder import RuntimeFolder

pytestmark = [
    pytest.mark.wall_clock,
    pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze, for its lists of calls"),
    pytest.mark.skipif(find_library("seccomp") is None, reason="needs libseccomp"),
]


def confined(unit: str, folder: RuntimeFolder) -> list[str]:
    """What Python runs in place of lapwing-car."""
    confine = ["-m", "tests.systemd.confined", f"lapwing-{unit}.service", str(folder.path)]
    return [*confine, sys.executable, "-m", "vehicle.cli"]


class ConfinedStack(Stack):
    """The board is free, it is no part of the car."""

    def start_guard(self) -> None:
        self.guard = self._start("guard", self.folder, program=confined("guard", self.folder))
        self.wait(self.folder.guard.exists)

    def start_drive(self) -> DriveClient:
        """The drive, once it answers."""
        cache = f"drive.cache={self.folder.path / 'cache'}"
        self._start("drive", self.folder, "--set", cache, program=confined("drive", self.folder))
        client: DriveClient = self.wait(lambda: DriveClient(self.folder.drive) if self.folder.drive.exists() else None)
        return client


@pytest.fixture
def stack(folder: RuntimeFolder) -> Iterator[ConfinedStack]:
    command = [sys.executable, *confined("guard", folder)[:4], "true"]
    if subprocess.run(command, capture_output=True, check=False).returncode == NOT_ALLOWED:
        pytest.skip("a user may not confine anything here")
    stack = ConfinedStack(folder, confined("actuator", folder))
    yield stack
    stack.end()


def test_a_confined_car_drives_and_its_guard_can_end_its_owner(stack: ConfinedStack) -> None:
    client = stack.start_drive()
    stack.wait(lambda: client.state().decision, 120.0)
    stack.wait(lambda: client.state().actuator.phase is Phase.READY)
    assert client.state().actuator.guard == ""
    stack.wait(lambda: client.start(Mode.CRAWL) == "")
    stack.wait(lambda: client.state().actuator.mode is Mode.CRAWL)
    assert client.bookmark("confined") == ""
    stack.actuator.running.send_signal(signal.SIGSTOP)
    assert stack.actuator.running.wait(10.0) == -signal.SIGKILL
    stack.wait(lambda: client.state().actuator is None)
    client.close()
