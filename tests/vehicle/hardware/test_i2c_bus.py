"""The real bus: what reaches the kernel's ioctl, and the sentences for a bus that does not open."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.errors import HardwareError
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import Wire
from vehicle.hardware.i2c_bus import (
    I2C_M_RD,
    I2C_RDWR,
    I2C_RETRIES,
    I2C_TIMEOUT,
    LinuxI2C,
    ReadSegment,
    WriteSegment,
    kernel_driver_of,
)
from vehicle.hardware.pca9685 import Pca9685Board


class Kernel:
    """/dev/i2c-1 as the kernel shows it, with a wire behind it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.calls = 0
        self.settings: dict[int, int] = {}

    def open(self, path: str, flags: int) -> int:
        assert path == "/dev/i2c-1"
        return os.open(os.devnull, flags)

    def ioctl(self, fd: int, request: int, argument: Any) -> int:
        if request != I2C_RDWR:
            self.settings[request] = argument
            return 0
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


def test_a_wire_that_hangs_is_given_up_before_the_next_turn(board: EmulatedBoard) -> None:
    kernel = Kernel(board.wire)
    bus = LinuxI2C(1, open_device=kernel.open, ioctl=kernel.ioctl)
    assert kernel.settings == {I2C_RETRIES: 0, I2C_TIMEOUT: 2}  # in units of 10 ms
    bus.deinit()


ALL_CHIPS = (0x3F, 0x40, 0x45, 0x48, 0x68, 0x69)  # of the emulated board


def device(path: Path) -> Callable[[str, int], int]:
    """Opens a file in place of /dev/i2c-1."""
    path.touch()
    return lambda _, flags: os.open(path, flags)


def test_a_bus_is_driven_by_one_process_whoever_it_belongs_to(board: EmulatedBoard, tmp_path: Path) -> None:
    kernel, open_device = Kernel(board.wire), device(tmp_path / "i2c-1")
    owner, second = (LinuxI2C(1, open_device=open_device, ioctl=kernel.ioctl) for _ in range(2))
    owner.claim()
    with pytest.raises(HardwareError, match="Another process"):
        second.claim()
    assert second.scan() == [*ALL_CHIPS, 0x70]  # a handle without the claim is a guard's
    owner.deinit()
    second.claim()
    second.deinit()


def test_a_claim_ends_with_the_life_of_its_process(board: EmulatedBoard, tmp_path: Path) -> None:
    open_device = device(tmp_path / "i2c-1")
    claim = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print('it', flush=True); input()"
    command = [sys.executable, "-c", claim, str(tmp_path / "i2c-1")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"it\n"
        bus = LinuxI2C(1, open_device=open_device, ioctl=Kernel(board.wire).ioctl)
        with pytest.raises(HardwareError, match="Another process"):
            bus.claim()
        other.kill()
        other.wait()
    bus.claim()
    bus.deinit()


def test_a_chip_that_a_driver_of_the_kernel_has_is_named(tmp_path: Path) -> None:
    assert kernel_driver_of(1, 0x40, tmp_path) is None
    (tmp_path / "drivers" / "pca9685-pwm").mkdir(parents=True)
    (tmp_path / "1-0040").mkdir()
    assert kernel_driver_of(1, 0x40, tmp_path) is None
    (tmp_path / "1-0040" / "driver").symlink_to(tmp_path / "drivers" / "pca9685-pwm")
    assert kernel_driver_of(1, 0x40, tmp_path) == "pca9685-pwm"
    assert kernel_driver_of(1, 0x41, tmp_path) is None


def test_the_emulated_and_the_kernel_bus_find_the_same_chips(board: EmulatedBoard) -> None:
    kernel = Kernel(board.wire)
    bus = LinuxI2C(1, open_device=kernel.open, ioctl=kernel.ioctl)
    assert bus.scan() == [*ALL_CHIPS, 0x70]
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
