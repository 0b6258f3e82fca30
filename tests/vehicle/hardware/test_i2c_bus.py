"""The real bus: what reaches the kernel's ioctl, and the sentences for a bus that does not open."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any

import pytest

from shared.errors import HardwareError
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import Wire
from vehicle.hardware.i2c_bus import I2C_M_RD, I2C_RDWR, LinuxI2C, ReadSegment, WriteSegment
from vehicle.hardware.pca9685 import Pca9685Board


class Kernel:
    """/dev/i2c-1 as the kernel shows it, with a wire behind it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.calls = 0

    def open(self, path: str, flags: int) -> int:
        assert path == "/dev/i2c-1"
        return os.open(os.devnull, flags)

    def ioctl(self, fd: int, request: int, argument: Any) -> int:
        assert request == I2C_RDWR
        self.calls += 1
        messages = [argument.msgs[index] for index in range(argument.nmsgs)]
        segments = [
            ReadSegment(message.len)
            if message.flags & I2C_M_RD
            else WriteSegment(ctypes.string_at(message.buf, message.len))
            for message in messages
        ]
        answer = self._wire.transfer(messages[0].addr, segments)
        for message in messages:
            if message.flags & I2C_M_RD:
                ctypes.memmove(message.buf, answer[: message.len], message.len)
                answer = answer[message.len :]
        return len(messages)


def test_the_whole_driver_runs_over_the_ioctl(board: EmulatedBoard, clock: Any) -> None:
    kernel = Kernel(board.wire)
    bus = LinuxI2C(1, open_device=kernel.open, ioctl=kernel.ioctl)
    driver = Pca9685Board(bus, sleep=clock.sleep)
    driver.start()
    before = kernel.calls
    driver.write_pulses(1600.0, 1500.0)
    assert kernel.calls == before + 1
    driver.check()
    clock.sleep(0.1)
    assert board.chip.pulse_us(1) == pytest.approx(1600.0, abs=2.5)
    driver.close()


def test_the_emulated_and_the_kernel_bus_find_the_same_chips(board: EmulatedBoard) -> None:
    kernel = Kernel(board.wire)
    bus = LinuxI2C(1, open_device=kernel.open, ioctl=kernel.ioctl)
    assert bus.scan() == [0x40, 0x70]
    bus.deinit()


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOENT, "raspi-config"), (errno.EACCES, "group i2c"), (errno.EBUSY, "does not open")],
)
def test_a_bus_that_does_not_open_says_what_to_do(number: int, advice: str) -> None:
    def refuse(path: str, flags: int) -> int:
        raise OSError(number, os.strerror(number))

    with pytest.raises(HardwareError, match=advice):
        LinuxI2C(1, open_device=refuse)
