"""What the tests of the devices share."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vehicle.hardware.picamera_rig import stand_in


@pytest.fixture(scope="session")
def installed() -> Any:
    """The stand-in for libcamera; once, because picamera2 keeps what it found when it was imported."""
    return stand_in()
