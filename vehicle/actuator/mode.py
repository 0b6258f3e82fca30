"""What a car may be armed for. The mode says who drives, how fast, and what a command looks like. Pure."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Literal

from vehicle.actuator.lease import Driver

CRAWL_SPEED_MPS = 0.3


class Mode(StrEnum):
    """Chosen when the car is armed, and the same until it is disarmed.

    DRY_RUN: the model steers, the motor stays off. CRAWL: the model drives at walking pace at most.
    CALIBRATION: somebody who watches the wheels asks for pulses; it needs no confirmed calibration.
    """

    AUTONOMOUS = "autonomous"
    MANUAL = "manual"
    DRY_RUN = "dry run"
    CRAWL = "crawl"
    CALIBRATION = "calibration"


DriveMode = Literal[Mode.AUTONOMOUS, Mode.DRY_RUN, Mode.CRAWL]  # those in which a model decides

_DRIVERS = {
    Mode.AUTONOMOUS: Driver.AUTONOMOUS,
    Mode.MANUAL: Driver.MANUAL,
    Mode.DRY_RUN: Driver.AUTONOMOUS,
    Mode.CRAWL: Driver.AUTONOMOUS,
    Mode.CALIBRATION: Driver.MANUAL,
}


def driver_of(mode: Mode) -> Driver:
    """Whose commands count in this mode."""
    return _DRIVERS[mode]


def speed_cap_mps(mode: Mode) -> float:
    """The fastest that a mode allows, whatever the model and the settings say."""
    if mode is Mode.CRAWL:
        return CRAWL_SPEED_MPS
    return math.inf if mode in (Mode.AUTONOMOUS, Mode.MANUAL) else 0.0


def takes_pulses(mode: Mode) -> bool:
    """Whether commands are pulse widths instead of an angle and a speed."""
    return mode is Mode.CALIBRATION


def starts_released(mode: Mode) -> bool:
    """Whether the first command may move the car.

    A person must first let go of the throttle: a stick that is held while the car is armed is no wish.
    """
    return driver_of(mode) is not Driver.MANUAL
