"""What the driver of the Pi's camera decides by itself: mode, planes, exposure; and what it says without picamera2."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from shared.errors import HardwareError
from vehicle.config import CameraConfig
from vehicle.emulated.libcamera.sensors import IMX219, IMX708, OV5647, SensorModel
from vehicle.hardware.exposure import PATIENCE_PICTURES, ExposureLock
from vehicle.hardware.picamera import PicameraDevice, copy_planes, whole_view_mode


def test_without_picamera2_the_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(HardwareError, match="apt install python3-picamera2"):
        PicameraDevice(CameraConfig(), lambda frame: None)


@pytest.mark.parametrize(
    ("model", "rate_hz", "size"),
    [
        (IMX219, 30.0, (1640, 1232)),
        (IMX219, 60.0, (1640, 1232)),  # nothing that sees it all is as fast: the fastest that does
        (IMX708, 30.0, (2304, 1296)),
        (OV5647, 30.0, (640, 480)),  # leaves out 16 of 2592 columns and has the fewest rows
        (OV5647, 15.0, (640, 480)),
    ],
)
def test_the_mode_sees_everything_before_it_is_fast(model: SensorModel, rate_hz: float, size: tuple[int, int]) -> None:
    modes = [
        {"size": (mode.width_px, mode.height_px), "crop_limits": mode.crop, "fps": mode.rate_hz} for mode in model.modes
    ]
    assert whole_view_mode(modes, model.size, rate_hz)["size"] == size


def test_planes_are_found_behind_padded_rows() -> None:
    rows = np.zeros((6, 16), np.uint8)  # 8 x 4 pixels, rows of 16 bytes
    rows[:4, :8] = np.arange(32).reshape(4, 8)
    rows[4, 0:4], rows[4, 8:12], rows[5, 0:4], rows[5, 8:12] = 50, 51, 60, 61
    luma, u, v = np.empty((4, 8), np.uint8), np.empty((2, 4), np.uint8), np.empty((2, 4), np.uint8)
    copy_planes(rows, (luma, u, v))
    np.testing.assert_array_equal(luma, np.arange(32).reshape(4, 8))
    np.testing.assert_array_equal(u, [[50] * 4, [51] * 4])
    np.testing.assert_array_equal(v, [[60] * 4, [61] * 4])


def test_an_exposure_that_never_settles_is_held_after_a_while() -> None:
    lock, held = ExposureLock(), []
    for number in range(PATIENCE_PICTURES + 20):
        flicker = {"ExposureTime": 5000 + 1000 * (number % 2), "AnalogueGain": 1.0, "ColourGains": (1.0, 1.0)}
        held.append(lock.look(flicker) is not None)
    assert held.index(True) == PATIENCE_PICTURES - 1
    assert held.count(True) == 1
