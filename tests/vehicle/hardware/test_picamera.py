"""The driver of the Pi's camera on the real picamera2 package: opening, losing, closing, and what it asks for."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import simplejpeg

from tests.vehicle.hardware.picamera_rig import Rig, scene, with_picamera2
from vehicle.config import CameraConfig
from vehicle.emulated.libcamera.configuration import PI_4_ALIGN, PI_5_ALIGN
from vehicle.emulated.libcamera.sensors import IMX219, OV5647, SensorModel
from vehicle.hardware.device_camera import FIRST_PICTURE_S, SILENT, SILENT_S, DeviceCamera
from vehicle.hardware.exposure import SETTLED_PICTURES
from vehicle.hardware.picamera import PicameraDevice
from vehicle.hardware.pictures import jpeg_of

pytestmark = with_picamera2


@pytest.fixture
def rig(installed: Any) -> Iterator[Rig]:
    rig = Rig(installed, time.monotonic)
    yield rig
    for camera in rig.cameras:
        camera.close()
    assert installed.synced == []  # every picture's memory was given back
    assert not [thread for thread in threading.enumerate() if "thread_func" in thread.name]


@pytest.mark.parametrize(
    ("align", "size"), [(PI_4_ALIGN, (160, 120)), (PI_5_ALIGN, (160, 120)), (PI_5_ALIGN, (640, 480))]
)
def test_the_padding_of_either_pi_is_cut_off(rig: Rig, align: int, size: tuple[int, int]) -> None:
    rig.open(align=align, width_px=size[0], height_px=size[1])
    whole = scene()
    frame = rig.picture(whole)
    assert frame.chroma is not None
    assert frame.image.shape == size[::-1]
    assert {plane.shape for plane in frame.chroma} == {(size[1] // 2, size[0] // 2)}
    rows = np.arange(size[1]) * whole.shape[0] // size[1]
    columns = np.arange(size[0]) * whole.shape[1] // size[0]
    expected = whole[rows[:, None], columns].astype(int)
    colours = simplejpeg.decode_jpeg(jpeg_of(frame, quality=95)).astype(int)
    assert np.abs(colours - expected).mean() < 4.0


@pytest.mark.parametrize("model", [IMX219, OV5647])
def test_the_picture_shows_the_whole_view_up_to_its_edges(rig: Rig, model: SensorModel) -> None:
    rig.open(model)
    image = rig.picture(scene()).image
    assert (image[100:, 2] > 240).all()
    assert (image[2] < 15).all()
    assert image[100:, 40:].max() < 220


def test_a_rate_that_the_whole_view_cannot_have_becomes_its_highest(rig: Rig) -> None:
    rig.open(rate_hz=60.0)
    rig.picture(scene())
    assert rig.sensor.configuration.mode.width_px == 1640
    assert rig.sensor.controls_set["FrameDurationLimits"][0] == pytest.approx(1e6 / 41.85, abs=1)


def test_a_camera_mounted_upside_down_is_turned(rig: Rig) -> None:
    rig.open(rotation_deg=180)
    image = rig.picture(scene()).image
    assert (image[:380, -3] > 240).all()
    assert (image[-3] < 15).all()


def test_a_fixed_exposure_is_manual_and_the_gain_stays_automatic(rig: Rig) -> None:
    rig.open(exposure_us=4000)
    rig.picture(scene())
    assert rig.sensor.controls_set["ExposureTime"] == 4000
    assert rig.sensor.controls_set["ExposureTimeMode"] == 1
    assert "AnalogueGainMode" not in rig.sensor.controls_set


def test_a_locked_exposure_is_held_once_it_settled(rig: Rig) -> None:
    rig.open(width_px=160, height_px=120, exposure_lock=True)
    dark = np.full((48, 64, 3), 40, np.uint8)
    for exposure_us in (20_000, 14_000, 10_100, *([10_000] * (SETTLED_PICTURES + 4))):
        rig.sensor.automatic_exposure = (exposure_us, 2.0, (2.1, 1.4))
        rig.picture(dark)
    rig.sensor.automatic_exposure = (33_000, 8.0, (1.0, 1.0))  # what it would do now
    rig.picture(dark)
    held = rig.sensor.controls_set
    assert held["ExposureTime"] == pytest.approx(10_000, rel=0.02)
    assert (held["ExposureTimeMode"], held["AnalogueGainMode"], held["AwbEnable"]) == (1, 1, False)
    assert (held["AnalogueGain"], held["ColourGains"]) == (2.0, (2.1, 1.4))


def test_a_camera_that_falls_silent_is_opened_anew_and_counts_on(installed: Any, clock: Any) -> None:
    rig = Rig(installed, clock)
    camera = rig.open()
    first = rig.picture(scene())
    clock.sleep(SILENT_S - 0.01)
    camera.look()
    assert camera.problem == ""
    clock.sleep(0.02)
    camera.look()
    assert camera.problem == SILENT
    assert not rig.sensor.is_acquired
    camera.look()
    assert rig.picture(scene()).sequence == first.sequence + 1
    assert camera.problem == ""
    camera.close()


def test_unplugged_and_plugged_in_again_it_comes_back_by_itself(installed: Any, clock: Any) -> None:
    rig = Rig(installed, clock)
    camera = rig.open()
    manager = rig.stand_in.manager()
    first = rig.picture(scene())
    rig.sensor.unplug()
    clock.sleep(SILENT_S + 0.1)
    camera.look()
    pauses = [camera.look() for _ in range(2)]
    assert "does not start" in camera.problem
    assert pauses == [1.0, 2.0]
    manager.cameras[0].plug()
    camera.look()
    assert rig.picture(scene()).sequence == first.sequence + 1
    assert camera.problem == ""
    camera.close()


def test_a_pi_without_a_camera_says_what_to_check_and_finds_one_that_appears(rig: Rig) -> None:
    camera = rig.open(None)
    assert "ribbon cable" in camera.problem
    assert camera.latest() is None
    open_files = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        camera.look()
    assert len(os.listdir("/proc/self/fd")) == open_files
    rig.stand_in.appear(IMX219)
    camera.look()
    assert rig.picture(scene()).sequence == 1
    assert camera.problem == ""


def test_a_camera_that_never_begins_is_given_up(installed: Any, clock: Any) -> None:
    rig = Rig(installed, clock)
    camera = rig.open()
    clock.sleep(FIRST_PICTURE_S - 0.1)
    camera.look()
    assert rig.sensor.is_acquired
    clock.sleep(0.2)
    camera.look()
    assert not rig.sensor.is_acquired
    camera.close()


def test_a_camera_that_another_program_has_is_a_sentence(rig: Rig) -> None:
    rig.open()
    second = DeviceCamera(lambda deliver: PicameraDevice(CameraConfig(), deliver))
    gc.collect()  # what earlier cameras left behind must not be counted as closed by this one
    open_files = len(os.listdir("/proc/self/fd"))
    second.look()
    assert len(os.listdir("/proc/self/fd")) == open_files
    assert "no other program" in second.problem
    assert second.latest() is None
    second.close()


def test_closed_it_is_free_for_others_and_silent(rig: Rig) -> None:
    camera = rig.open()
    frame = rig.picture(scene())
    sensor = rig.sensor
    camera.close()
    assert (sensor.is_running, sensor.is_acquired) == (False, False)
    assert camera.latest() is frame
    rig.open()
    assert rig.picture(scene()).sequence == 1
