"""The camera itself: requests go in, come back with a picture for each exposure, or cancelled when it is unplugged."""

from __future__ import annotations

import contextlib
import enum
import mmap
import os
import threading
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vehicle.emulated.libcamera.configuration import CameraConfiguration, Stream, StreamConfiguration
from vehicle.emulated.libcamera.sensors import SensorMode, SensorModel
from vehicle.emulated.libcamera.values import (
    CONTROLS,
    FILTERS,
    PROPERTIES,
    ColorSpace,
    ControlId,
    ControlInfo,
    Orientation,
    Rectangle,
    Size,
    StreamRole,
)


class FrameMetadata:
    class Status(enum.Enum):
        Success = 0
        Error = 1
        Cancelled = 2


class FrameBuffer:
    """Memory for one picture, somebody else's: known by file number."""

    class Plane:
        fd = -1
        offset = 0
        length = 0

    def __init__(self, planes: Sequence[Any]) -> None:
        self.planes = list(planes)
        self.metadata = SimpleNamespace(
            status=FrameMetadata.Status.Success,
            planes=[SimpleNamespace(bytes_used=plane.length) for plane in planes],
            sequence=0,
            timestamp=0,
        )


class Request:
    """Asks for one picture; used again and again."""

    class Status(enum.Enum):
        Pending = 0
        Complete = 1
        Cancelled = 2

    def __init__(self, cookie: int) -> None:
        self.cookie = cookie
        self.buffers: dict[Stream, FrameBuffer] = {}
        self.metadata: dict[ControlId, Any] = {}
        self.wanted: dict[ControlId, Any] = {}
        self.status = Request.Status.Pending

    def add_buffer(self, stream: Stream, buffer: FrameBuffer) -> None:
        self.buffers[stream] = buffer

    def set_control(self, control: ControlId, value: Any) -> None:
        self.wanted[control] = value

    def reuse(self) -> None:
        self.status, self.metadata, self.wanted = Request.Status.Pending, {}, {}


class Camera:
    """One camera of a manager. controls_set: what was asked of it by name. dropped: exposures without a request."""

    def __init__(self, manager: CameraManager, index: int, model: SensorModel, align: int) -> None:
        self.id = f"/base/soc/i2c0mux/i2c@{index}/{model.name}@10"
        self.controls_set: dict[str, Any] = {}
        self.dropped = 0
        self.is_running = self.is_acquired = self.is_unplugged = False
        self.automatic_exposure = (10_000, 1.0, (2.0, 1.5))  # microseconds, gain, gains of red and blue
        self._manager = weakref.proxy(manager)  # it lives as long as somebody outside holds it
        self._model, self._align = model, align
        self._configuration: CameraConfiguration | None = None
        self._waiting: deque[Request] = deque()
        self._exposures = 0
        self._lock = threading.Lock()

    @property
    def configuration(self) -> CameraConfiguration:
        """As configured last."""
        assert self._configuration is not None
        return self._configuration

    @property
    def properties(self) -> Mapping[ControlId, Any]:
        values = {
            "Model": self._model.name,
            "Location": 2,
            "Rotation": 180,
            "PixelArraySize": Size(*self._model.size),
            "ColorFilterArrangement": FILTERS["RGGB"],
        }
        return {PROPERTIES[name]: value for name, value in values.items()}

    @property
    def controls(self) -> Mapping[ControlId, ControlInfo]:
        """Limits, some of which follow the mode."""
        mode = self._model.modes[0] if self._configuration is None else self._configuration.mode
        infos = {
            "FrameDurationLimits": ControlInfo(int(1e6 / mode.rate_hz), 11_767_556),
            "NoiseReductionMode": ControlInfo(0, 4, 0),
            "ExposureTime": ControlInfo(75, 11_766_829, 20_000),
            "AnalogueGain": ControlInfo(1.0, 10.67, 1.0),
            "AeEnable": ControlInfo(False, True, True),
            "AwbEnable": ControlInfo(False, True, None),
            "ColourGains": ControlInfo(0.0, 32.0),
            "ScalerCrop": ControlInfo(Rectangle(0, 0, 64, 64), Rectangle(*mode.crop), Rectangle(*mode.crop)),
        }
        return {CONTROLS[name]: info for name, info in infos.items()}

    def generate_configuration(self, roles: Sequence[StreamRole]) -> CameraConfiguration:
        return CameraConfiguration(roles, self._model, self._align)

    def acquire(self) -> None:
        if self.is_acquired:
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        self.is_acquired = True

    def release(self) -> None:
        if self.is_running:
            raise RuntimeError("Failed to release camera: Device or resource busy")
        self.is_acquired = False

    def configure(self, configuration: CameraConfiguration) -> int:
        self._configuration = configuration
        return 0

    def create_request(self, cookie: int = 0) -> Request:
        return Request(cookie)

    def start(self, controls: Mapping[ControlId, Any] | None = None) -> None:
        if self.is_unplugged:
            raise RuntimeError("Failed to start camera: Remote I/O error")
        self._apply(controls or {})
        self.is_running = True

    def stop(self) -> None:
        self.is_running = False
        self._cancel_all()

    def queue_request(self, request: Request) -> None:
        with self._lock:
            self._waiting.append(request)
        if self.is_unplugged:
            self._cancel_all()

    def unplug(self) -> None:
        """The cable is pulled: what was asked for comes back cancelled. It stays listed, and does not start again."""
        self.is_unplugged = True
        self._cancel_all()

    def plug(self) -> None:
        """The cable is in again: it can be started."""
        self.is_unplugged = False

    def expose(self, scene: NDArray[np.uint8], timestamp_ns: int) -> None:
        """One picture of what the whole sensor sees (height, width, 3), RGB; timestamp_ns: CLOCK_BOOTTIME."""
        self._exposures += 1
        with self._lock:
            request = self._waiting.popleft() if self.is_running and self._waiting else None
        if request is None:
            self.dropped += 1
            return
        self._apply(request.wanted)
        for stream in self.configuration:
            buffer = request.buffers[stream.stream]
            if stream.role is not StreamRole.Raw:
                _write(buffer, _developed(scene, self._model, self.configuration, stream))
            buffer.metadata.sequence, buffer.metadata.timestamp = self._exposures, timestamp_ns
        request.metadata = {CONTROLS[name]: value for name, value in self._metadata(timestamp_ns).items()}
        request.status = Request.Status.Complete
        self._manager.complete(request)

    def _apply(self, controls: Mapping[ControlId, Any]) -> None:
        self.controls_set.update({control.name: value for control, value in controls.items()})

    def _metadata(self, timestamp_ns: int) -> dict[str, Any]:
        exposure_us, gain, colour_gains = self.automatic_exposure
        wanted = self.controls_set
        return {
            "SensorTimestamp": timestamp_ns,
            "FrameDuration": wanted.get("FrameDurationLimits", (33_333, 33_333))[0],
            "ExposureTime": wanted["ExposureTime"] if wanted.get("ExposureTimeMode") == 1 else exposure_us,
            "AnalogueGain": wanted["AnalogueGain"] if wanted.get("AnalogueGainMode") == 1 else gain,
            "ColourGains": wanted.get("ColourGains", colour_gains),
        }

    def _cancel_all(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
        for request in waiting:
            request.status = Request.Status.Cancelled
            self._manager.complete(request)


class CameraManager:
    """Knows the cameras; one that appears later is added. event_fd: readable when requests came back."""

    def __init__(self) -> None:
        self.event_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.cameras: list[Camera] = []
        self._ready: list[Request] = []
        self._lock = threading.Lock()

    def add(self, model: SensorModel, align: int) -> None:
        self.cameras.append(Camera(self, len(self.cameras), model, align))

    def get(self, identity: str) -> Camera:
        return next(camera for camera in self.cameras if camera.id == identity)

    def complete(self, request: Request) -> None:
        with self._lock:
            self._ready.append(request)
        os.eventfd_write(self.event_fd, 1)

    def get_ready_requests(self) -> list[Request]:
        with self._lock:
            with contextlib.suppress(BlockingIOError):  # fetched before
                os.eventfd_read(self.event_fd)
            ready, self._ready = self._ready, []
            return ready

    def __del__(self) -> None:
        os.close(self.event_fd)


def _developed(
    scene: NDArray[np.uint8], model: SensorModel, configuration: CameraConfiguration, stream: StreamConfiguration
) -> NDArray[np.uint8]:
    """The bytes of a stream: the mode's part of the scene, cut to the stream's shape, scaled, turned, converted."""
    width, height = stream.size.width, stream.size.height
    image = _scaled(scene, model, configuration.mode, width, height)
    if configuration.orientation in (Orientation.Rotate180, Orientation.Rotate0Mirror):
        image = image[:, ::-1]
    if configuration.orientation in (Orientation.Rotate180, Orientation.Rotate180Mirror):
        image = image[::-1]
    name, stride = str(stream.pixel_format), stream.stride
    if name in ("YUV420", "YVU420"):
        planes = _planes(image, stream.color_space or ColorSpace.Sycc())
        rows = [np.full((plane.shape[0], length), 0xAA, np.uint8) for plane, length in zip(planes, _strides(stride))]
        for padded, plane in zip(rows, planes):
            padded[:, : plane.shape[1]] = plane
        return np.concatenate([padded.reshape(-1) for padded in rows])
    raise NotImplementedError(f"this stand-in delivers YUV420, not {name}")


def _strides(stride: int) -> tuple[int, int, int]:
    return stride, stride // 2, stride // 2


def _scaled(
    scene: NDArray[np.uint8], model: SensorModel, mode: SensorMode, width: int, height: int
) -> NDArray[np.float64]:
    """(height, width, 3) of what the mode sees, without its edges where its shape is not the stream's."""
    left, top, crop_width, crop_height = mode.crop
    shrink = min(crop_width / width, crop_height / height)
    columns = left + crop_width / 2 + ((np.arange(width) + 0.5) - width / 2) * shrink
    rows = top + crop_height / 2 + ((np.arange(height) + 0.5) - height / 2) * shrink
    y = (rows * scene.shape[0] / model.size[1]).astype(int).clip(0, scene.shape[0] - 1)
    x = (columns * scene.shape[1] / model.size[0]).astype(int).clip(0, scene.shape[1] - 1)
    seen: NDArray[np.float64] = scene[y[:, None], x].astype(np.float64)
    return seen


def _planes(image: NDArray[np.float64], space: ColorSpace) -> list[NDArray[np.uint8]]:
    """Y, U and V after ITU-R BT.601, in the range that the colour space has."""
    red, green, blue = np.moveaxis(image, -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    u, v = (0.564 * (blue - luma))[::2, ::2], (0.713 * (red - luma))[::2, ::2]
    if space.range is ColorSpace.Range.Limited:
        luma, u, v = 16 + luma * 219 / 255, u * 224 / 255, v * 224 / 255
    return [np.rint(plane).clip(0, 255).astype(np.uint8) for plane in (luma, u + 128, v + 128)]


def _write(buffer: FrameBuffer, data: NDArray[np.uint8]) -> None:
    plane = buffer.planes[0]
    with mmap.mmap(plane.fd, plane.length) as memory:
        memory[: data.size] = data.tobytes()
