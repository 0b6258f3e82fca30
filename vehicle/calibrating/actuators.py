"""The actuator that a calibration moves the car by: one that runs already, or one of our own with its guard."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from calibration.profile import CalibrationProfile
from calibration.profile_file import export_profile
from shared.atomic_files import storage_errors, write_atomic
from shared.errors import LinkError
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.health_watch import BATTERY
from vehicle.actuator.lease import Lease
from vehicle.actuator.messages import ArmRequest, DevicesRequest
from vehicle.actuator.mode import Mode
from vehicle.actuator.renewal import begin_anew, put_in_force
from vehicle.actuator.status import ActuatorStatus
from vehicle.hardware.this_car import Car
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

    def battery_v(self) -> float | None:
        """What the battery's gauge says; None without one."""
        reading = (self._client.ask(DevicesRequest()).devices or {}).get(BATTERY)
        return None if reading is None or reading.problem else reading.values.get("voltage_v")

    def close(self) -> None:
        """Stop, and hang up: an actuator whose driver is gone stops anyway."""
        with suppress(LinkError):
            self._client.stop("the calibration ended")
        self._client.close()


class OwnActuators:
    """Starts guard and actuator, and anew when the neutral of what is being calibrated changes."""

    def __init__(self, car: Car, options: Sequence[str]) -> None:
        """options: the command line that gives another process this car."""
        self._car, self._options = car, options
        self._processes = ProcessGroup(car.folder.path)

    def open(self, profile: CalibrationProfile) -> SocketLink:
        """An actuator whose neutral is the profile's."""
        self._processes.end()
        _hand_over(self._car, profile)
        for verb, socket in (("guard", self._car.folder.guard), ("actuator", self._car.folder.actuator)):
            self._processes.start(verb, [sys.executable, "-m", "vehicle.cli", verb, *self._options])
            wait_for(socket, self._processes, START_TIMEOUT_S)
        return SocketLink(self._car.folder.actuator)

    def end(self) -> str:
        """The car comes to rest, and both are gone. What becomes of the calibration in force, a sentence."""
        self._processes.end()
        return _take_back(self._car)


class RunningActuator:
    """The car's own actuator, where it runs already: it begins anew with what is being calibrated."""

    def __init__(self, car: Car) -> None:
        self._car = car

    def open(self, profile: CalibrationProfile) -> SocketLink:
        """The same actuator, with the profile's neutral. LinkError when it drives, or does not come back."""
        _hand_over(self._car, profile)
        begin_anew(self._car.folder.actuator)
        return SocketLink(self._car.folder.actuator)

    def end(self) -> str:
        """It goes on with the calibration in force; a sentence about that."""
        return _take_back(self._car)


def _hand_over(car: Car, profile: CalibrationProfile) -> None:
    """From now on guard and actuator begin with this one. StorageError where another user's calibration was left."""
    making = car.folder.calibrating
    write_atomic(making, export_profile(profile))
    with storage_errors(making):
        # They may be other users of the car's group, and this user's umask may keep those out.
        making.chmod(0o640)


def _take_back(car: Car) -> str:
    """From now on they begin with the one in force; a sentence about that."""
    making = car.folder.calibrating
    with storage_errors(making, "delete"):
        making.unlink(missing_ok=True)
    return put_in_force(car.folder.actuator)
