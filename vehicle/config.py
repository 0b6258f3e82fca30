"""Everything a person may set about the car: car.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from shared.settings import Settings
from vehicle.actuator.limits import DriveLimits


class ServoBoardConfig(Settings):
    """Where the servo board is."""

    bus: int = Field(1, ge=0, le=63, description="Number of the I2C bus, as in /dev/i2c-1.")
    address: int = Field(0x40, ge=0x08, le=0x77, description="I2C address of the PCA9685.")
    output_enable: Literal["none", "line", "dead_man"] = Field(
        "none", description="What the board's /OE pin is wired to: nothing, a GPIO line, or a dead-man circuit on one."
    )
    output_enable_chip: int = Field(0, ge=0, le=63, description="Number of the GPIO chip, as in /dev/gpiochip0.")
    output_enable_line: int = Field(22, ge=0, le=511, description="GPIO line of the /OE pin or its circuit.")


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


class CarConfig(Settings):
    """One car."""

    calibration: Path | None = Field(
        None, description="A calibration profile to use whatever the history says; left out, the newest of the history."
    )
    calibrations: Path = Field(
        Path("~/lapwing-car/calibration"), description="Folder of the calibration histories, one a board."
    )
    models: Path = Field(Path("~/lapwing-car/models"), description="Folder of the installed models.")
    servo_board: ServoBoardConfig = ServoBoardConfig()
    limits: DriveLimits = DriveLimits()
    drive: DriveConfig = DriveConfig()
