"""An I2C bus in the shape that Adafruit's drivers expect (busio.I2C), and the real one of Linux.

Our own, because importing Adafruit's `board` needs a Raspberry Pi and may ask questions; and because one
system call per transaction is enough.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import HardwareError

I2C_RETRIES, I2C_TIMEOUT, I2C_RDWR = 0x0701, 0x0702, 0x0707  # linux/i2c-dev.h
TIMEOUT_10_MS = 2  # the unit is the kernel's; its default of a second is fifty turns of the actuator
I2C_M_RD = 0x0001  # linux/i2c.h
ADDRESSES = range(0x08, 0x78)  # the others are reserved by the I2C specification


@dataclass(frozen=True, slots=True)
class WriteSegment:
    """Bytes to send after a START."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ReadSegment:
    """How many bytes to read after a START."""

    length: int


Segment = WriteSegment | ReadSegment


class I2CBus(ABC):
    """busio.I2C's methods on one operation: a transaction of segments, ended by one STOP.

    A device that does not answer raises OSError, as the kernel does.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @abstractmethod
    def transfer(self, address: int, segments: Sequence[Segment]) -> bytes:
        """Do one transaction; what all read segments brought, joined."""

    @abstractmethod
    def deinit(self) -> None:
        """Close the bus. No transaction is possible afterwards."""

    @abstractmethod
    def claim(self) -> None:
        """Be the one process that drives the servo board, until deinit or death. HardwareError while another is."""

    def try_lock(self) -> bool:
        """Take the bus for one device, if it is free."""
        return self._lock.acquire(blocking=False)

    def unlock(self) -> None:
        """Give the bus back."""
        self._lock.release()

    def scan(self) -> list[int]:
        """Addresses at which a device answers."""
        return [address for address in ADDRESSES if self._answers(address)]

    def writeto(self, address: int, buffer: Any, *, start: int = 0, end: int | None = None, stop: bool = True) -> None:
        """Write a buffer, or a part of it, to a device."""
        self.transfer(address, [WriteSegment(bytes(memoryview(buffer)[start:end]))])

    def readfrom_into(
        self, address: int, buffer: Any, *, start: int = 0, end: int | None = None, stop: bool = True
    ) -> None:
        """Fill a buffer, or a part of it, from a device."""
        target = memoryview(buffer)[start:end]
        target[:] = self.transfer(address, [ReadSegment(len(target))])

    def writeto_then_readfrom(
        self,
        address: int,
        out_buffer: Any,
        in_buffer: Any,
        *,
        out_start: int = 0,
        out_end: int | None = None,
        in_start: int = 0,
        in_end: int | None = None,
        stop: bool = False,
    ) -> None:
        """Write, then read after a repeated START, in one transaction."""
        target = memoryview(in_buffer)[in_start:in_end]
        written = WriteSegment(bytes(memoryview(out_buffer)[out_start:out_end]))
        target[:] = self.transfer(address, [written, ReadSegment(len(target))])

    def _answers(self, address: int) -> bool:
        try:
            self.transfer(address, [ReadSegment(1)])
        except OSError:
            return False
        return True


class _Message(ctypes.Structure):
    """struct i2c_msg of linux/i2c.h."""

    _fields_ = (
        ("addr", ctypes.c_uint16),
        ("flags", ctypes.c_uint16),
        ("len", ctypes.c_uint16),
        ("buf", ctypes.POINTER(ctypes.c_uint8)),
    )


class _Messages(ctypes.Structure):
    """struct i2c_rdwr_ioctl_data of linux/i2c-dev.h."""

    _fields_ = (("msgs", ctypes.POINTER(_Message)), ("nmsgs", ctypes.c_uint32))


class LinuxI2C(I2CBus):
    """/dev/i2c-N through ioctl(I2C_RDWR): one system call per transaction."""

    def __init__(
        self,
        bus: int = 1,
        *,
        open_device: Callable[[str, int], int] = os.open,
        ioctl: Callable[[int, int, Any], Any] = fcntl.ioctl,
    ) -> None:
        super().__init__()
        path = f"/dev/i2c-{bus}"
        self._ioctl = ioctl
        try:
            self._fd = open_device(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise HardwareError(_why_no_bus(path, error)) from error
        # A wire that hangs must not hang us: the next turn is in 20 ms, and it tries again.
        ioctl(self._fd, I2C_RETRIES, 0)
        ioctl(self._fd, I2C_TIMEOUT, TIMEOUT_10_MS)

    def transfer(self, address: int, segments: Sequence[Segment]) -> bytes:
        """Do one transaction; what all read segments brought, joined."""
        messages = (_Message * len(segments))()
        buffers = [_buffer(segment) for segment in segments]
        for message, segment, buffer in zip(messages, segments, buffers, strict=True):
            flags = I2C_M_RD if isinstance(segment, ReadSegment) else 0
            message.addr, message.flags, message.len = address, flags, len(buffer)
            message.buf = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_uint8))
        self._ioctl(self._fd, I2C_RDWR, _Messages(messages, len(segments)))
        reads = (b for b, s in zip(buffers, segments, strict=True) if isinstance(s, ReadSegment))
        return b"".join(bytes(buffer) for buffer in reads)

    def deinit(self) -> None:
        """Close the bus. No transaction is possible afterwards."""
        os.close(self._fd)

    def claim(self) -> None:
        """The lock lies on the device itself, so it holds whoever the other process belongs to."""
        claim_file(self._fd)


def claim_file(descriptor: int) -> None:
    """Lock an open file for this process; the kernel takes the lock back when the file is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise HardwareError(
            "Another process drives the servo board. Stop it first: systemctl stop lapwing-actuator"
        ) from error


def kernel_driver_of(bus: int, address: int, devices: Path = Path("/sys/bus/i2c/devices")) -> str | None:
    """The name of the kernel's own driver that has this chip; None when it has none, as it should be.

    The kernel's PWM driver would go on giving pulses beside us, and outlive us.
    """
    driver = devices / f"{bus}-{address:04x}" / "driver"
    return driver.resolve().name if driver.exists() else None


def _buffer(segment: Segment) -> ctypes.Array[ctypes.c_uint8]:
    if isinstance(segment, ReadSegment):
        return (ctypes.c_uint8 * segment.length)()
    return (ctypes.c_uint8 * len(segment.data)).from_buffer_copy(segment.data)


def _why_no_bus(path: str, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return (
            f"There is no I2C bus {path}. Turn I2C on (sudo raspi-config, Interface Options), then restart. "
            "Without a car, add --emulated."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Not allowed to open {path}. Add this user to the group i2c: sudo usermod -aG i2c $USER"
    return f"The I2C bus {path} does not open: {error.strerror}. Restart the car, then run: ls -l /dev/i2c-*"
