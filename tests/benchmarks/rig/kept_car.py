"""An emulated car whose services are kept running as on a real one, and which is asked to drive as by a console."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from shared.errors import LapwingError, LinkError
from tests.benchmarks.rig.service_manager import Service
from tests.vehicle.stack import is_rest
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.drive.client import DriveClient
from vehicle.processes import Process, ProcessGroup, wait_for
from vehicle.runtime_folder import RuntimeFolder
from vehicle.up import board_status

SERVICES = ("guard", "actuator", "drive")
WAIT_S = 60.0
WORLD_START_S = 300.0  # a first start compiles the simulator
POLL_S = 0.005


class KeptCar:
    """Board (and world) as processes that nobody harms; guard, actuator and drive as services."""

    def __init__(self, path: Path, *, world: str | None = None) -> None:
        """path: an empty folder. world: the track to drive on; None: a still scene."""
        path.mkdir(mode=0o700)
        self.folder = RuntimeFolder(path)
        settings = [f"{key}={path / name}" for key, name in _FOLDERS.items()]
        options = ["--emulated", "--runtime", str(path), *(word for pair in settings for word in ("--set", pair))]
        self._devices = ProcessGroup(path)
        arguments = []
        if world is not None:
            program = [sys.executable, "-m", "trainer.cli", "world", "--track", world]
            self._devices.start("world", [*program, "--socket", str(self.folder.world)])
            wait_for(self.folder.world, self._devices, WORLD_START_S)
            arguments = ["--world", str(self.folder.world)]
        self.board: Process = self._devices.start(
            "board", [sys.executable, "-m", "vehicle.cli", "board", *options, *arguments]
        )
        wait_for(self.folder.board_status, self._devices, WAIT_S)
        self.services = {name: Service(name, options, path) for name in SERVICES}
        for service in self.services.values():
            service.start()

    def process(self, name: str) -> int | None:
        """The id of a service's process that works; None while there is none."""
        return self.services[name].ready_process

    def status(self) -> ActuatorStatus | None:
        """What the actuator says; None while there is none."""
        with suppress(LinkError):
            client = ActuatorClient(self.folder.actuator)
            try:
                return client.status()
            finally:
                client.close()
        return None

    def drive(self) -> None:
        """Ask for a drive, as a person would who tries again, until the motor turns."""
        self.wait(lambda: self._is_started())
        self.wait(lambda: not self._is_at_rest())

    def is_armed(self) -> bool:
        """Whether it drives, or may at any moment."""
        status = self.status()
        return status is not None and status.phase is Phase.ARMED

    def throttle_since(self, moment_s: float) -> list[tuple[float, float | None]]:
        """(seconds after the moment, width) of every throttle change after it, in the board's own log."""
        pulses = board_status(self.folder.board_status, since_s=moment_s)["pulses"]
        return [(pulse["start_s"] - moment_s, pulse["width_us"]) for pulse in pulses if pulse["channel"] == 0]

    def wait(self, condition: Callable[[], Any], poll_s: float = POLL_S) -> Any:
        """Until the condition holds; what it gave."""
        deadline_s = time.monotonic() + WAIT_S
        while not (result := condition()):
            if time.monotonic() > deadline_s:
                words = {path.stem: path.read_text()[-500:] for path in self.folder.path.glob("*.log")}
                raise LinkError(f"It did not happen within {WAIT_S:g} s. Last words: {words}")
            time.sleep(poll_s)
        return result

    def end(self) -> None:
        """Everything, in the reverse of its start."""
        for service in reversed(self.services.values()):
            service.end()
        self._devices.end()

    def _is_started(self) -> bool:
        if self.is_armed():
            return True
        with suppress(LapwingError):
            client = DriveClient(self.folder.drive)
            try:
                client.start()
            finally:
                client.close()
        time.sleep(0.05)
        return self.is_armed()

    def _is_at_rest(self) -> bool:
        status = self.status()
        return status is None or is_rest(status.throttle_us)


_FOLDERS = {"models": "models", "calibrations": "calibration", "record.folder": "drives", "drive.cache": "cache"}
