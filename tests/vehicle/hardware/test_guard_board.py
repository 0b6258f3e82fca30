"""The guard's two words to the board, byte by byte, and how it finds its bus."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import HardwareError
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C, Wire
from vehicle.hardware.guard_board import GuardBoard, open_guard_bus
from vehicle.hardware.i2c_bus import ReadSegment, Segment, WriteSegment
from vehicle.hardware.pca9685 import Pca9685Board, prescale_for, ticks_for
from vehicle.runtime_folder import RuntimeFolder

THROTTLE, STEERING = 0, 1


class RecordingBus(LocalI2C):
    """Remembers what was written, and how much was read."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.written: list[bytes] = []
        self.read_lengths: list[int] = []

    def transfer(self, address: int, segments: Any) -> bytes:
        segment: Segment
        for segment in segments:
            if isinstance(segment, WriteSegment):
                self.written.append(segment.data)
            elif isinstance(segment, ReadSegment):
                self.read_lengths.append(segment.length)
        return super().transfer(address, segments)


@pytest.fixture
def bus(board: EmulatedBoard, servo_board: Pca9685Board) -> RecordingBus:
    servo_board.start()
    servo_board.write_pulses(1700.0, 1650.0)
    return RecordingBus(board.wire)


def guard_board(bus: LocalI2C) -> GuardBoard:
    return GuardBoard(bus, address=0x40, prescale=prescale_for(25e6), neutral_ticks=ticks_for(1500.0, 25e6))


def test_neutral_is_one_write_to_the_throttle_alone_after_a_look_at_mode_and_rate(
    bus: RecordingBus, board: EmulatedBoard, clock: Any
) -> None:
    guard_board(bus).say_neutral()
    clock.sleep(0.1)
    assert bus.written == [bytes((0x00,)), bytes((0xFE,)), bytes((0x06, 0, 0, 307 & 0xFF, 307 >> 8))]
    assert bus.read_lengths == [1, 1]
    assert board.chip.pulse_us(THROTTLE) == pytest.approx(1500.0, abs=2.5)
    assert board.chip.pulse_us(STEERING) == pytest.approx(1700.0, abs=2.5)


@pytest.mark.parametrize(("register", "value"), [(0x00, 0x00), (0x00, 0x30), (0xFE, 30)])
def test_on_a_chip_that_is_not_as_it_should_be_neutral_is_off(
    bus: RecordingBus, board: EmulatedBoard, register: int, value: int
) -> None:
    board.chip.registers[register] = value
    guard_board(bus).say_neutral()
    assert bus.written[-1] == bytes((0xFD, 0x10))
    assert [board.chip.pulse_us(channel) for channel in range(16)] == [None] * 16


def test_on_a_car_whose_neutral_nobody_knows_neutral_is_off(bus: RecordingBus, board: EmulatedBoard) -> None:
    GuardBoard(bus, address=0x40, prescale=prescale_for(25e6), neutral_ticks=0).say_neutral()
    assert bus.written == [bytes((0xFD, 0x10))]
    assert [board.chip.pulse_us(channel) for channel in range(16)] == [None] * 16


def test_neutral_ends_a_silence_of_the_throttle(
    servo_board: Pca9685Board, bus: RecordingBus, board: EmulatedBoard, clock: Any
) -> None:
    servo_board.write_pulses(1700.0, None)
    clock.sleep(0.1)
    assert board.chip.pulse_us(THROTTLE) is None
    guard_board(bus).say_neutral()
    clock.sleep(0.1)
    assert board.chip.pulse_us(THROTTLE) == pytest.approx(1500.0, abs=2.5)


def test_off_is_one_write_for_every_channel(bus: RecordingBus, board: EmulatedBoard) -> None:
    guard_board(bus).all_off()
    assert bus.written == [bytes((0xFD, 0x10))]
    assert [board.chip.pulse_us(channel) for channel in range(16)] == [None] * 16


@pytest.mark.parametrize("name", ["", "i2c", "i2c:", "i2c:one", "i2c:-1", "emulated", "emulated:", "spi:1", "1"])
def test_a_bus_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(HardwareError, match="is not a bus"):
        open_guard_bus(name)


def test_each_kind_of_bus_is_looked_for_where_it_is(folder: RuntimeFolder) -> None:
    with pytest.raises(HardwareError, match="/dev/i2c-63"):
        open_guard_bus("i2c:63")
    with pytest.raises(HardwareError, match="emulated board"):
        open_guard_bus(f"emulated:{folder.board_i2c}")
