"""What may be wrong with the emulated camera: everything that was seen to be wrong with real ones."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from vehicle.emulated.camera import CameraSensor, Image
from vehicle.hardware.protocols import Frame


class CameraFault(StrEnum):
    """Which fault. Set to NONE, the camera is well again."""

    NONE = "none"
    STALL = "stall"  # no more pictures, the device stays
    FREEZE = "freeze"  # the same picture again and again, with fresh times
    BLACK = "black"  # the cap is on
    UNPLUG = "unplug"  # the device is gone
    HALF_RATE = "half-rate"
    SMALL = "small"  # pictures of half the size


class FaultySensor:
    """The camera's sensor and what is wrong with it; fault may be set at any time, from any thread."""

    def __init__(self, sensor: CameraSensor) -> None:
        self.fault = CameraFault.NONE
        self._sensor = sensor
        self._image: Image | None = None
        self._exposures = self._delivered = 0

    def expose(self, scene: Image, now_s: float) -> Frame | None:
        """A picture of the scene (480, 640, 3), taken now; None where the fault is that there is none."""
        fault = self.fault
        self._exposures += 1
        if fault in (CameraFault.STALL, CameraFault.UNPLUG):
            return None
        if fault is CameraFault.HALF_RATE and self._exposures % 2:
            return None
        if fault is not CameraFault.FREEZE or self._image is None:
            self._image = self._picture(scene, now_s)
        self._delivered += 1
        return Frame(self._image, now_s, self._delivered)

    def _picture(self, scene: Image, now_s: float) -> Image:
        image = self._sensor.expose(np.zeros_like(scene) if self.fault is CameraFault.BLACK else scene, now_s).image
        return np.ascontiguousarray(image[::2, ::2]) if self.fault is CameraFault.SMALL else image
