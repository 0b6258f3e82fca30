"""A USB camera at the level of V4L2 requests: refuses what a real one refuses, and takes a picture when told."""

from __future__ import annotations

import errno
import os
import struct
import threading
from collections import deque
from collections.abc import Iterable

from vehicle.hardware import v4l2

TIME_S = 4242.25  # of every picture, unless another is given


class FakeUvc:
    """A Node. sizes: the pictures it can take. controls: by identity; formats: what it streams."""

    def __init__(self, *, pixel_format: int = v4l2.MJPEG, bus: bytes = b"usb-1.2", size: tuple[int, int] | None = None):
        self.controls = {v4l2.EXPOSURE_AUTO: 3, v4l2.EXPOSURE_ABSOLUTE: 157, v4l2.EXPOSURE_AUTO_PRIORITY: 1}
        self.is_streaming = self.is_closed = self.is_gone = False
        self.seconds_per_picture = (0, 0)
        self._pixel_format, self._bus, self._size = pixel_format, bus, size
        self._memory: list[bytearray] = []
        self._queued: deque[int] = deque()
        self._filled: deque[tuple[int, int, int, float]] = deque()
        self._changed = threading.Condition()

    def take(self, jpeg: bytes, *, flags: int = v4l2.TIME_MONOTONIC, time_s: float = TIME_S) -> None:
        """A picture into the next queued buffer; lost when there is none."""
        with self._changed:
            if self._queued:
                index = self._queued.popleft()
                self._memory[index][: len(jpeg)] = jpeg
                self._filled.append((index, len(jpeg), flags, time_s))
            self._changed.notify_all()

    def take_all(self, jpegs: Iterable[bytes]) -> None:
        """Several before anybody is told."""
        with self._changed:
            for jpeg in jpegs:
                self.take(jpeg)

    def unplug(self) -> None:
        with self._changed:
            self.is_gone = True
            self._changed.notify_all()

    def ioctl(self, code: int, argument: bytearray) -> None:
        assert not self.is_closed
        if self.is_gone:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        answers = {
            v4l2.QUERY_CAPABILITY: self._query,
            v4l2.SET_FORMAT: self._set_format,
            v4l2.SET_PARAMETERS: self._set_parameters,
            v4l2.REQUEST: self._request,
            v4l2.QUERY_BUFFER: self._query_buffer,
            v4l2.QUEUE: self._queue,
            v4l2.DEQUEUE: self._dequeue,
            v4l2.STREAM_ON: self._stream_on,
            v4l2.STREAM_OFF: self._stream_off,
            v4l2.GET_CONTROL: self._get_control,
            v4l2.SET_CONTROL: self._set_control,
        }
        with self._changed:
            answers[code](argument)

    def map(self, length: int, offset: int) -> memoryview:
        index, rest = divmod(offset, 1 << 20)
        assert (rest, length) == (0, len(self._memory[index]))
        return memoryview(self._memory[index]).toreadonly()

    def wait(self, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._filled or self.is_gone, timeout_s)

    def close(self) -> None:
        self.is_closed = True

    def _query(self, argument: bytearray) -> None:
        able = v4l2.CAN_CAPTURE | v4l2.CAN_STREAM
        argument[:] = v4l2.CAPABILITY.pack(b"uvcvideo", b"Fake Camera", self._bus, 0x60100, 0x8000_0000 | able, able)

    def _set_format(self, argument: bytearray) -> None:
        kind, width_px, height_px, *_ = v4l2.FORMAT.unpack(argument)
        if self._memory:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        width_px, height_px = self._size or (width_px, height_px)
        struct.pack_into("<I4xIII", argument, 0, kind, width_px, height_px, self._pixel_format)

    def _set_parameters(self, argument: bytearray) -> None:
        self.seconds_per_picture = v4l2.STREAM_PARAMETERS.unpack(argument)[3:5]

    def _request(self, argument: bytearray) -> None:
        count = v4l2.REQUEST_BUFFERS.unpack(argument)[0]
        self._memory = [bytearray(200_000) for _ in range(min(count, 4))]

    def _query_buffer(self, argument: bytearray) -> None:
        values = list(v4l2.BUFFER.unpack(argument))
        values[9], values[10] = values[0] << 20, len(self._memory[values[0]])
        argument[:] = v4l2.BUFFER.pack(*values)

    def _queue(self, argument: bytearray) -> None:
        index, kind, *_, memory, _, _ = v4l2.BUFFER.unpack(argument)
        if (kind, memory) != (v4l2.CAPTURE, v4l2.MEMORY_MAP) or index in self._queued or index >= len(self._memory):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._queued.append(index)

    def _dequeue(self, argument: bytearray) -> None:
        if not self._filled:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        index, length, flags, time_s = self._filled.popleft()
        times = (int(time_s), round((time_s % 1) * 1e6))
        argument[:] = v4l2.BUFFER.pack(index, v4l2.CAPTURE, length, flags, 1, *times, 0, v4l2.MEMORY_MAP, 0, 0)

    def _stream_on(self, _: bytearray) -> None:
        self.is_streaming = True

    def _stream_off(self, _: bytearray) -> None:
        self.is_streaming = False

    def _get_control(self, argument: bytearray) -> None:
        identity, _ = v4l2.CONTROL.unpack(argument)
        self._refuse_unknown(identity)
        argument[:] = v4l2.CONTROL.pack(identity, self.controls[identity])

    def _set_control(self, argument: bytearray) -> None:
        identity, value = v4l2.CONTROL.unpack(argument)
        self._refuse_unknown(identity)
        self.controls[identity] = value

    def _refuse_unknown(self, identity: int) -> None:
        if identity not in self.controls:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
