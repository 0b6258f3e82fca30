"""An emulated car of real processes, driven again and again by a driver (driver.py) that a benchmark may harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.vehicle.stack import Stack, is_rest
from vehicle.actuator.state import Phase
from vehicle.runtime_folder import RuntimeFolder

ATTEMPTS = 20


class DrivenCar:
    """stack: its board, guard and actuator."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700)
        self.stack = Stack(RuntimeFolder(path))
        self._drivers = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.rig.driver", str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def start_driving(self, drive_s: float) -> int:
        """Let a new driver drive for that long; the number of its process.

        A car that a busy machine stopped meanwhile is started anew.
        """
        for _ in range(ATTEMPTS):
            driver = self._new_driver()
            time.sleep(drive_s)
            if not is_rest(self.stack.client.status().throttle_us):
                return driver
            _kill(driver)
        raise AssertionError(f"the car did not keep driving for {drive_s:.2f} s: this machine has too much else to do")

    def _new_driver(self) -> int:
        stack = self.stack
        stack.wait(lambda: stack.client.status().phase is Phase.READY)
        assert self._drivers.stdin is not None
        assert self._drivers.stdout is not None
        self._drivers.stdin.write("\n")
        self._drivers.stdin.flush()
        driver = int(self._drivers.stdout.readline())
        stack.wait(lambda: not is_rest(stack.client.status().throttle_us))
        return driver

    def end_driving(self, driver: int) -> None:
        """The car has stopped: wait until that is final, and bury the driver."""
        self.stack.wait(lambda: self.stack.client.status().phase is not Phase.ARMED)
        _kill(driver)

    def end(self) -> None:
        """Everything of it."""
        self._drivers.kill()
        self._drivers.communicate()
        self.stack.end()


def _kill(process_id: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGKILL)
