"""DeepRacer's IMU on the wire: it is woken as it wants, what it feels comes out in its units, a failure is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from shared.errors import HardwareError
from vehicle.actuator.slack import RETRY_S, SlackReader
from vehicle.emulated.bmi160 import ACC_CONF, CHIP_ID, GYR_RANGE, PMU_STATUS
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.faulty_chip import ChipFault
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.bmi160 import SETTINGS, WAKING_ALLOWED, WAKING_UP, Bmi160
from vehicle.hardware.imu import SAME_ALLOWED

NOISE_MPS2, NOISE_DPS = 0.08, 0.5


class Imu:
    """The driver, read as often as it asks to be."""

    def __init__(self, board: EmulatedBoard, clock: Any) -> None:
        self._driver = Bmi160(LocalI2C(board.wire), address=0x69)
        self._board = board
        self._clock = clock

    def read(self) -> Mapping[str, float]:
        self._clock.sleep(self._driver.every_s)
        return self._driver.read()

    def mode(self) -> int:
        """Which of its sensors are awake, a moment later."""
        self._clock.sleep(1.0)
        answer = bytearray(1)
        LocalI2C(self._board.wire).writeto_then_readfrom(0x69, bytes((PMU_STATUS,)), answer)
        return answer[0]

    def first(self) -> Mapping[str, float]:
        """The first reading that says something."""
        for _ in range(2 * WAKING_ALLOWED):
            if values := self.read():
                return values
        raise AssertionError("it never woke")


@pytest.fixture
def imu(board: EmulatedBoard, clock: Any) -> Imu:
    return Imu(board, clock)


def test_it_is_awake_and_set_up_within_a_fifth_of_a_second(board: EmulatedBoard, imu: Imu, clock: Any) -> None:
    begun_s = clock()
    imu.first()
    assert clock() - begun_s <= 0.2
    assert board.bmi160.registers[ACC_CONF : GYR_RANGE + 1] == SETTINGS


def test_acceleration_rotation_and_warmth_are_in_their_units(board: EmulatedBoard, imu: Imu) -> None:
    board.bmi160.acceleration_mps2, board.bmi160.rotation_dps = (3.0, -20.0, 9.8), (-200.0, 12.0, 90.0)
    board.bmi160.temperature_c = 31.0
    values = imu.first()
    assert [values[f"{axis}_mps2"] for axis in "xyz"] == pytest.approx([3.0, -20.0, 9.8], abs=NOISE_MPS2)
    assert [values[f"{axis}_dps"] for axis in "xyz"] == pytest.approx([-200.0, 12.0, 90.0], abs=NOISE_DPS)
    assert values["temperature_c"] == pytest.approx(31.0, abs=0.2)


def test_a_blow_of_more_than_the_range_is_the_largest_there_is(board: EmulatedBoard, imu: Imu) -> None:
    imu.first()
    board.bmi160.acceleration_mps2 = (-500.0, 0.0, 9.8)
    assert imu.read()["x_mps2"] == pytest.approx(-8 * 9.80665)


def test_a_chip_that_was_reset_says_so_once_and_is_woken_again(board: EmulatedBoard, imu: Imu) -> None:
    imu.first()
    board.bmi160.reset()
    with pytest.raises(HardwareError, match="reset"):
        imu.read()
    assert imu.first()["z_mps2"] == pytest.approx(9.8, abs=NOISE_MPS2)


def test_a_gyroscope_that_never_wakes_is_not_waited_for_for_ever(board: EmulatedBoard, clock: Any) -> None:
    imu = Bmi160(LocalI2C(board.wire), address=0x69)
    for _ in range(len(WAKING_UP) + WAKING_ALLOWED):
        clock.sleep(0.005)  # so fast that the 80 ms which it takes never pass
        assert imu.read() == {}
    with pytest.raises(HardwareError):
        imu.read()


def test_another_chip_at_its_address_is_not_taken_for_it(board: EmulatedBoard, imu: Imu) -> None:
    board.bmi160.registers[CHIP_ID] = 0x68  # an MPU-6050, which has other registers
    with pytest.raises(HardwareError, match=r"0x68.*devices\.imu\.chip"):
        imu.read()
    assert imu.mode() == 0  # it sleeps on


@pytest.mark.parametrize("fault", sorted(set(ChipFault) - {ChipFault.NONE}))
def test_no_fault_of_the_chip_passes_for_a_car_that_stands(board: EmulatedBoard, imu: Imu, fault: ChipFault) -> None:
    imu.first()
    imu.read()
    board.chips["bmi160"].fault = fault
    errors = 0
    for _ in range(2 * SAME_ALLOWED):
        try:
            imu.read()
        except OSError:
            errors += 1
    assert errors >= (1 if fault is ChipFault.STUCK else 2 * SAME_ALLOWED)


def test_after_two_errors_a_car_that_drives_asks_it_no_more(board: EmulatedBoard, clock: Any) -> None:
    slack = SlackReader([Bmi160(LocalI2C(board.wire), address=0x69)])

    def run(duration_s: float, *, stands: bool = False) -> int:
        """How many times it was asked."""
        before = board.wire.transactions
        for _ in range(round(duration_s / 0.02)):
            clock.sleep(0.02)
            slack.read_one(clock(), 0.02, may_retry=stands)
        return board.wire.transactions - before

    run(1.0)
    assert slack.readings["imu"].values["z_mps2"] == pytest.approx(9.8, abs=NOISE_MPS2)
    board.chips["bmi160"].fault = ChipFault.ABSENT
    assert run(5.0) == 2
    assert "check its wires" in slack.readings["imu"].problem
    board.chips["bmi160"].fault = ChipFault.NONE
    assert run(5.0) == 0
    assert run(RETRY_S + 0.5, stands=True) > 0
    assert slack.readings["imu"].problem == ""
