"""The one place that names concrete drivers: it opens what this car has, and hands it to who needs it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from calibration.profile import CalibrationProfile, LidarPose
from calibration.pulses import throttle_pulse_us
from shared.cars import CAR_MODELS
from shared.errors import HardwareError
from vehicle.config import BatteryConfig, CameraConfig
from vehicle.emulated.camera import EmulatedCamera
from vehicle.emulated.i2c import SocketI2C
from vehicle.emulated.rplidar import BAUD_RATE
from vehicle.hardware import ads1115, deepracer_gauge, ina219
from vehicle.hardware.absent import NoTailLight, UnreachableDevice
from vehicle.hardware.bmi160 import Bmi160
from vehicle.hardware.device_camera import DeviceCamera
from vehicle.hardware.evdev_pad import EvdevPad, find_pad
from vehicle.hardware.guard_board import NO_NEUTRAL_TICKS
from vehicle.hardware.i2c_bus import I2CBus, LinuxI2C, kernel_driver_of
from vehicle.hardware.lidar_mount import ScanFrame
from vehicle.hardware.mpu6050 import Mpu6050
from vehicle.hardware.no_lidar import NoLidar
from vehicle.hardware.output_enable import open_output_enable
from vehicle.hardware.pca9685 import Pca9685Board, prescale_for, ticks_for
from vehicle.hardware.pi_health import PiHealth
from vehicle.hardware.picamera import PicameraDevice
from vehicle.hardware.protocols import (
    BusDevice,
    Camera,
    CameraDevice,
    DeliverFrame,
    Gamepad,
    Lidar,
    ServoBoard,
    TailLight,
)
from vehicle.hardware.replay_camera import open_replay
from vehicle.hardware.rplidar import Rplidar
from vehicle.hardware.rplidar_port import BAUD_RATES, RplidarPort
from vehicle.hardware.silent_board import SilentBoard
from vehicle.hardware.tail_light import ServoBoardLight, SysfsLight
from vehicle.hardware.this_car import Car, load_profile, pulses_are_known
from vehicle.hardware.usb_camera import open_usb_camera


def open_servo_board(car: Car, profile: CalibrationProfile) -> ServoBoard:
    """The servo board, not started, claimed for this process. HardwareError when it is not to be had.

    That of a car which was never calibrated stays silent.
    """
    settings = car.config.servo_board
    driver = None if car.emulated else kernel_driver_of(settings.bus, settings.address)
    if driver is not None:
        raise HardwareError(
            f"The kernel's own driver '{driver}' has the servo board. Remove its dtoverlay from "
            "/boot/firmware/config.txt and restart the car."
        )
    bus = open_bus(car, settings.bus)
    try:
        bus.claim()
    except HardwareError:
        bus.deinit()
        raise
    board = Pca9685Board(bus, address=settings.address, oscillator_hz=profile.chip_clock_hz)
    return board if pulses_are_known(car) else SilentBoard(board)


def open_bus(car: Car, number: int) -> I2CBus:
    """A handle on an I2C bus. HardwareError when there is none; all buses of the emulated car are one."""
    return SocketI2C(car.folder.board_i2c) if car.emulated else LinuxI2C(number)


def neutral_ticks(car: Car, profile: CalibrationProfile) -> int:
    """The throttle's neutral as the chip counts it: what owner and guard of the board must agree on.

    NO_NEUTRAL_TICKS for a car that was never calibrated.
    """
    if not pulses_are_known(car):
        return NO_NEUTRAL_TICKS
    return ticks_for(throttle_pulse_us(profile, 0.0, 1.0), profile.chip_clock_hz)


def neutral_first(profile: CalibrationProfile) -> bool:
    """Whether neutral must be heard before the enable line is switched off; owner and guard must agree on that too."""
    return profile.throttle.stops_without_pulses_s == "holds"


def guard_arguments(car: Car, profile: CalibrationProfile) -> list[str]:
    """All that the guard must know, as its command line: it reads no settings and no calibration itself."""
    settings = car.config.servo_board
    values = {
        "--socket": str(car.folder.guard),
        "--bus": f"emulated:{car.folder.board_i2c}" if car.emulated else f"i2c:{settings.bus}",
        "--address": str(settings.address),
        "--prescale": str(prescale_for(profile.chip_clock_hz)),
        "--neutral-ticks": str(neutral_ticks(car, profile)),
        "--output-enable": _enable_line(car),
    }
    words = [word for pair in values.items() for word in pair]
    return [*words, "--neutral-first"] if neutral_first(profile) else words


def try_enable_line(car: Car) -> str:
    """How the servo board's /OE pin is wired. HardwareError when its line is not to be had; a guard that runs has it.

    The line is let go of at once; every output is off meanwhile.
    """
    open_output_enable(_enable_line(car)).close()
    return "none" if car.emulated else car.config.servo_board.output_enable


def _enable_line(car: Car) -> str:
    """As the guard takes it."""
    settings = car.config.servo_board
    if car.emulated or settings.output_enable == "none":
        return "none"
    return f"{settings.output_enable}:{settings.output_enable_chip}:{settings.output_enable_line}"


def open_bus_devices(car: Car, exits: ExitStack) -> list[BusDevice]:
    """What else this car has on I2C; exits lets go of it. One that is not to be had says why when it is read."""
    devices: list[BusDevice] = []
    battery, imu = car.config.devices.battery, car.config.devices.imu
    if battery.gauge != "none":
        devices.append(_opened(car, exits, "battery", battery.bus, lambda bus: _battery_gauge(battery, bus)))
    if imu.chip != "none":
        driver: type[Mpu6050 | Bmi160] = Bmi160 if imu.chip == "bmi160" else Mpu6050
        devices.append(_opened(car, exits, "imu", imu.bus, lambda bus: driver(bus, address=imu.address)))
    return devices


def _opened(
    car: Car, exits: ExitStack, name: str, number: int | None, device: Callable[[I2CBus], BusDevice]
) -> BusDevice:
    try:
        bus = open_bus(car, car.config.servo_board.bus if number is None else number)
    except HardwareError as error:
        return UnreachableDevice(name, str(error))
    exits.callback(bus.deinit)
    return device(bus)


def _battery_gauge(settings: BatteryConfig, bus: I2CBus) -> BusDevice:
    if settings.gauge == "ads1115":
        return ads1115.Ads1115Battery(
            bus,
            address=settings.address or ads1115.DEFAULT_ADDRESS,
            adc_input=settings.adc_input,
            divider=settings.divider,
        )
    if settings.gauge == "ina219":
        return ina219.Ina219Battery(
            bus, address=settings.address or ina219.DEFAULT_ADDRESS, shunt_ohm=settings.shunt_ohm
        )
    return deepracer_gauge.DeepRacerBattery(bus, address=settings.address or deepracer_gauge.DEFAULT_ADDRESS)


def open_computer(car: Car) -> BusDevice:
    """What the car's computer says of itself. The emulated car's is a folder of files, there if somebody made it."""
    return PiHealth(car.folder.computer) if car.emulated else PiHealth()


def open_tail_light(car: Car, exits: ExitStack) -> TailLight:
    """The tail light; exits lets go of it. HardwareError when there is none where the settings say."""
    settings = car.config.devices.tail_light
    if settings.wiring == "leds":
        return SysfsLight(settings.leds)
    if settings.wiring == "none":
        return NoTailLight()
    bus = open_bus(car, car.config.servo_board.bus)
    exits.callback(bus.deinit)
    return ServoBoardLight(bus, address=car.config.servo_board.address, channels=settings.outputs)


def open_gamepad(car: Car) -> Gamepad:
    """The gamepad on this computer, for the emulated car too. HardwareError when there is none."""
    device = car.config.devices.gamepad.device
    return find_pad() if device is None else EvdevPad(device)


def readings_on_board(car: Car) -> tuple[str, ...]:
    """What this car's sensors give a model, in the words of SensorSpec.reading. The emulated car has them all."""
    stereo = ("stereo",) if car.emulated or car.config.right_camera is not None else ()
    lidar = ("lidar",) if car.emulated or car.config.lidar.device != "none" else ()
    return ("camera", *stereo, *lidar, "motion")


def open_camera(car: Car) -> Camera:
    """The camera; one that is absent or fails says why in its `problem`, and is tried again and again.

    HardwareError when the emulated board is not on, or a replay cannot be shown.
    """
    config = car.config.camera
    if config.kind == "replay":
        if not car.emulated:
            raise HardwareError(
                "Recorded pictures must not drive a real car. Add --emulated, or set camera.kind to another one."
            )
        return open_replay(config)
    if car.emulated:
        return EmulatedCamera(car.folder.board_camera)
    return DeviceCamera(lambda deliver: _open_camera_device(config, deliver)).start()


def open_right_camera(car: Car) -> Camera:
    """The right one of stereo cameras, as open_camera."""
    config = car.config.right_camera
    if car.emulated:
        return EmulatedCamera(car.folder.board_right_camera)
    if config is None:
        raise HardwareError("This car has one camera. If it has two, set right_camera.")
    return DeviceCamera(lambda deliver: _open_camera_device(config, deliver)).start()


def open_lidar(car: Car, profile: CalibrationProfile | None = None) -> Lidar:
    """The LiDAR, starting; one that is absent or fails says why in its `problem`.

    profile: where it is mounted; None: the calibration that holds now, CalibrationError where that cannot be read.
    """
    config, profile = car.config.lidar, profile or load_profile(car)
    if config.device == "none" and not car.emulated:
        return NoLidar()
    path, baud_rate = (car.folder.board_lidar, BAUD_RATE) if car.emulated else (config.port, config.baud_rate)
    frame = ScanFrame(profile.lidar or LidarPose(), CAR_MODELS[profile.car_model].lidar, config.masks_deg)
    return Rplidar(lambda: RplidarPort(str(path), (baud_rate,) if baud_rate else BAUD_RATES), frame)


def _open_camera_device(config: CameraConfig, deliver: DeliverFrame) -> CameraDevice:
    """The kind that was set; by itself the Pi's own camera, else one on USB."""
    if config.kind == "usb":
        return open_usb_camera(config, deliver)
    try:
        return PicameraDevice(config, deliver)
    except HardwareError as error:
        if config.kind == "picamera2":
            raise
        problem = error
    try:
        return open_usb_camera(config, deliver)
    except HardwareError as error:
        raise HardwareError(f"No camera was found. {problem} {error}") from error
