"""Keeps the car's services running as its systemd units say, where no systemd runs: restarts, watchdogs, the last word.

Only what the units need of systemd is here; they are read, so that their times are the ones that are measured.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.systemd.units import FOLDER, PROGRAM, Unit, read_unit

LISTEN_S = 0.01
END_S = 10.0


class Service:
    """One unit, kept by a thread of its own. restarts: how often it was started again."""

    def __init__(self, name: str, options: Sequence[str], folder: Path) -> None:
        """options: what every lapwing-car gets. folder: for its log and the socket that hears it."""
        self.name = name
        self.restarts = -1
        self._unit: Unit = read_unit(FOLDER / f"lapwing-{name}.service")
        self._options = list(options)
        self._log = (folder / f"{name}.log").open("ab")
        self._ears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ears.bind(str(folder / f"{name}.notify"))
        self._ears.settimeout(LISTEN_S)
        self._environment = {
            **os.environ,
            "NOTIFY_SOCKET": self._ears.getsockname(),
            "WATCHDOG_USEC": str(round(1e6 * self._unit.duration_s("WatchdogSec"))),
        }
        self._running: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=name)

    def start(self) -> None:
        """Begin to keep it."""
        self._thread.start()

    @property
    def ready_process(self) -> int | None:
        """The id of the process, once it has said that it works."""
        return self._running.pid if self._running is not None and self._is_ready else None

    def end(self) -> None:
        """Ask it to end, and do not start it again."""
        self._ending.set()
        self._thread.join()
        self._ears.close()
        self._log.close()

    def _keep(self) -> None:
        start, *last_words = self._unit.commands()
        while not self._ending.is_set():
            self._run_once(start)
            for command in last_words:
                self._popen(command).wait()
            self._ending.wait(self._unit.duration_s("RestartSec"))

    def _run_once(self, command: list[str]) -> None:
        """From its start to its end, by whatever cause."""
        self.restarts += 1
        self._is_ready = False
        self._running = running = self._popen(command)
        heard_at_s = time.monotonic()
        while running.poll() is None:
            try:
                self._ears.recv(100)
                self._is_ready, heard_at_s = True, time.monotonic()
            except TimeoutError:
                if self._is_ready and time.monotonic() - heard_at_s > self._unit.duration_s("WatchdogSec"):
                    running.kill()
            if self._ending.is_set():
                running.terminate()
                running.wait(END_S)
        self._is_ready = False

    def _popen(self, command: list[str]) -> subprocess.Popen[bytes]:
        program, verb, *words = command
        assert program == PROGRAM
        return subprocess.Popen(
            [sys.executable, "-m", "vehicle.cli", verb, *self._options, *words],
            env=self._environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip
