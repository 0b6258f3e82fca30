"""The enable line: what reaches the kernel's ioctl, and what it does to the chip behind it."""

from __future__ import annotations

import errno
import os
import struct
from typing import Any

import pytest

from shared.errors import HardwareError
from vehicle.actuator.safety_level import SafetyLevel, level_of
from vehicle.emulated.board import EmulatedBoard
from vehicle.hardware.output_enable import (
    GPIO_V2_GET_LINE_IOCTL,
    GPIO_V2_LINE_SET_VALUES_IOCTL,
    DeadManLine,
    EnableLine,
    GpioLine,
    NotWired,
    open_output_enable,
)


class GpioKernel:
    """/dev/gpiochip0 as linux/gpio.h describes it, with a chip's /OE pin on one of its lines."""

    def __init__(self, board: EmulatedBoard) -> None:
        self._board = board
        self.levels: list[int] = []
        self.line = -1

    def open(self, path: str, flags: int) -> int:
        assert path == "/dev/gpiochip0"
        return os.open(os.devnull, flags)

    def ioctl(self, fd: int, request: int, argument: bytearray) -> int:
        if request == GPIO_V2_GET_LINE_IOCTL:
            assert len(argument) == (request >> 16) & 0x3FFF  # the size is part of the number
            assert struct.unpack_from("Q", argument, 288) == (1 << 3,)  # an output
            assert struct.unpack_from("I", argument, 560) == (1,)  # one line
            attribute, _, values, mask = struct.unpack_from("IIQQ", argument, 320)
            assert (attribute, mask) == (2, 1)  # its first value
            (self.line,) = struct.unpack_from("I", argument, 0)
            struct.pack_into("i", argument, 588, 77)
            self._drive(values)
        else:
            assert request == GPIO_V2_LINE_SET_VALUES_IOCTL
            assert fd == 77
            level, mask = struct.unpack("QQ", argument)
            assert mask == 1
            self._drive(level)
        return 0

    def _drive(self, level: int) -> None:
        self.levels.append(level)
        self._board.chip.set_oe(is_high=bool(level))


@pytest.fixture
def kernel(board: EmulatedBoard) -> GpioKernel:
    return GpioKernel(board)


def test_a_line_begins_high_so_that_nothing_leaves_the_board(kernel: GpioKernel, board: EmulatedBoard) -> None:
    GpioLine(0, 22, open_device=kernel.open, ioctl=kernel.ioctl)
    assert kernel.line == 22
    assert kernel.levels == [1]
    assert board.chip.oe_is_high


def test_a_plain_line_is_low_while_permitted_and_is_told_only_of_changes(kernel: GpioKernel) -> None:
    line = EnableLine(GpioLine(0, 22, open_device=kernel.open, ioctl=kernel.ioctl))
    for _ in range(3):
        line.forbid()
    for _ in range(3):
        line.permit()
    line.forbid()
    assert kernel.levels == [1, 0, 1]


def test_a_dead_man_line_changes_while_permitted_and_stands_still_otherwise(kernel: GpioKernel) -> None:
    line = DeadManLine(GpioLine(0, 22, open_device=kernel.open, ioctl=kernel.ioctl))
    for _ in range(4):
        line.permit()
    line.forbid()
    assert kernel.levels == [1, 0, 1, 0, 1]


def test_a_board_without_the_wire_takes_both_words(board: EmulatedBoard) -> None:
    line = open_output_enable("none")
    assert isinstance(line, NotWired)
    line.permit()
    line.forbid()
    assert not board.chip.oe_is_high


@pytest.mark.parametrize("name", ["", "none:1", "line", "line:0", "line:0:x", "dead_man:0:1:2", "lamp:0:1"])
def test_a_wiring_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(HardwareError, match="wiring"):
        open_output_enable(name)


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOENT, "gpiochip"), (errno.EACCES, "group gpio"), (errno.EBUSY, "another"), (errno.EINVAL, "Check")],
)
def test_a_line_that_is_not_to_be_had_says_what_to_do(number: int, advice: str) -> None:
    def refuse(*_: Any) -> int:
        raise OSError(number, os.strerror(number))

    with pytest.raises(HardwareError, match=advice):
        GpioLine(0, 22, open_device=refuse)


@pytest.mark.parametrize(
    ("name", "kind", "level"),
    [
        ("none", NotWired, SafetyLevel.L0),
        ("line:0:22", EnableLine, SafetyLevel.L1),
        ("dead_man:0:22", DeadManLine, SafetyLevel.L2),
    ],
)
def test_a_level_is_promised_only_by_the_wiring_that_keeps_it(
    kernel: GpioKernel, monkeypatch: pytest.MonkeyPatch, name: str, kind: type, level: SafetyLevel
) -> None:
    monkeypatch.setattr(GpioLine.__init__, "__kwdefaults__", {"open_device": kernel.open, "ioctl": kernel.ioctl})
    assert type(open_output_enable(name)) is kind
    assert level_of(name.partition(":")[0]) is level
