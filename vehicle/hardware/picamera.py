"""A camera of the Raspberry Pi through picamera2: small YUV pictures, straight from the image processor.

The image processor scales; what decides how late a picture is and how wide it sees is the sensor's mode. The one
chosen sees the whole sensor at the wanted rate with the fewest rows to read. Luma is asked for in full range, as the
model was trained on: video's usual range would make black 16 and white 235.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import HardwareError
from vehicle.config import CameraConfig
from vehicle.hardware.exposure import ExposureLock
from vehicle.hardware.protocols import DeliverFrame, Frame

BUFFERS = 3  # of the camera: one being exposed, one waiting, one being copied
_KEPT = 4  # copies: a picture stays valid until three newer ones have come
WHOLE_VIEW_FRACTION = 0.98  # of the sensor's width and height; some modes leave out a few columns

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


class PicameraDevice:
    """A CameraDevice. Opening takes a second or two: the sensor's modes are asked for one by one."""

    def __init__(self, config: CameraConfig, deliver: DeliverFrame) -> None:
        """HardwareError when there is no picamera2, no camera, or somebody else has it."""
        try:
            import libcamera
            from picamera2 import MappedArray, Picamera2
        except ImportError as error:
            raise HardwareError(
                f"The Pi's camera needs picamera2, which is not to be had here ({error}). "
                "On Raspberry Pi OS: sudo apt install python3-picamera2 --no-install-recommends"
            ) from error
        self._deliver = deliver
        self._mapped = MappedArray
        self._lock_exposure = ExposureLock() if config.exposure_lock else None
        self._closed = threading.Event()
        self._delivered = 0
        try:
            self._camera = _opened(Picamera2, config.number)
        except (RuntimeError, OSError, IndexError) as error:
            raise HardwareError(
                "The Pi finds no free camera. Check the ribbon cable at both ends, that no other program uses the "
                f"camera, and run: rpicam-hello --list-cameras ({error})"
            ) from error
        try:
            self._start(config, libcamera)
        except (RuntimeError, OSError) as error:
            self._camera.close()
            raise HardwareError(f"The Pi's camera does not start: {error}") from error

    def problem(self) -> str:
        """libcamera loses a camera without a word; who waits for its pictures notices."""
        return ""

    def close(self) -> None:
        """Let go of the camera."""
        self._closed.set()
        self._camera.close()

    def _start(self, config: CameraConfig, libcamera: Any) -> None:
        camera = self._camera
        if "ColorFilterArrangement" not in camera.camera_properties:
            raise RuntimeError('it is a USB camera. Set camera.kind = "usb"')
        turned = int(config.rotation_deg == 180)
        mode = whole_view_mode(camera.sensor_modes, camera.camera_properties["PixelArraySize"], config.rate_hz)
        camera.configure(
            camera.create_video_configuration(
                main={"size": (config.width_px, config.height_px), "format": "YUV420"},
                sensor={"output_size": mode["size"], "bit_depth": mode["bit_depth"]},
                transform=libcamera.Transform(hflip=turned, vflip=turned),
                colour_space=libcamera.ColorSpace.Sycc(),
                controls=start_controls(config, mode["fps"]),
                buffer_count=BUFFERS,
                queue=False,
            )
        )
        stream = camera.camera_configuration()["main"]
        self._width_px, self._height_px = stream["size"]
        self._buffers = [self._buffer() for _ in range(_KEPT)]
        camera.post_callback = self._take
        camera.start()

    def _buffer(self) -> Planes:
        half = (self._height_px // 2, self._width_px // 2)
        luma = np.empty((self._height_px, self._width_px), np.uint8)
        return luma, np.empty(half, np.uint8), np.empty(half, np.uint8)

    def _take(self, request: Any) -> None:
        """In picamera2's own thread, which the camera waits for: copy and leave."""
        if self._closed.is_set():
            return
        metadata = request.get_metadata()
        luma, u, v = self._buffers[self._delivered % _KEPT]
        self._delivered += 1
        with self._mapped(request, "main", write=False) as mapped:
            copy_planes(mapped.array, (luma, u, v))
        taken_at_s = monotonic_s(metadata["SensorTimestamp"])
        exposure_us, gain = float(metadata["ExposureTime"]), float(metadata["AnalogueGain"])
        self._deliver(Frame(luma, taken_at_s, 0, (u, v), exposure_us=exposure_us, gain=gain))
        locked = self._lock_exposure.look(metadata) if self._lock_exposure else None
        if locked is not None:
            self._camera.set_controls(locked)


def _opened(picamera2: Any, number: int) -> Any:
    """A Picamera2. One that fails to open keeps both ends of a pipe, and an absent camera is tried for hours."""
    camera = picamera2.__new__(picamera2)
    try:
        camera.__init__(number)
    except (RuntimeError, OSError, IndexError):
        camera.notifymeread.close()
        os.close(camera.notifyme_w)
        raise
    return camera


def whole_view_mode(
    modes: Sequence[Mapping[str, Any]], pixel_array_size: tuple[int, int], rate_hz: float
) -> Mapping[str, Any]:
    """Of the modes that see the whole sensor, the one with the fewest rows that is fast enough; else the fastest."""
    least = [WHOLE_VIEW_FRACTION * size for size in pixel_array_size]
    whole = [mode for mode in modes if mode["crop_limits"][2] >= least[0] and mode["crop_limits"][3] >= least[1]]
    fast = [mode for mode in whole or modes if mode["fps"] >= rate_hz]
    if fast:
        return min(fast, key=lambda mode: (mode["size"][1], mode["size"][0]))
    return max(whole or modes, key=lambda mode: mode["fps"])


def start_controls(config: CameraConfig, highest_rate_hz: float) -> dict[str, Any]:
    """What the camera is told at the start, by libcamera's names."""
    controls: dict[str, Any] = {"FrameRate": min(config.rate_hz, highest_rate_hz)}
    if config.exposure_us is not None:
        controls["ExposureTime"] = config.exposure_us
    return controls


def copy_planes(rows: NDArray[np.uint8], planes: Planes) -> None:
    """Luma and chroma out of a YUV420 picture of picamera2, without the bytes that fill its rows.

    rows: (height * 3 / 2, stride). The chroma planes follow the luma, their rows half as long.
    """
    luma, u, v = planes
    height_px, width_px = luma.shape
    stride = rows.shape[1]
    np.copyto(luma, rows[:height_px, :width_px])
    chroma = rows[height_px:].reshape(2, height_px // 2, stride // 2)
    np.copyto(u, chroma[0, :, : width_px // 2])
    np.copyto(v, chroma[1, :, : width_px // 2])


def monotonic_s(boottime_ns: int) -> float:
    """libcamera's time on the clock of the car; the two differ by the time that the computer slept."""
    age_s = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - boottime_ns) / 1e9
    return time.monotonic() - age_s
