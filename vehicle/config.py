"""Everything a person may set about the car: car.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from shared.settings import Settings
from vehicle.actuator.battery import BatteryLimits
from vehicle.actuator.limits import DriveLimits
from vehicle.actuator.motion import MotionLimits

BusNumber = Annotated[int, Field(ge=0, le=63)]
BusAddress = Annotated[int, Field(ge=0x08, le=0x77)]
FreeOutput = Annotated[int, Field(ge=2, le=15)]  # 0 and 1 are the throttle and the steering


class ServoBoardConfig(Settings):
    """Where the servo board is."""

    bus: int = Field(1, ge=0, le=63, description="Number of the I2C bus, as in /dev/i2c-1.")
    address: int = Field(0x40, ge=0x08, le=0x77, description="I2C address of the PCA9685.")
    output_enable: Literal["none", "line", "dead_man"] = Field(
        "none", description="What the board's /OE pin is wired to: nothing, a GPIO line, or a dead-man circuit on one."
    )
    output_enable_chip: int = Field(0, ge=0, le=63, description="Number of the GPIO chip, as in /dev/gpiochip0.")
    output_enable_line: int = Field(22, ge=0, le=511, description="GPIO line of the /OE pin or its circuit.")


class BatteryConfig(Settings):
    """The gauge of the battery that drives the motor, and what its voltage means."""

    gauge: Literal["none", "ads1115", "ina219", "deepracer"] = Field(
        "none", description="What measures the battery: nothing, a converter behind a divider, a chip, DeepRacer's own."
    )
    bus: BusNumber | None = Field(None, description="Number of its I2C bus; left out, the servo board's.")
    address: BusAddress | None = Field(None, description="Its I2C address; left out, the usual one.")
    adc_input: int = Field(0, ge=0, le=3, description="Input of the ADS1115.")
    divider: float = Field(3.0, ge=1, le=20, description="Battery volts per volt at the input of the ADS1115.")
    shunt_ohm: float = Field(0.1, gt=0, le=1, description="Resistor on the board of the INA219.")
    limits: BatteryLimits = BatteryLimits()


class ImuConfig(Settings):
    """The IMU that stops a car which was picked up, fell over or hit something."""

    chip: Literal["none", "mpu6050", "bmi160"] = Field(
        "none", description="Which IMU there is; mpu6050 stands for its kin too, bmi160 is DeepRacer's own."
    )
    bus: BusNumber | None = Field(None, description="Number of its I2C bus; left out, the servo board's.")
    address: BusAddress = Field(0x68, description="Its I2C address.")
    limits: MotionLimits = MotionLimits()


class TailLightConfig(Settings):
    """The lamp that shows from afar how the car is. Outputs and LEDs in the order red, green, blue."""

    wiring: Literal["none", "servo_board", "leds"] = Field(
        "none", description="What it hangs on: nothing, free outputs of the servo board, LEDs of the kernel."
    )
    outputs: tuple[FreeOutput, FreeOutput, FreeOutput] = Field((2, 3, 4), description="Outputs of the servo board.")
    leds: tuple[str, str, str] = Field(("red", "green", "blue"), description="Names in /sys/class/leds.")

    @field_validator("leds")
    @classmethod
    def _are_names(cls, leds: tuple[str, str, str]) -> tuple[str, str, str]:
        if any("/" in led or led in ("", ".", "..") for led in leds):
            raise ValueError("an LED is named as in /sys/class/leds, without slashes")
        return leds


class GamepadConfig(Settings):
    """A gamepad that is connected to the car itself."""

    device: Path | None = Field(None, description="Its file, /dev/input/eventN; left out, the first gamepad found.")
    max_speed_mps: float = Field(1.0, gt=0, le=8, description="Speed of a trigger that is pulled right through.")
    silence_s: float = Field(
        1.0, ge=0.2, le=5, description="How long the pad may say nothing while the car drives; then it rolls out."
    )


class DevicesConfig(Settings):
    """What a car may have besides its servo board, camera and LiDAR."""

    battery: BatteryConfig = BatteryConfig()
    imu: ImuConfig = ImuConfig()
    tail_light: TailLightConfig = TailLightConfig()
    gamepad: GamepadConfig = GamepadConfig()


class CameraConfig(Settings):
    """Which camera, and how it is opened."""

    kind: Literal["auto", "picamera2", "usb", "replay"] = Field(
        "auto",
        description="What camera: auto takes the Pi's own, else a USB one, or the emulated one with --emulated. "
        "replay shows recorded pictures, to the emulated car alone.",
    )
    number: int = Field(0, ge=0, le=7, description="Which of the Pi's cameras.")
    device: Path | None = Field(
        None, description="Device file of the USB camera, such as /dev/video0; left out, the first one."
    )
    replay: Path | None = Field(None, description="What to replay: a drive log (.mcap), a video, a folder of JPEGs.")
    replay_rate_hz: float | None = Field(
        None, gt=0, le=240, description="Pictures a second of a replay; left out, as they were recorded."
    )
    width_px: int = Field(640, ge=160, le=1920, multiple_of=2, description="Width of the pictures.")
    height_px: int = Field(480, ge=120, le=1080, multiple_of=2, description="Height of the pictures.")
    rate_hz: float = Field(30.0, ge=5, le=120, description="Pictures a second, at least what the model was trained at.")
    rotation_deg: Literal[0, 180] = Field(0, description="180 for a camera that is mounted upside down.")
    exposure_us: int | None = Field(
        None, ge=100, le=100_000, description="A fixed exposure time, to have no motion blur; left out, automatic."
    )
    exposure_lock: bool = Field(
        False, description="Keep exposure, gain and colours as they are once they have settled after the start."
    )


class LidarConfig(Settings):
    """The LiDAR. Where it is mounted stands in the calibration."""

    device: Literal["none", "rplidar"] = Field(
        "none", description="Which LiDAR the car has. The emulated car has an RPLIDAR whatever stands here."
    )
    port: Path = Field(Path("/dev/ttyUSB0"), description="Its serial port.")
    baud_rate: int | None = Field(
        None, ge=9600, le=4_000_000, description="Bits a second on that port; left out, the usual ones are tried."
    )
    masks_deg: tuple[tuple[float, float], ...] = Field(
        (),
        max_length=16,
        description="Where the LiDAR sees the car itself: [from, to] each, counter-clockwise from straight ahead.",
    )


class DriveConfig(Settings):
    """How the model is run."""

    engine: Literal["openvino", "onnxruntime"] | None = Field(
        None, description="The program that runs the model; left out, the faster one, measured here once a model."
    )
    precision: Literal["float32", "float16"] = Field(
        "float32", description="What the model is computed in; float16 where OpenVINO and the processor have it."
    )
    cache: Path | None = Field(
        None, description="Folder of compiled models and of what was measured; left out, the user's cache folder."
    )
    speed_scale: float = Field(
        1.0, ge=0, le=1, description="Share of the model's speeds to drive at when the drive starts; changed live."
    )


class RecordConfig(Settings):
    """Where drives are recorded, and what their logs tell of the day."""

    folder: Path = Field(Path("~/lapwing-car/drives"), description="Folder of the recorded drives.")
    quota_gb: float = Field(
        8.0,
        ge=0.05,
        le=2000,
        description="Gigabytes of all drives together; the oldest are deleted first, bookmarked ones never.",
    )
    driver: str = Field("", description="Who drives.")
    track: str = Field("", description="Which track the car stands on.")
    surface: str = Field("", description="What the track is made of.")
    tyres: str = Field("", description="A note on the tyres.")


class CarConfig(Settings):
    """One car."""

    calibration: Path | None = Field(
        None, description="A calibration profile to use whatever the history says; left out, the newest of the history."
    )
    calibrations: Path = Field(
        Path("~/lapwing-car/calibration"), description="Folder of the calibration histories, one a board."
    )
    starting_profile: Literal["rc_car", "deepracer"] | None = Field(
        None,
        description="The shipped profile that a car begins with before it was calibrated; left out, rc_car, and the "
        "emulated car has a calibration of its own.",
    )
    models: Path = Field(Path("~/lapwing-car/models"), description="Folder of the installed models.")
    servo_board: ServoBoardConfig = ServoBoardConfig()
    devices: DevicesConfig = DevicesConfig()
    camera: CameraConfig = CameraConfig()
    right_camera: CameraConfig | None = Field(
        None, description="The right one of stereo cameras; camera is then the left one."
    )
    lidar: LidarConfig = LidarConfig()
    limits: DriveLimits = DriveLimits()
    drive: DriveConfig = DriveConfig()
    record: RecordConfig = RecordConfig()

    @field_validator("right_camera")
    @classmethod
    def _is_another_camera(cls, right: CameraConfig | None, info: ValidationInfo) -> CameraConfig | None:
        left = info.data.get("camera")
        if right is not None and left is not None:
            # Of USB cameras the device alone says which one it is.
            which = [(each.kind, each.device, each.kind != "usb" and each.number) for each in (left, right)]
            if which[0] == which[1]:
                raise ValueError("it is the same camera as the left one. Set right_camera.number, or device for USB.")
        return right
