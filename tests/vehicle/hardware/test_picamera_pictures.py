"""One camera of a Pi that runs, on the real picamera2 package: the pictures it gives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.vehicle.hardware.picamera_rig import Rig, scene, with_picamera2

pytestmark = with_picamera2


@pytest.fixture(scope="module")
def rig(installed: Any) -> Iterator[Rig]:
    rig = Rig(installed, time.monotonic)
    rig.open(width_px=160, height_px=120)
    yield rig
    rig.cameras[0].close()


def test_the_queue_is_short_and_the_rate_is_the_one_set(rig: Rig) -> None:
    rig.picture(scene())
    assert rig.sensor.controls_set["FrameDurationLimits"] == (33333, 33333)
    assert {stream.buffer_count for stream in rig.sensor.configuration} == {3}


def test_white_is_255_and_black_is_0_as_in_training(rig: Rig) -> None:
    assert (rig.picture(np.full((48, 64, 3), 255, np.uint8)).image == 255).all()
    assert (rig.picture(np.zeros((48, 64, 3), np.uint8)).image == 0).all()


def test_a_picture_is_dated_by_the_sensor_on_the_clock_of_the_car(rig: Rig) -> None:
    before_s = time.monotonic()
    frame = rig.picture(scene(), age_s=0.025)
    assert before_s - 0.0255 <= frame.taken_at_s <= time.monotonic() - 0.0245


def test_pictures_keep_coming_and_the_last_four_are_kept(rig: Rig) -> None:
    first = rig.picture(scene()).sequence + 1
    frames = [rig.picture(np.full((48, 64, 3), 10 * number, np.uint8)) for number in range(12)]
    assert [frame.sequence for frame in frames] == list(range(first, first + 12))
    assert [int(frame.image[0, 0]) for frame in frames[-4:]] == [80, 90, 100, 110]
    assert rig.sensor.dropped == 0


def test_a_picture_says_how_it_was_exposed(rig: Rig) -> None:
    rig.sensor.automatic_exposure = (12_345, 3.5, (1.0, 1.0))
    frame = rig.picture(scene())
    assert (frame.exposure_us, frame.gain) == (12_345.0, 3.5)
