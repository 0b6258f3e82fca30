"""Which car this is, and which calibration holds for it. Opens nothing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from calibration.profile import CalibrationProfile
from calibration.profile_file import import_profile, read_profile, shipped_profile
from calibration.store import CalibrationStore
from shared.atomic_files import storage_errors
from shared.errors import CalibrationError
from vehicle.config import CarConfig
from vehicle.runtime_folder import RuntimeFolder

EMULATED_BOARD_ID = "emulated"
EMULATED_PROFILE = "emulated"
STARTING_PROFILE = "rc_car"  # what most servos and speed controllers understand
MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True)
class Car:
    """Which car this is: its settings, where its processes meet, and whether its devices are emulated."""

    config: CarConfig
    folder: RuntimeFolder
    emulated: bool


def board_id(car: Car) -> str:
    """Which board a calibration was confirmed on: this computer, bus and address."""
    if car.emulated:
        return EMULATED_BOARD_ID
    board = car.config.servo_board
    machine = MACHINE_ID.read_text().strip()[:12] if MACHINE_ID.exists() else "unknown"
    return f"{machine}-i2c{board.bus}-{board.address:#04x}"


def calibration_store(car: Car) -> CalibrationStore:
    """The history of this car's calibration: every board has its own, so that none takes another's."""
    return CalibrationStore(car.config.calibrations.expanduser() / board_id(car))


def load_profile(car: Car) -> CalibrationProfile:
    """The calibration that holds now: the one being made, else the one in force, else what such a car begins with."""
    making, content = car.folder.calibrating, None
    with storage_errors(making, "read"), suppress(FileNotFoundError):  # the wizard may end at any moment
        content = making.read_bytes()
    if content is not None:
        return import_profile(content, source=str(making))  # whatever it says, nobody confirmed it
    profile = profile_in_force(car)
    return starting_profile(car) if profile is None else profile


def profile_in_force(car: Car) -> CalibrationProfile | None:
    """The file that was set, else the newest of the history; the emulated car has one that comes along.

    None for a car that was never calibrated.
    """
    path = car.config.calibration
    if path is not None:
        with storage_errors(path, "read"):
            return read_profile(path.read_bytes(), source=str(path))
    stored = calibration_store(car).current()
    if stored is not None:
        return stored.profile
    return shipped_profile(EMULATED_PROFILE) if car.emulated and car.config.starting_profile is None else None


def starting_profile(car: Car) -> CalibrationProfile:
    """What a car begins with that was never calibrated."""
    return shipped_profile(car.config.starting_profile or STARTING_PROFILE)


def arming_obstacle(car: Car, profile: CalibrationProfile) -> str | None:
    """Why this car must not be armed with this profile; None when it may."""
    if profile.is_confirmed_for(board_id(car)):
        return None
    if car.folder.calibrating.exists():
        return "The car is being calibrated, or that was broken off. Go on with it: lapwing-car calibrate"
    if profile_in_force(car) is None:
        return "This car was not calibrated yet, and its outputs stay off. Lift the wheels, then: lapwing-car calibrate"
    return (
        f"The calibration was not confirmed on this board ({board_id(car)}). "
        "Lift the wheels, then: lapwing-car calibrate, or lapwing-car calibration confirm"
    )


def pulses_are_known(car: Car) -> bool:
    """Whether anybody has said yet which pulses this car takes; a calibration that is damaged says nothing."""
    if car.folder.calibrating.exists():
        return True
    try:
        return profile_in_force(car) is not None
    except CalibrationError:
        return False
