"""A gamepad as the kernel shows it: an event stream in a pipe, and the answers to what a driver asks of its file."""

from __future__ import annotations

import os
import struct
from typing import Any

_EVENT = struct.Struct("llHHi")
_AXIS = struct.Struct("6i")
EV_SYN, EV_KEY, EV_ABS = 0, 1, 3
STICK_X, LEFT_TRIGGER, RIGHT_TRIGGER = 0, 2, 5
BUTTON_EAST, BUTTON_SHOULDER, BUTTON_START = 0x131, 0x137, 0x13B


class EmulatedPad:
    """A pad of the Xbox kind. It speaks only when something changes, as they do."""

    def __init__(self, name: str = "Emulated gamepad") -> None:
        self.name = name
        self.axes = {STICK_X: [0, -32768, 32767, 128], LEFT_TRIGGER: [0, 0, 255, 0], RIGHT_TRIGGER: [0, 0, 255, 0]}
        self.buttons = {BUTTON_EAST: False, BUTTON_SHOULDER: False, BUTTON_START: False}
        self._read_end, self._write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def open_device(self, path: str, flags: int) -> int:
        """In the place of os.open."""
        return os.dup(self._read_end)

    def ioctl(self, descriptor: int, request: int, answer: Any) -> None:
        """In the place of fcntl.ioctl: name, what there is, what is down, where an axis stands."""
        number = request & 0xFF
        if number == 0x06:
            answer[: len(self.name)] = self.name.encode()
        elif number == 0x18:
            self._set_bits(answer, [button for button, is_down in self.buttons.items() if is_down])
        elif number == 0x20 + EV_KEY:
            self._set_bits(answer, self.buttons)
        elif number == 0x20 + EV_ABS:
            self._set_bits(answer, self.axes)
        else:
            value, low, high, flat = self.axes[number - 0x40]
            _AXIS.pack_into(answer, 0, value, low, high, 0, flat, 0)

    def move(self, axis: int, value: int) -> None:
        """A stick or a trigger moves; one that does not says nothing."""
        if self.axes[axis][0] != value:
            self.axes[axis][0] = value
            self.say((EV_ABS, axis, value), (EV_SYN, 0, 0))

    def press(self, button: int, *, is_down: bool = True) -> None:
        """A button goes down or up."""
        if self.buttons[button] != is_down:
            self.buttons[button] = is_down
            self.say((EV_KEY, button, int(is_down)), (EV_SYN, 0, 0))

    def say(self, *events: tuple[int, int, int]) -> None:
        """Events as they are: type, code, value."""
        os.write(self._write_end, b"".join(_EVENT.pack(0, 0, *event) for event in events))

    def unplug(self) -> None:
        """The stream ends."""
        os.close(self._write_end)

    def close(self) -> None:
        """The far end of the pipe, when nobody listens any more."""
        os.close(self._read_end)

    def _set_bits(self, answer: Any, numbers: Any) -> None:
        for number in numbers:
            answer[number // 8] |= 1 << number % 8
