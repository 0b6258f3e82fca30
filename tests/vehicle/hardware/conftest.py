"""What the tests of the devices share."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vehicle.hardware.picamera_rig import stand_in
from vehicle.config import CarConfig
from vehicle.hardware.this_car import Car
from vehicle.runtime_folder import RuntimeFolder


@pytest.fixture(scope="session")
def installed() -> Any:
    """The stand-in for libcamera; once, because picamera2 keeps what it found when it was imported."""
    return stand_in()


@pytest.fixture
def emulated_car(folder: RuntimeFolder) -> Car:
    return Car(CarConfig(), folder, emulated=True)
