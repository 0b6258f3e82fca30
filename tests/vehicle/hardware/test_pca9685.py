"""The servo board's driver, seen from the pins of the chip: what the rules of a safe start and stop ask."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from shared.errors import HardwareError
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C, Wire
from vehicle.hardware.i2c_bus import I2CBus, ReadSegment, Segment, WriteSegment
from vehicle.hardware.pca9685 import Pca9685Board, prescale_for, tick_us_at

THROTTLE, STEERING = 0, 1


class RecordingBus(LocalI2C):
    """A handle that remembers what was written, and counts transactions."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.written: list[bytes] = []
        self.read_lengths: list[int] = []
        self.transactions = 0

    def transfer(self, address: int, segments: Sequence[Segment]) -> bytes:
        self.transactions += 1
        self.written += [segment.data for segment in segments if isinstance(segment, WriteSegment)]
        self.read_lengths += [segment.length for segment in segments if isinstance(segment, ReadSegment)]
        return super().transfer(address, segments)


class FallingSilentBus(LocalI2C):
    """Answers a few times and never again."""

    def __init__(self, wire: Wire, answers: int) -> None:
        super().__init__(wire)
        self._answers_left = answers

    def transfer(self, address: int, segments: Sequence[Segment]) -> bytes:
        if self._answers_left == 0:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        self._answers_left -= 1
        return super().transfer(address, segments)


class DeadBus(I2CBus):
    """Nobody answers."""

    def transfer(self, address: int, segments: Sequence[Segment]) -> bytes:
        raise OSError(errno.EREMOTEIO, "Remote I/O error")

    def deinit(self) -> None:
        pass

    def claim(self) -> None:
        pass


def test_building_the_driver_writes_nothing_and_starting_it_moves_nothing(board: EmulatedBoard, clock: Any) -> None:
    bus = RecordingBus(board.wire)
    driver = Pca9685Board(bus, sleep=clock.sleep)
    assert bus.transactions == 0
    driver.start()
    clock.sleep(1.0)
    assert board.chip.settled_history() == []


def test_the_library_runs_on_our_bus_and_never_looks_for_a_raspberry_pi() -> None:
    program = (
        "import sys; from vehicle.emulated.board import EmulatedBoard; from vehicle.emulated.i2c import LocalI2C; "
        "from vehicle.hardware.pca9685 import Pca9685Board; "
        "Pca9685Board(LocalI2C(EmulatedBoard(lambda: 0.0).wire), sleep=lambda s: None).start(); "
        "print(sorted({'adafruit_pca9685', 'board'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", program]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert printed == "['adafruit_pca9685']\n"


def test_a_start_is_off_asleep_rate_mode_awake_off_and_never_restart(board: EmulatedBoard) -> None:
    bus, waited_after = RecordingBus(board.wire), []
    Pca9685Board(bus, sleep=lambda duration_s: waited_after.append((len(bus.written), duration_s))).start()
    writes = [message for message in bus.written if len(message) > 1]  # the others name a register to read
    reset_by_the_library = bytes((0x00, 0x00))
    assert writes == [
        bytes((0xFD, 0x10)),  # every output off, before the chip may wake
        reset_by_the_library,
        bytes((0x00, 0x30)),  # asleep: only there does it take a rate
        bytes((0xFE, 121)),
        bytes((0x01, 0x04)),  # totem pole, low outputs while /OE is high, change on STOP
        bytes((0x00, 0x20)),  # awake, auto-increment, no other address, RESTART untouched
        bytes((0xFD, 0x10)),
    ]
    (after, duration_s) = waited_after[-1]
    assert bus.written[after - 1] == bytes((0x00, 0x20))
    assert duration_s >= 0.0005


def test_a_neutral_pulse_is_1500_microseconds_long(board: EmulatedBoard, servo_board: Pca9685Board, clock: Any) -> None:
    servo_board.start()
    servo_board.write_pulses(1500.0, 1500.0)
    clock.sleep(0.1)
    assert board.chip.pulse_us(THROTTLE) == pytest.approx(1500.0, abs=2.44)  # half a step at 50 Hz
    assert board.chip.frequency_hz == pytest.approx(50.0, rel=0.001)


def test_every_pulse_is_rounded_to_the_nearest_step(
    board: EmulatedBoard, servo_board: Pca9685Board, clock: Any
) -> None:
    servo_board.start()
    for pulse_us in range(1000, 2001):
        servo_board.write_pulses(float(pulse_us), 3000.0 - pulse_us)
        clock.sleep(0.02)
        assert board.chip.pulse_us(STEERING) == pytest.approx(pulse_us, abs=servo_board.tick_us / 2 + 1e-6)
        assert board.chip.pulse_us(THROTTLE) == pytest.approx(3000 - pulse_us, abs=servo_board.tick_us / 2 + 1e-6)


def test_a_measured_oscillator_makes_the_pulses_right(clock: Any) -> None:
    board = EmulatedBoard(clock, oscillator_hz=26.4e6)
    driver = Pca9685Board(LocalI2C(board.wire), oscillator_hz=26.4e6, sleep=clock.sleep)
    driver.start()
    driver.write_pulses(1500.0, 1500.0)
    clock.sleep(0.1)
    assert board.chip.pulse_us(THROTTLE) == pytest.approx(1500.0, abs=2.5)


def test_both_channels_change_in_one_transaction(board: EmulatedBoard, clock: Any) -> None:
    bus = RecordingBus(board.wire)
    driver = Pca9685Board(bus, sleep=clock.sleep)
    driver.start()
    before = bus.transactions
    driver.write_pulses(1600.0, 1550.0)
    clock.sleep(0.1)
    driver.write_pulses(1400.0, 1500.0)
    clock.sleep(0.1)
    assert bus.transactions == before + 2
    assert [len(message) for message in bus.written[-2:]] == [9, 9]  # a register and eight bytes
    changes = board.chip.settled_history()
    assert len(changes) == 4
    assert changes[0].start_s == changes[1].start_s
    assert changes[2].start_s == changes[3].start_s


def test_closing_the_board_stops_every_pulse(board: EmulatedBoard, servo_board: Pca9685Board, clock: Any) -> None:
    servo_board.start()
    board.chip.write(0x40, bytes((0x06 + 4 * 7, 0, 0, 0, 1)))  # a channel that is not ours
    servo_board.write_pulses(1600.0, 1600.0)
    clock.sleep(0.1)
    servo_board.close()
    assert [board.chip.pulse_us(channel) for channel in range(16)] == [None] * 16


def test_restart_is_never_used_and_nothing_twitches_whatever_the_chip_was_doing(clock: Any) -> None:
    rng = random.Random(5)
    for _ in range(60):
        board = EmulatedBoard(clock)
        image = bytearray(rng.randbytes(256))
        image[0x00] &= ~0x40  # an external clock can only be undone by switching off
        board.chip.load(bytes(image))
        clock.sleep(0.2)
        before = len(board.chip.settled_history())
        driver = Pca9685Board(LocalI2C(board.wire), sleep=clock.sleep)
        driver.start()
        clock.sleep(0.2)
        assert all(change.width_us is None for change in board.chip.settled_history()[before:])
        driver.write_pulses(1500.0, 1500.0)
        clock.sleep(0.1)
        driver.check()
        assert board.chip.restarts_used == 0
        assert [board.chip.pulse_us(channel) for channel in range(2, 16)] == [None] * 14


def test_a_chip_on_an_external_clock_is_refused(board: EmulatedBoard, servo_board: Pca9685Board) -> None:
    board.chip.write(0x40, bytes((0x00, 0x50)))
    with pytest.raises(HardwareError, match="off and on"):
        servo_board.start()


def test_after_the_start_only_its_own_address_is_answered(board: EmulatedBoard, servo_board: Pca9685Board) -> None:
    servo_board.start()
    assert not {0x70, 0x71, 0x72, 0x74} & set(LocalI2C(board.wire).scan())


def test_a_board_that_lost_its_registers_is_noticed(
    board: EmulatedBoard, servo_board: Pca9685Board, clock: Any
) -> None:
    servo_board.start()
    servo_board.write_pulses(1500.0, 1500.0)
    servo_board.check()
    board.chip.reset()  # a brown-out
    with pytest.raises(HardwareError, match="battery"):
        servo_board.check()


@pytest.mark.parametrize(
    ("register", "value"),
    [(0x00, 0x30), (0x00, 0x21), (0x01, 0x14), (0xFE, 120), (0x06, 1), (0x08, 0x34), (0x09, 0x11), (0x0D, 0x11)],
)
def test_a_single_register_that_is_not_as_it_was_written_is_noticed(
    board: EmulatedBoard, servo_board: Pca9685Board, register: int, value: int
) -> None:
    servo_board.start()
    servo_board.write_pulses(1500.0, 1500.0)
    servo_board.check()
    board.chip.registers[register] = value
    with pytest.raises(HardwareError, match="battery"):
        servo_board.check()


def test_a_missing_board_says_which_wire_to_check() -> None:
    with pytest.raises(HardwareError, match=r"0x40\. Check its power and the SDA/SCL wires"):
        Pca9685Board(DeadBus()).start()


@pytest.mark.parametrize("answers", range(1, 9))
def test_a_board_that_falls_silent_while_it_starts_says_so_too(board: EmulatedBoard, clock: Any, answers: int) -> None:
    with pytest.raises(HardwareError, match="Check its power and the SDA/SCL wires"):
        Pca9685Board(FallingSilentBus(board.wire, answers), sleep=clock.sleep).start()


def test_the_shortest_and_the_longest_pulse_are_taken(
    board: EmulatedBoard, servo_board: Pca9685Board, clock: Any
) -> None:
    servo_board.start()
    servo_board.write_pulses(700.0, 2300.0)
    clock.sleep(0.1)
    assert board.chip.pulse_us(STEERING) == pytest.approx(700.0, abs=2.5)
    assert board.chip.pulse_us(THROTTLE) == pytest.approx(2300.0, abs=2.5)


@pytest.mark.parametrize(("prescale", "is_taken"), [(2, False), (3, True), (255, True), (256, False)])
def test_a_clock_is_taken_while_the_chip_has_a_prescaler_for_it(prescale: int, is_taken: bool) -> None:
    oscillator_hz = (prescale + 1) * 4096 * 50.0
    if is_taken:
        assert prescale_for(oscillator_hz) == prescale
        assert tick_us_at(oscillator_hz) == pytest.approx(1e6 / (50.0 * 4096))
    else:
        with pytest.raises(HardwareError, match="50 Hz"):
            prescale_for(oscillator_hz)


def test_the_throttle_alone_may_be_silent_and_its_next_pulse_is_whole(
    board: EmulatedBoard, servo_board: Pca9685Board, clock: Any
) -> None:
    servo_board.start()
    servo_board.write_pulses(1600.0, 1550.0)
    clock.sleep(0.1)
    before = board.wire.transactions
    servo_board.write_pulses(1400.0, None)
    assert board.wire.transactions == before + 1
    clock.sleep(0.1)
    servo_board.check()
    assert board.chip.pulse_us(THROTTLE) is None
    assert board.chip.pulse_us(STEERING) == pytest.approx(1400.0, abs=2.5)
    servo_board.write_pulses(1400.0, 1500.0)
    clock.sleep(0.1)
    servo_board.check()
    widths_us = [change.width_us for change in board.chip.settled_history() if change.channel == THROTTLE]
    assert widths_us == [pytest.approx(1550.0, abs=2.5), None, pytest.approx(1500.0, abs=2.5)]


def test_silence_is_read_back_like_any_pulse(board: EmulatedBoard, servo_board: Pca9685Board) -> None:
    servo_board.start()
    servo_board.check()
    servo_board.write_pulses(1500.0, 1500.0)
    servo_board.all_off()
    servo_board.check()
    board.chip.registers[0x09] = 0x01  # the throttle is on again
    with pytest.raises(HardwareError, match="battery"):
        servo_board.check()


def test_what_is_read_back_is_no_more_than_what_is_compared(board: EmulatedBoard, clock: Any) -> None:
    bus = RecordingBus(board.wire)
    driver = Pca9685Board(bus, sleep=clock.sleep)
    driver.start()
    bus.read_lengths.clear()
    driver.check()
    assert bus.read_lengths == [2, 8, 1]


def test_closing_the_board_lets_go_of_its_bus_also_when_it_does_not_hear(board: EmulatedBoard, clock: Any) -> None:
    class ClosedBus(FallingSilentBus):
        closed = False

        def deinit(self) -> None:
            self.closed = True

    for answers in (0, 5):
        bus = ClosedBus(board.wire, answers)
        with contextlib.suppress(OSError):
            Pca9685Board(bus, sleep=clock.sleep).close()
        assert bus.closed


@pytest.mark.parametrize("pulse_us", [0.0, 699.0, 2301.0, float("nan"), float("inf")])
def test_a_pulse_no_servo_takes_is_refused_and_the_old_one_stays(
    board: EmulatedBoard, servo_board: Pca9685Board, clock: Any, pulse_us: float
) -> None:
    servo_board.start()
    servo_board.write_pulses(1500.0, 1500.0)
    clock.sleep(0.1)
    with pytest.raises(HardwareError, match="calibration"):
        servo_board.write_pulses(1500.0, pulse_us)
    clock.sleep(0.1)
    assert board.chip.pulse_us(THROTTLE) == pytest.approx(1500.0, abs=2.5)
