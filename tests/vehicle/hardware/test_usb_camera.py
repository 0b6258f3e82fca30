"""A USB camera on a fake that speaks V4L2: the stream, the decoding, and everything that may be wrong with either."""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

from shared.errors import HardwareError
from tests.vehicle.hardware.fake_uvc import FakeUvc
from vehicle.config import CameraConfig
from vehicle.hardware import v4l2
from vehicle.hardware.device_camera import DeviceCamera
from vehicle.hardware.pictures import grey_of, jpeg_of
from vehicle.hardware.protocols import Frame
from vehicle.hardware.usb_camera import SETTLED_PICTURES, UNPLUGGED, open_usb_camera, video_devices

WAIT_S = 5.0


def jpeg(level: int = 90, width_px: int = 640, height_px: int = 480) -> bytes:
    """Runs from dark to bright from left to right, red on top."""
    image = np.zeros((height_px, width_px, 3), np.uint8)
    image[..., :] = np.linspace(level, level + 100, width_px).astype(np.uint8)[None, :, None]
    image[: height_px // 4, :, 1:] = 0
    return bytes(simplejpeg.encode_jpeg(image, quality=90))


class Rig:
    """A DeviceCamera on a fake USB camera."""

    def __init__(self, uvc: FakeUvc, **config: Any) -> None:
        self.uvc = uvc
        settings = CameraConfig(**config)
        self.camera = DeviceCamera(
            lambda deliver: open_usb_camera(
                settings, deliver, devices=lambda: [Path("/dev/video0")], open_node=lambda path: uvc
            )
        )
        self.camera.look()

    def picture(self, data: bytes, **options: Any) -> Frame:
        newest = self.camera.latest()
        self.uvc.take(data, **options)
        frame = self.camera.wait_newer(newest.sequence if newest else 0, WAIT_S)
        assert frame is not None
        return frame


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig(FakeUvc())
    yield rig
    rig.camera.close()
    assert rig.uvc.is_closed


def test_the_model_gets_grey_and_people_the_cameras_own_jpeg(rig: Rig) -> None:
    data = jpeg()
    frame = rig.picture(data)
    assert frame.image.shape == (120, 160)
    whole = simplejpeg.decode_jpeg(data, "GRAY")[..., 0]
    means = whole.reshape(120, 4, 160, 4).astype(float).mean(axis=(1, 3))
    assert np.abs(grey_of(frame) - means).max() < 6  # the decoder scales by its own way to the mean
    assert np.abs(grey_of(frame) - means).mean() < 0.8
    assert jpeg_of(frame) == data
    assert frame.sequence == 1


def test_the_time_is_the_kernels_where_that_is_our_clock_and_the_arrivals_elsewhere(rig: Rig) -> None:
    now_s = time.monotonic()
    assert rig.picture(jpeg(), time_s=now_s - 0.02).taken_at_s == pytest.approx(now_s - 0.02, abs=2e-6)
    assert rig.picture(jpeg(), flags=0, time_s=5.0).taken_at_s == pytest.approx(time.monotonic(), abs=0.5)
    assert rig.picture(jpeg(), time_s=now_s + 60).taken_at_s <= time.monotonic()


def test_what_is_asked_of_the_camera(rig: Rig) -> None:
    assert rig.uvc.is_streaming
    assert rig.uvc.seconds_per_picture == (1000, 30000)
    assert rig.uvc.controls[v4l2.EXPOSURE_AUTO_PRIORITY] == 0  # or it halves its rate in the dark
    assert rig.uvc.controls[v4l2.EXPOSURE_AUTO] == 3


def test_more_pictures_than_buffers_keep_coming(rig: Rig) -> None:
    frames = [rig.picture(jpeg(level)) for level in range(20, 120, 10)]
    assert [frame.sequence for frame in frames] == list(range(1, 11))
    brightness = [float(frame.image[80:].mean()) for frame in frames]
    assert brightness == sorted(brightness)


def test_of_several_pictures_the_newest_counts() -> None:
    rig = Rig(FakeUvc())
    rig.uvc.take_all([jpeg(level) for level in (20, 60, 110)])
    frame = rig.camera.wait_newer(0, WAIT_S)
    assert frame is not None
    assert (frame.sequence, frame.image[80:].mean() > 140) == (1, True)
    rig.camera.close()


def test_a_picture_cut_anywhere_or_marked_as_damaged_is_left_out(rig: Rig) -> None:
    data = jpeg()
    for length in (0, 1, 2, 100, 700, len(data) // 2, len(data) - 200, len(data) - 3):
        rig.uvc.take(data[:length])
    rig.uvc.take(data, flags=v4l2.TIME_MONOTONIC | v4l2.BUFFER_ERROR)
    rig.uvc.take(bytes(4096))
    while rig.camera.latest() is None:
        rig.uvc.take(data)
    frame = rig.picture(data)
    assert frame.image.shape == (120, 160)
    assert rig.camera.problem == ""


def test_every_length_of_a_cut_picture_is_refused_by_the_decoder() -> None:
    data = jpeg(width_px=160, height_px=120)
    for length in range(0, len(data) - 2, 7):
        with pytest.raises(ValueError):
            simplejpeg.decode_jpeg(data[:length], "GRAY", min_width=160, min_height=120)


def test_a_camera_upside_down_is_turned_in_all_its_forms() -> None:
    rig = Rig(FakeUvc(), rotation_deg=180)
    frame = rig.picture(jpeg())
    assert frame.image.shape == (480, 640, 3)
    assert frame.image[0, 0, 1] > frame.image[0, -1, 1]
    assert frame.image[-10, 100, 1] < 30  # red is at the bottom now
    assert simplejpeg.decode_jpeg(jpeg_of(frame))[-10, 100, 1] < 40
    rig.camera.close()


def test_a_fixed_exposure_is_set_in_the_cameras_unit() -> None:
    rig = Rig(FakeUvc(), exposure_us=5000)
    assert (rig.uvc.controls[v4l2.EXPOSURE_AUTO], rig.uvc.controls[v4l2.EXPOSURE_ABSOLUTE]) == (1, 50)
    rig.camera.close()


def test_a_locked_exposure_is_what_it_had_settled_to() -> None:
    rig = Rig(FakeUvc(), exposure_lock=True)
    for _ in range(SETTLED_PICTURES - 1):
        rig.picture(jpeg(width_px=160, height_px=120))
    rig.uvc.controls[v4l2.EXPOSURE_ABSOLUTE] = 83
    assert rig.uvc.controls[v4l2.EXPOSURE_AUTO] == 3
    rig.picture(jpeg(width_px=160, height_px=120))
    rig.picture(jpeg(width_px=160, height_px=120))
    assert (rig.uvc.controls[v4l2.EXPOSURE_AUTO], rig.uvc.controls[v4l2.EXPOSURE_ABSOLUTE]) == (1, 83)
    rig.camera.close()


def test_unplugged_it_says_so_and_another_one_is_opened() -> None:
    rig = Rig(FakeUvc())
    rig.picture(jpeg())
    lost = rig.uvc
    lost.unplug()
    while rig.camera.problem != UNPLUGGED:
        rig.camera.look()
    assert lost.is_closed
    rig.uvc = FakeUvc()
    rig.camera._open_device = lambda deliver: open_usb_camera(
        CameraConfig(), deliver, devices=lambda: [Path("/dev/video2")], open_node=lambda path: rig.uvc
    )
    rig.camera.look()
    assert rig.picture(jpeg()).sequence == 2
    assert rig.camera.problem == ""
    rig.camera.close()


def test_one_that_is_unplugged_at_the_moment_of_closing_is_let_go_of() -> None:
    uvc = FakeUvc()
    device = open_usb_camera(CameraConfig(device=Path("/dev/video0")), lambda frame: None, open_node=lambda path: uvc)
    device._closed.set()
    device._thread.join()  # it has not heard of it
    uvc.unplug()
    device.close()
    assert uvc.is_closed


def test_the_first_usb_camera_is_taken_and_the_pis_own_devices_are_left_alone() -> None:
    nodes = {
        Path("/dev/video0"): FakeUvc(bus=b"platform:bcm2835-isp"),
        Path("/dev/video2"): FakeUvc(),
        Path("/dev/video4"): FakeUvc(),
    }
    device = open_usb_camera(CameraConfig(), lambda frame: None, devices=lambda: nodes, open_node=nodes.__getitem__)
    assert [node.is_streaming for node in nodes.values()] == [False, True, False]
    device.close()
    assert [node.is_closed for node in nodes.values()] == [True, True, False]


def test_what_cannot_be_used_is_a_sentence_and_is_closed() -> None:
    def opened(node: FakeUvc | OSError) -> None:
        def open_node(path: Path) -> FakeUvc:
            if isinstance(node, OSError):
                raise node
            return node

        open_usb_camera(CameraConfig(device=Path("/dev/video7")), lambda frame: None, open_node=open_node)

    yuyv = FakeUvc(pixel_format=int.from_bytes(b"YUYV", "little"))
    with pytest.raises(HardwareError, match="does not give MJPEG"):
        opened(yuyv)
    assert yuyv.is_closed
    for number, hint in ((errno.ENOENT, "not plugged in"), (errno.EACCES, "group video"), (errno.EBUSY, "program")):
        with pytest.raises(HardwareError, match=hint):
            opened(OSError(number, os.strerror(number)))
    with pytest.raises(HardwareError, match="No USB camera"):
        open_usb_camera(CameraConfig(), lambda frame: None, devices=lambda: [])
    with pytest.raises(HardwareError, match="video63"):
        open_usb_camera(CameraConfig(device=Path("/dev/video63")), lambda frame: None)
    assert all(path.name.startswith("video") for path in video_devices())


def test_the_requests_are_those_of_the_kernels_header() -> None:
    """Sizes and numbers as a 64-bit kernel has them, from linux/videodev2.h."""
    assert v4l2.BUFFER.size == 88
    assert (v4l2.FORMAT.size, v4l2.STREAM_PARAMETERS.size) == (208, 204)
    assert (v4l2.QUERY_CAPABILITY, v4l2.SET_FORMAT, v4l2.REQUEST) == (0x80685600, 0xC0D05605, 0xC0145608)
    assert (v4l2.QUERY_BUFFER, v4l2.QUEUE, v4l2.DEQUEUE) == (0xC0585609, 0xC058560F, 0xC0585611)
    assert (v4l2.STREAM_ON, v4l2.STREAM_OFF, v4l2.SET_PARAMETERS) == (0x40045612, 0x40045613, 0xC0CC5616)
    assert (v4l2.GET_CONTROL, v4l2.SET_CONTROL) == (0xC008561B, 0xC008561C)
    packed = v4l2.BUFFER.pack(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    offsets = {"flags": 12, "sequence": 56, "memory": 60, "length": 72}
    assert [struct.unpack_from("<I", packed, offset)[0] for offset in offsets.values()] == [4, 8, 9, 11]
    assert struct.unpack_from("<qq", packed, 24) == (6, 7)
    assert struct.unpack_from("<Q", packed, 64) == (10,)
