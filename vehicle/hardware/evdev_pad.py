"""A gamepad through the kernel's event interface, /dev/input/eventN.

Read directly (linux/input.h): eight bytes of meaning an event need no library. The layout is the kernel's own for
gamepads (Documentation/input/gamepad.rst), which Xbox, PlayStation and Switch pads and their likes share.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shared.errors import HardwareError
from vehicle.hardware.protocols import PadState

EVENT = struct.Struct("llHHi")  # two words of time, type, code, value
ABSOLUTE_AXIS = struct.Struct("6i")  # value, lowest, highest, fuzz, flat, resolution
EVENTS_AT_ONCE = 64
EV_SYN, EV_KEY, EV_ABS = 0, 1, 3
SYN_DROPPED = 3
STEERING, BACKWARD, FORWARD = 0x00, 0x02, 0x05  # left stick sideways, left trigger, right trigger
STOP_BUTTON, DEAD_MAN_BUTTON, ARM_BUTTON = 0x131, 0x137, 0x13B  # right face button, right shoulder button, start
AXES, BUTTONS = (STEERING, BACKWARD, FORWARD), (STOP_BUTTON, DEAD_MAN_BUTTON, ARM_BUTTON)
BUTTON_BYTES = 0x300 // 8
LEAST_DEAD_ZONE = 0.06  # of an axis; sticks rest a little beside their middle


def _reading(number: int, size: int) -> int:
    """_IOC(_IOC_READ, 'E', number, size)."""
    return 2 << 30 | size << 16 | ord("E") << 8 | number


GET_NAME = _reading(0x06, 80)
GET_BUTTONS = _reading(0x18, BUTTON_BYTES)  # which are down
HAS_BUTTONS, HAS_AXES = _reading(0x20 + EV_KEY, BUTTON_BYTES), _reading(0x20 + EV_ABS, 8)
Opener = Callable[[str, int], int]
Ioctl = Callable[[int, int, Any], Any]


@dataclass(frozen=True, slots=True)
class Axis:
    """Where an axis is, and between what."""

    value: int
    low: int
    high: int
    flat: int

    def centred(self) -> float:
        """-1 to 1 about the middle, a little of which is dead."""
        half = (self.high - self.low) / 2
        position = (self.value - self.low) / half - 1.0
        dead = max(LEAST_DEAD_ZONE, self.flat / half)
        live = (abs(position) - dead) / (1.0 - dead)
        return 0.0 if live <= 0 else min(live, 1.0) * (1 if position > 0 else -1)

    def pulled(self) -> float:
        """0 to 1 from its rest, of a trigger."""
        position = (self.value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, (position - LEAST_DEAD_ZONE) / (1.0 - LEAST_DEAD_ZONE)))


class EvdevPad:
    """One gamepad. HardwareError when the file is not to be had, or is something else."""

    def __init__(
        self,
        path: Path,
        *,
        open_device: Opener = os.open,
        ioctl: Ioctl = fcntl.ioctl,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._ioctl = ioctl
        self._clock = clock
        self._heard_at_s = float("-inf")
        try:
            self._fd = open_device(str(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise HardwareError(_why_not_open(path, error)) from error
        try:
            self.name = self._asked(GET_NAME).rstrip(b"\0").decode(errors="replace")
            missing = self._missing()
            if missing:
                raise HardwareError(f"{path} ({self.name}) is no gamepad: it has no {missing}.")
            self._look()
        except OSError as error:
            os.close(self._fd)
            if isinstance(error, HardwareError):
                raise
            raise HardwareError(f"{path} does not answer as a gamepad does: {error.strerror}.") from error

    def wait(self, timeout_s: float) -> PadState:
        """What is so after at most timeout_s; HardwareError when the pad is gone."""
        try:
            if select.select([self._fd], [], [], timeout_s)[0]:
                data = os.read(self._fd, EVENT.size * EVENTS_AT_ONCE)
                if not data:
                    raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
                self._hear(data)
        except BlockingIOError:
            pass
        except OSError as error:
            raise HardwareError(f"The gamepad {self.name} is gone. Plug it in, or wake it up.") from error
        return self._state()

    def close(self) -> None:
        """Let go of the device."""
        os.close(self._fd)

    def _hear(self, data: bytes) -> None:
        self._heard_at_s = self._clock()
        for _, _, kind, code, value in EVENT.iter_unpack(data[: len(data) // EVENT.size * EVENT.size]):
            if kind == EV_ABS and code in self._axes:
                self._axes[code] = replace(self._axes[code], value=value)
            elif kind == EV_KEY and code in self._down:
                self._down[code] = value != 0
            elif kind == EV_SYN and code == SYN_DROPPED:
                self._look()  # events were lost, and a button that was let go may be among them

    def _look(self) -> None:
        """Ask the kernel for the whole of the state."""
        self._axes = {axis: self._axis(axis) for axis in AXES}
        down = self._asked(GET_BUTTONS)
        self._down = {button: bool(down[button // 8] >> button % 8 & 1) for button in BUTTONS}

    def _axis(self, axis: int) -> Axis:
        answer = self._asked(_reading(0x40 + axis, ABSOLUTE_AXIS.size))
        value, low, high, _, flat, _ = ABSOLUTE_AXIS.unpack(answer)
        if high <= low:
            raise HardwareError(f"{self.path} ({self.name}) is no gamepad: its axis {axis} has no range.")
        return Axis(value, low, high, flat)

    def _missing(self) -> str:
        """What a gamepad has and this does not; empty when it has everything."""
        buttons, axes = self._asked(HAS_BUTTONS), self._asked(HAS_AXES)
        has = [axes[axis // 8] >> axis % 8 & 1 for axis in AXES]
        has += [buttons[button // 8] >> button % 8 & 1 for button in BUTTONS]
        names = ("left stick", "left trigger", "right trigger", "right face button", "right shoulder button", "start")
        return ", ".join(name for name, is_there in zip(names, has, strict=True) if not is_there)

    def _asked(self, request: int) -> bytes:
        answer = bytearray(request >> 16 & 0x3FFF)
        self._ioctl(self._fd, request, answer)
        return bytes(answer)

    def _state(self) -> PadState:
        return PadState(
            steering=-self._axes[STEERING].centred(),  # a stick is positive to the right
            throttle=self._axes[FORWARD].pulled() - self._axes[BACKWARD].pulled(),
            dead_man=self._down[DEAD_MAN_BUTTON],
            arm=self._down[ARM_BUTTON],
            stop=self._down[STOP_BUTTON],
            heard_at_s=self._heard_at_s,
        )


def find_pad(
    folder: Path = Path("/dev/input"), *, open_device: Opener = os.open, ioctl: Ioctl = fcntl.ioctl
) -> EvdevPad:
    """The first gamepad there is. HardwareError where none is found."""
    refused = ""
    for path in _event_files(folder):
        try:
            return EvdevPad(path, open_device=open_device, ioctl=ioctl)
        except HardwareError as error:
            if isinstance(error.__cause__, PermissionError):
                refused = str(error)
    raise HardwareError(refused or f"No gamepad is connected: none in {folder} is one. Plug it in, or pair it.")


def _event_files(folder: Path) -> Iterator[Path]:
    files = (path for path in folder.glob("event*") if path.name[5:].isdecimal())
    yield from sorted(files, key=lambda path: int(path.name[5:]))


def _why_not_open(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"There is no {path}. Plug the gamepad in, or leave devices.gamepad.device out."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Not allowed to open {path}. Add this user to the group input: sudo usermod -aG input $USER"
    return f"{path} does not open: {error.strerror}. Plug the gamepad in again."
