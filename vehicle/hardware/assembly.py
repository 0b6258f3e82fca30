"""The one place that names concrete drivers: it opens what this car has, and hands it to who needs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from calibration.profile import CalibrationProfile
from calibration.profile_file import read_profile, shipped_profile
from calibration.pulses import throttle_pulse_us
from calibration.store import CalibrationStore
from shared.atomic_files import storage_errors
from shared.errors import CalibrationError, HardwareError
from vehicle.config import CarConfig
from vehicle.emulated.camera import EmulatedCamera
from vehicle.emulated.i2c import SocketI2C
from vehicle.hardware.i2c_bus import I2CBus, LinuxI2C, kernel_driver_of
from vehicle.hardware.pca9685 import Pca9685Board, prescale_for, ticks_for
from vehicle.hardware.protocols import Camera, ServoBoard
from vehicle.runtime_folder import RuntimeFolder

EMULATED_BOARD_ID = "emulated"
EMULATED_PROFILE = "emulated"
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
    """The calibration in force: the file that was set, else the newest; the emulated car has one that comes along."""
    path = car.config.calibration
    if path is not None:
        with storage_errors(path, "read"):
            return read_profile(path.read_bytes(), source=str(path))
    stored = calibration_store(car).current()
    if stored is not None:
        return stored.profile
    if car.emulated:
        return shipped_profile(EMULATED_PROFILE)
    raise CalibrationError(
        "This car has no calibration. Make one: lapwing-car calibrate. Or drive the emulated car: --emulated"
    )


def arming_obstacle(car: Car, profile: CalibrationProfile) -> str | None:
    """Why this car must not be armed with this profile; None when it may."""
    if profile.is_confirmed_for(board_id(car)):
        return None
    return (
        f"The calibration was not confirmed on this board ({board_id(car)}). "
        "Lift the wheels, then: lapwing-car calibrate, or lapwing-car calibration confirm"
    )


def open_servo_board(car: Car, profile: CalibrationProfile) -> ServoBoard:
    """The servo board, not started, claimed for this process. HardwareError when it is not to be had."""
    settings = car.config.servo_board
    bus: I2CBus
    if car.emulated:
        bus = SocketI2C(car.folder.board_i2c)
    else:
        driver = kernel_driver_of(settings.bus, settings.address)
        if driver is not None:
            raise HardwareError(
                f"The kernel's own driver '{driver}' has the servo board. Remove its dtoverlay from "
                "/boot/firmware/config.txt and restart the car."
            )
        bus = LinuxI2C(settings.bus)
    try:
        bus.claim()
    except HardwareError:
        bus.deinit()
        raise
    return Pca9685Board(bus, address=settings.address, oscillator_hz=profile.chip_clock_hz)


def neutral_ticks(profile: CalibrationProfile) -> int:
    """The throttle's neutral as the chip counts it: what owner and guard of the board must agree on."""
    return ticks_for(throttle_pulse_us(profile, 0.0, 1.0), profile.chip_clock_hz)


def guard_arguments(car: Car, profile: CalibrationProfile) -> list[str]:
    """All that the guard must know, as its command line: it reads no settings and no calibration itself."""
    settings = car.config.servo_board
    where = f"{settings.output_enable_chip}:{settings.output_enable_line}"
    wiring = {"none": "none", "line": f"line:{where}", "dead_man": f"dead-man:{where}"}[settings.output_enable]
    values = {
        "--socket": str(car.folder.guard),
        "--bus": f"emulated:{car.folder.board_i2c}" if car.emulated else f"i2c:{settings.bus}",
        "--address": str(settings.address),
        "--prescale": str(prescale_for(profile.chip_clock_hz)),
        "--neutral-ticks": str(neutral_ticks(profile)),
        "--output-enable": "none" if car.emulated else wiring,
    }
    return [word for pair in values.items() for word in pair]


def open_camera(car: Car) -> Camera:
    """The camera, delivering. HardwareError when there is none."""
    if car.emulated:
        return EmulatedCamera(car.folder.board_camera)
    raise HardwareError("This car has no camera that Lapwing knows. Drive the emulated car: --emulated")
