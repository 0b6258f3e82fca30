"""A USB camera: MJPEG through Video4Linux, the newest picture alone, decoded small and grey for the model.

The decoder scales while it decodes, which costs half of a full decode; the camera's own JPEG goes along, in colour and
at full size, for recorder and people.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import simplejpeg

from shared.errors import HardwareError
from shared.sensors import CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX
from vehicle.config import CameraConfig
from vehicle.hardware import v4l2
from vehicle.hardware.protocols import DeliverFrame, Frame
from vehicle.hardware.v4l2 import LinuxNode, Node, ask

BUFFERS = 4
SETTLED_PICTURES = 60  # until automatic exposure has found its value; the camera does not say
_WAIT_S = 0.1  # how long the thread sleeps before it looks whether it should end
UNPLUGGED = "The USB camera was unplugged. Plug it in again."

log = logging.getLogger(__name__)


class UsbCameraDevice:
    """A CameraDevice. damaged: pictures left out because their data was incomplete."""

    def __init__(self, config: CameraConfig, deliver: DeliverFrame, node: Node, name: str) -> None:
        """node: open; closed with the device, or when it is refused. HardwareError when it cannot stream MJPEG."""
        self.damaged = 0
        self._node, self._deliver = node, deliver
        self._rotates = config.rotation_deg == 180
        self._held_after = SETTLED_PICTURES if config.exposure_lock else 0
        self._problem = ""
        self._closed = threading.Event()
        try:
            self._start(config, name)
        except OSError as error:
            node.close()
            if isinstance(error, HardwareError):
                raise
            raise HardwareError(_refusal(name, error)) from error
        self._thread = threading.Thread(target=self._receive, name="usb-camera", daemon=True)
        self._thread.start()

    def problem(self) -> str:
        """Why no more pictures will come."""
        return self._problem

    def close(self) -> None:
        """Stop the stream and let go of the device."""
        self._closed.set()
        self._thread.join()
        with contextlib.suppress(OSError):  # of one that was unplugged a moment ago
            ask(self._node, v4l2.STREAM_OFF, v4l2.KIND, v4l2.CAPTURE)
        self._node.close()

    def _start(self, config: CameraConfig, name: str) -> None:
        node = self._node
        wanted = (v4l2.CAPTURE, config.width_px, config.height_px, v4l2.MJPEG)
        _, width_px, height_px, pixel_format, *_ = ask(node, v4l2.SET_FORMAT, v4l2.FORMAT, *wanted)
        if pixel_format != v4l2.MJPEG:
            raise HardwareError(f"The USB camera {name} does not give MJPEG. Use another one, or the Pi's own.")
        if (width_px, height_px) != (config.width_px, config.height_px):
            log.info("The USB camera %s gives %dx%d, the nearest it has.", name, width_px, height_px)
        per_picture = (1000, round(1000 * config.rate_hz))
        ask(node, v4l2.SET_PARAMETERS, v4l2.STREAM_PARAMETERS, v4l2.CAPTURE, 0, 0, *per_picture)
        self._set_exposure(config)
        count = ask(node, v4l2.REQUEST, v4l2.REQUEST_BUFFERS, BUFFERS, v4l2.CAPTURE, v4l2.MEMORY_MAP)[0]
        self._memory = [self._map(index) for index in range(count)]
        for index in range(count):
            self._queue(index)
        ask(node, v4l2.STREAM_ON, v4l2.KIND, v4l2.CAPTURE)

    def _set_exposure(self, config: CameraConfig) -> None:
        """What the camera does not have is left out: it then goes on by itself."""
        node = self._node
        # Otherwise the camera halves its rate where there is little light.
        v4l2.set_control(node, v4l2.EXPOSURE_AUTO_PRIORITY, 0)
        if config.exposure_us is not None:
            v4l2.set_control(node, v4l2.EXPOSURE_AUTO, v4l2.EXPOSURE_MANUAL)
            v4l2.set_control(node, v4l2.EXPOSURE_ABSOLUTE, max(1, config.exposure_us // v4l2.EXPOSURE_UNIT_US))

    def _hold_exposure(self) -> None:
        """As it is now; where the camera does not tell, manual is what it last was."""
        exposure = v4l2.get_control(self._node, v4l2.EXPOSURE_ABSOLUTE)
        v4l2.set_control(self._node, v4l2.EXPOSURE_AUTO, v4l2.EXPOSURE_MANUAL)
        if exposure is not None:
            v4l2.set_control(self._node, v4l2.EXPOSURE_ABSOLUTE, exposure)
        v4l2.set_control(self._node, v4l2.AUTO_WHITE_BALANCE, 0)

    def _map(self, index: int) -> memoryview:
        answer = ask(self._node, v4l2.QUERY_BUFFER, v4l2.BUFFER, *_buffer(index))
        offset, length = answer[9], answer[10]
        return self._node.map(length, offset)

    def _queue(self, index: int) -> None:
        ask(self._node, v4l2.QUEUE, v4l2.BUFFER, *_buffer(index))

    def _receive(self) -> None:
        """Until closed, or the device is gone."""
        try:
            while not self._closed.is_set():
                if self._node.wait(_WAIT_S):
                    self._take_newest()
        except OSError as error:
            self._problem = UNPLUGGED if error.errno in (errno.ENODEV, errno.EIO) else _refusal("", error)

    def _take_newest(self) -> None:
        """Fetch all that is there; of several pictures only the last one counts."""
        newest: tuple[bytes, float] | None = None
        while (filled := self._dequeue()) is not None:
            index, length, flags, taken_at_s = filled
            if not flags & v4l2.BUFFER_ERROR:
                newest = bytes(self._memory[index][:length]), taken_at_s
            self._queue(index)
        if newest is not None:
            self._decode(*newest)
            self._held_after -= 1
            if self._held_after == 0:
                self._hold_exposure()

    def _dequeue(self) -> tuple[int, int, int, float] | None:
        """Index, length, flags and time of the oldest filled buffer; None when there is none."""
        try:
            answer = ask(self._node, v4l2.DEQUEUE, v4l2.BUFFER, *_buffer(0))
        except BlockingIOError:
            return None
        index, _, length, flags, _, seconds, microseconds, *_ = answer
        is_monotonic = flags & v4l2.TIME_MASK == v4l2.TIME_MONOTONIC
        return index, length, flags, seconds + microseconds / 1e6 if is_monotonic else time.monotonic()

    def _decode(self, jpeg: bytes, taken_at_s: float) -> None:
        try:
            if self._rotates:
                image = np.ascontiguousarray(simplejpeg.decode_jpeg(jpeg)[::-1, ::-1])
                self._deliver(Frame(image, taken_at_s, 0))
                return
            grey = simplejpeg.decode_jpeg(jpeg, "GRAY", min_width=CAMERA_WIDTH_PX, min_height=CAMERA_HEIGHT_PX)
            self._deliver(Frame(grey[..., 0], taken_at_s, 0, jpeg=jpeg))
        except ValueError:
            self.damaged += 1  # half a picture is none


def open_usb_camera(
    config: CameraConfig,
    deliver: DeliverFrame,
    *,
    devices: Callable[[], Iterable[Path]] | None = None,
    open_node: Callable[[Path], Node] = LinuxNode,
) -> UsbCameraDevice:
    """The camera that was set, or the first USB camera there is. HardwareError when there is none."""
    if config.device is not None:
        return UsbCameraDevice(config, deliver, _opened(config.device, open_node), str(config.device))
    for path in (devices or video_devices)():
        try:
            node = open_node(path)
        except OSError:
            continue  # a device of the Pi's own that is not ours to open
        try:
            name, bus, able = v4l2.capabilities(node)
        except OSError:
            node.close()
            continue
        if bus.startswith("usb") and able & v4l2.CAN_CAPTURE and able & v4l2.CAN_STREAM:
            return UsbCameraDevice(config, deliver, node, f"{name} ({path})")
        node.close()
    raise HardwareError("No USB camera is plugged in.")


def video_devices() -> list[Path]:
    """Every video device of this computer, lowest number first."""
    found = [path for path in Path("/dev").glob("video*") if re.fullmatch(r"video\d+", path.name)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("video")))


def _opened(path: Path, open_node: Callable[[Path], Node]) -> Node:
    try:
        return open_node(path)
    except OSError as error:
        raise HardwareError(_refusal(str(path), error)) from error


def _refusal(name: str, error: OSError) -> str:
    hint = {
        errno.ENOENT: "It is not plugged in, or camera.device is another one.",
        errno.EACCES: "This user may not open it. Add the user to the group video.",
        errno.EBUSY: "Another program uses it. End that one.",
        errno.ENODEV: "It was unplugged.",
    }.get(error.errno or 0, "Plug it in again.")
    return f"The USB camera {name} cannot be used: {error.strerror}. {hint}".replace("  ", " ")


def _buffer(index: int) -> tuple[int, ...]:
    """Names a buffer in a request: index, type, then what the device fills in, and the kind of memory."""
    return (index, v4l2.CAPTURE, 0, 0, 0, 0, 0, 0, v4l2.MEMORY_MAP)
