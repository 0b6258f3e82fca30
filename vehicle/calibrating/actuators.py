"""The actuator that a calibration moves the car by: one that runs already, or one of our own with its guard."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from calibration.profile import CalibrationProfile
from calibration.profile_file import export_profile
from shared.atomic_files import write_atomic
from shared.errors import LinkError
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.core import ActuatorStatus
from vehicle.actuator.lease import Lease
from vehicle.actuator.messages import ArmRequest
from vehicle.actuator.mode import Mode
from vehicle.hardware.assembly import Car
from vehicle.processes import ProcessGroup, wait_for

START_TIMEOUT_S = 60.0
SPEED_MPS = 1.0  # a calibration has pulses and no speeds; an arming names one all the same


class SocketLink:
    """An actuator behind its socket, for a calibration."""

    def __init__(self, path: Path) -> None:
        self._client = ActuatorClient(path)

    def arm(self) -> tuple[str | None, ActuatorStatus]:
        """Why it was refused, None when it was not; and what is so then."""
        answer = self._client.ask(ArmRequest(Mode.CALIBRATION, SPEED_MPS))
        return answer.problem, answer.status

    def command(self, lease: Lease) -> ActuatorStatus:
        """Send a lease; what became of it."""
        return self._client.command(lease)

    def status(self) -> ActuatorStatus:
        """What is so now."""
        return self._client.status()

    def close(self) -> None:
        """Stop, and hang up: an actuator whose driver is gone stops anyway."""
        with suppress(LinkError):
            self._client.stop("the calibration ended")
        self._client.close()


class OwnActuators:
    """Starts guard and actuator with the profile that the wizard has so far, and anew when its neutral changes."""

    def __init__(self, car: Car, options: Callable[[Car], Sequence[str]]) -> None:
        """options: the command line that gives another process a car."""
        self._car, self._options = car, options
        self._processes = ProcessGroup(car.folder.path)

    def open(self, profile: CalibrationProfile) -> SocketLink:
        """An actuator whose neutral is the profile's."""
        self.end()
        file = self._car.folder.path / "calibrating.json"
        write_atomic(file, export_profile(profile))
        car = Car(self._car.config.changed(calibration=file), self._car.folder, self._car.emulated)
        options = self._options(car)
        for verb, socket in (("guard", car.folder.guard), ("actuator", car.folder.actuator)):
            self._processes.start(verb, [sys.executable, "-m", "vehicle.cli", verb, *options])
            wait_for(socket, self._processes, START_TIMEOUT_S)
        return SocketLink(car.folder.actuator)

    def end(self) -> None:
        """The car comes to rest, and both are gone."""
        self._processes.end()


class RunningActuator:
    """The car's own actuator, where it runs already. Its neutral stays what it was started with."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, profile: CalibrationProfile) -> SocketLink:
        """Another connection to it."""
        return SocketLink(self._path)

    def end(self) -> None:
        """It goes on."""
