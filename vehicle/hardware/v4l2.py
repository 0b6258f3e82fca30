"""The few words of Linux's Video4Linux interface that a USB camera needs, as it is on every 64-bit kernel.

Source: linux/videodev2.h. A Node carries them; LinuxNode is the real one.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import select
import struct
from pathlib import Path
from typing import Protocol

CAPTURE, MEMORY_MAP = 1, 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP
CAN_CAPTURE, CAN_STREAM = 0x1, 0x0400_0000
MJPEG = int.from_bytes(b"MJPG", "little")
BUFFER_ERROR, TIME_MASK, TIME_MONOTONIC = 0x0040, 0xE000, 0x2000  # V4L2_BUF_FLAG_…

EXPOSURE_AUTO, EXPOSURE_ABSOLUTE, EXPOSURE_AUTO_PRIORITY = 0x009A_0901, 0x009A_0902, 0x009A_0903
AUTO_WHITE_BALANCE = 0x0098_090C
EXPOSURE_MANUAL = 1
EXPOSURE_UNIT_US = 100
_NOT_HAD = (errno.EINVAL, errno.ERANGE, errno.EACCES, errno.EBUSY, errno.EIO, errno.ENOTTY, errno.EPIPE)

CAPABILITY = struct.Struct("<16s32s32sIII12x")  # driver, card, bus, version, all capabilities, this node's
FORMAT = struct.Struct("<I4x12I152x")  # type, then width, height, pixel format, field, …
STREAM_PARAMETERS = struct.Struct("<I4I8x176x")  # type, capability, mode, seconds per picture as a fraction
REQUEST_BUFFERS = struct.Struct("<5I")  # count, type, memory, capabilities, flags
# Index, type, bytes used, flags, field, seconds, microseconds, sequence, kind of memory, offset, length.
BUFFER = struct.Struct("<5I4xqq16xIIQI12x")
CONTROL = struct.Struct("<Ii")  # identity, value
KIND = struct.Struct("<i")


def _code(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | ord("V") << 8 | number


_WRITE, _READ = 1, 2
QUERY_CAPABILITY = _code(_READ, 0, CAPABILITY.size)
SET_FORMAT = _code(_READ | _WRITE, 5, FORMAT.size)
REQUEST = _code(_READ | _WRITE, 8, REQUEST_BUFFERS.size)
QUERY_BUFFER = _code(_READ | _WRITE, 9, BUFFER.size)
QUEUE = _code(_READ | _WRITE, 15, BUFFER.size)
DEQUEUE = _code(_READ | _WRITE, 17, BUFFER.size)
STREAM_ON = _code(_WRITE, 18, KIND.size)
STREAM_OFF = _code(_WRITE, 19, KIND.size)
SET_PARAMETERS = _code(_READ | _WRITE, 22, STREAM_PARAMETERS.size)
GET_CONTROL = _code(_READ | _WRITE, 27, CONTROL.size)
SET_CONTROL = _code(_READ | _WRITE, 28, CONTROL.size)


class Node(Protocol):
    """An open video device. Every method raises OSError for what the device refuses, ENODEV when it is gone."""

    def ioctl(self, code: int, argument: bytearray) -> None:
        """One request; the answer is in the argument."""
        ...

    def map(self, length: int, offset: int) -> memoryview:
        """Memory of the device, for reading."""
        ...

    def wait(self, timeout_s: float) -> bool:
        """Until a buffer can be fetched, or the device has something to complain of. False when the time is over."""
        ...

    def close(self) -> None:
        """Let go of it, and of its memory."""
        ...


class LinuxNode:
    """The Node of a device file. OSError when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._maps: list[tuple[mmap.mmap, memoryview]] = []

    def ioctl(self, code: int, argument: bytearray) -> None:
        fcntl.ioctl(self._file, code, argument, True)

    def map(self, length: int, offset: int) -> memoryview:
        memory = mmap.mmap(self._file, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=offset)
        self._maps.append((memory, memoryview(memory)))
        return self._maps[-1][1]

    def wait(self, timeout_s: float) -> bool:
        return bool(select.select([self._file], [], [], timeout_s)[0])

    def close(self) -> None:
        for memory, view in self._maps:
            view.release()
            memory.close()
        os.close(self._file)


def ask(node: Node, code: int, layout: struct.Struct, *values: int) -> tuple[int, ...]:
    """A request with these first values, the rest zero; the answer's values."""
    count = len(layout.unpack(bytes(layout.size)))
    argument = bytearray(layout.pack(*values, *([0] * (count - len(values)))))
    node.ioctl(code, argument)
    return layout.unpack(argument)


def capabilities(node: Node) -> tuple[str, str, int]:
    """Name, bus and capabilities of this node."""
    argument = bytearray(CAPABILITY.size)
    node.ioctl(QUERY_CAPABILITY, argument)
    _, card, bus, _, _, own = CAPABILITY.unpack(argument)
    return _text(card), _text(bus), own


def get_control(node: Node, identity: int) -> int | None:
    """None where the camera does not have this control, or does not tell."""
    try:
        return ask(node, GET_CONTROL, CONTROL, identity)[1]
    except OSError as error:
        if error.errno in _NOT_HAD:
            return None
        raise


def set_control(node: Node, identity: int, value: int) -> bool:
    """False where the camera does not have this control, or not this value of it."""
    try:
        ask(node, SET_CONTROL, CONTROL, identity, value)
    except OSError as error:
        if error.errno in _NOT_HAD:
            return False
        raise
    return True


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("ascii", "replace")
