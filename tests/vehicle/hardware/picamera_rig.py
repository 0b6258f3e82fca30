"""The real picamera2 package on a stand-in for libcamera, which exposes a picture when the test says so.

Only picamera2's own threads run in real time.
"""

from __future__ import annotations

import importlib.util
import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vehicle.config import CameraConfig
from vehicle.emulated.libcamera.configuration import PI_4_ALIGN
from vehicle.emulated.libcamera.sensors import IMX219, SensorModel
from vehicle.hardware.device_camera import DeviceCamera
from vehicle.hardware.picamera import PicameraDevice
from vehicle.hardware.protocols import Frame

WAIT_S = 5.0

with_picamera2 = [
    pytest.mark.skipif(
        importlib.util.find_spec("picamera2") is None,
        reason="picamera2 is not installed; it needs libcap-dev and a C compiler, see scripts/environment.sh",
    ),
    pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning"),  # picamera2's
]


def stand_in() -> Any:
    """Put the stand-in where picamera2 looks for libcamera: the first time, which must be before picamera2's."""
    from vehicle.emulated.libcamera.install import install

    return install()


class Rig:
    """A DeviceCamera on picamera2 on the stand-in; the device is looked after when the test says so."""

    def __init__(self, stand_in: Any, clock: Any) -> None:
        self.stand_in, self.clock = stand_in, clock
        self.cameras: list[DeviceCamera] = []

    def open(self, model: SensorModel | None = IMX219, align: int = PI_4_ALIGN, **config: Any) -> DeviceCamera:
        self.stand_in.models, self.stand_in.align = (model,) if model else (), align
        settings = CameraConfig(**config)
        camera = DeviceCamera(lambda deliver: PicameraDevice(settings, deliver), clock=self.clock)
        self.cameras.append(camera)
        camera.look()
        return camera

    @property
    def sensor(self) -> Any:
        return self.stand_in.camera

    def picture(self, scene: NDArray[np.uint8], age_s: float = 0.0) -> Frame:
        """The frame that an exposure of the scene becomes."""
        camera = self.cameras[-1]
        newest = camera.latest()
        self.sensor.expose(scene, time.clock_gettime_ns(time.CLOCK_BOOTTIME) - round(age_s * 1e9))
        frame = camera.wait_newer(newest.sequence if newest else 0, WAIT_S)
        assert frame is not None, camera.problem
        return frame


def scene(height: int = 616, width: int = 820) -> NDArray[np.uint8]:
    """Colours that run over the whole view, with one bright mark at the left edge and a dark one at the top."""
    rows, columns = np.mgrid[0:height, 0:width]
    image = np.stack([60 + columns // 8, 60 + rows // 6, np.full_like(rows, 90)], axis=-1).astype(np.uint8)
    image[:, : width // 40] = 255
    image[: height // 40] = 0
    return image
