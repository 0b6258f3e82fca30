"""The servo board's /OE pin on a GPIO line of this computer: high switches every output off. Standard library only.

The line is asked of the kernel directly (linux/gpio.h, version 2 of its interface), so that the guard needs no
library. What the kernel does with a line whose process died is its own affair; a pull-up holds it high.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable
from typing import Any

from shared.errors import HardwareError

GPIO_V2_GET_LINE_IOCTL = 0xC250B407
GPIO_V2_LINE_SET_VALUES_IOCTL = 0xC010B40F
_FLAG_OUTPUT = 1 << 3
_ATTRIBUTE_OUTPUT_VALUES = 2
# struct gpio_v2_line_request: 64 offsets, consumer, configuration (flags, attributes of 24 bytes), lines, fd.
_REQUEST_BYTES = 592
_CONSUMER_AT, _FLAGS_AT, _ATTRIBUTE_COUNT_AT, _LINES_AT, _FD_AT = 256, 288, 296, 560, 588
_FIRST_ATTRIBUTE_AT = 320

OFF, ON = 1, 0  # of the outputs: the pin is active low


class NotWired:
    """The pin is not connected, and the board keeps its outputs enabled."""

    def permit(self) -> None:
        """Nothing to do."""

    def forbid(self) -> None:
        """Nothing that could be done."""

    def close(self) -> None:
        """Nothing to let go of."""


class EnableLine:
    """A plain output: its level is the permission."""

    def __init__(self, line: GpioLine) -> None:
        self._line = line
        self._level = OFF

    def permit(self) -> None:
        """Outputs on."""
        self._set(ON)

    def forbid(self) -> None:
        """Outputs off."""
        self._set(OFF)

    def close(self) -> None:
        """Let go of the line."""
        self._line.close()

    def _set(self, level: int) -> None:
        if level != self._level:
            self._line.set(level)
            self._level = level


class DeadManLine:
    """An output that must keep changing, or the circuit behind it switches the outputs off."""

    def __init__(self, line: GpioLine) -> None:
        self._line = line
        self._level = OFF

    def permit(self) -> None:
        """One more edge."""
        self._level = ON if self._level == OFF else OFF
        self._line.set(self._level)

    def forbid(self) -> None:
        """No more edges."""

    def close(self) -> None:
        """Let go of the line."""
        self._line.close()


class GpioLine:
    """One line of /dev/gpiochipN as an output, high from the first moment on."""

    def __init__(
        self,
        chip: int,
        line: int,
        *,
        open_device: Callable[[str, int], int] = os.open,
        ioctl: Callable[[int, int, Any], Any] = fcntl.ioctl,
    ) -> None:
        path = f"/dev/gpiochip{chip}"
        self._ioctl = ioctl
        request = bytearray(_REQUEST_BYTES)
        struct.pack_into("I", request, 0, line)
        request[_CONSUMER_AT : _CONSUMER_AT + 13] = b"lapwing-guard"
        struct.pack_into("Q", request, _FLAGS_AT, _FLAG_OUTPUT)
        struct.pack_into("I", request, _ATTRIBUTE_COUNT_AT, 1)
        struct.pack_into("IIQQ", request, _FIRST_ATTRIBUTE_AT, _ATTRIBUTE_OUTPUT_VALUES, 0, OFF, 1)
        struct.pack_into("I", request, _LINES_AT, 1)
        try:
            descriptor = open_device(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                ioctl(descriptor, GPIO_V2_GET_LINE_IOCTL, request)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise HardwareError(_why_no_line(path, line, error)) from error
        (self._fd,) = struct.unpack_from("i", request, _FD_AT)

    def set(self, level: int) -> None:
        """0 or 1."""
        self._ioctl(self._fd, GPIO_V2_LINE_SET_VALUES_IOCTL, bytearray(struct.pack("QQ", level, 1)))

    def close(self) -> None:
        """Let go of it. Its level is then the pull-up's."""
        os.close(self._fd)


def open_output_enable(name: str) -> NotWired | EnableLine | DeadManLine:
    """`none`, `line:CHIP:LINE` or `dead_man:CHIP:LINE`. HardwareError when the line is not to be had."""
    kind, *numbers = name.split(":")
    if kind == "none" and not numbers:
        return NotWired()
    if kind in ("line", "dead_man") and len(numbers) == 2 and all(number.isdecimal() for number in numbers):
        line = GpioLine(int(numbers[0]), int(numbers[1]))
        return EnableLine(line) if kind == "line" else DeadManLine(line)
    raise HardwareError(f"'{name}' is no wiring of the enable pin. Write none, line:CHIP:LINE or dead_man:CHIP:LINE.")


def _why_no_line(path: str, line: int, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"There is no {path}. Run: ls /dev/gpiochip*, then set servo_board.output_enable_chip."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Not allowed to open {path}. Add this user to the group gpio: sudo usermod -aG gpio $USER"
    if error.errno == errno.EBUSY:
        return f"Line {line} of {path} belongs to another program. Choose another: servo_board.output_enable_line."
    return f"Line {line} of {path} cannot be driven: {error.strerror}. Check servo_board.output_enable_line."
