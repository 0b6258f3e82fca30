"""The IMU on the wire: what the chip feels comes out in its units, and a chip that fails says so."""

from __future__ import annotations

import pytest

from shared.errors import HardwareError
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.faulty_chip import ChipFault
from vehicle.emulated.i2c import LocalI2C
from vehicle.emulated.mpu6050 import POWER, WHO_AM_I
from vehicle.hardware.imu import SAME_ALLOWED
from vehicle.hardware.mpu6050 import ACCELERATION_FILTER, FILTER_21_HZ, Mpu6050

NOISE_MPS2, NOISE_DPS = 0.08, 0.5


@pytest.fixture
def imu(board: EmulatedBoard) -> Mpu6050:
    return Mpu6050(LocalI2C(board.wire))


def test_acceleration_rotation_and_warmth_are_in_their_units(board: EmulatedBoard, imu: Mpu6050) -> None:
    board.imu.acceleration_mps2, board.imu.rotation_dps = (3.0, -20.0, 9.8), (-200.0, 12.0, 90.0)
    board.imu.temperature_c = 31.0
    assert imu.read() == {}
    values = imu.read()
    assert [values[f"{axis}_mps2"] for axis in "xyz"] == pytest.approx([3.0, -20.0, 9.8], abs=NOISE_MPS2)
    assert [values[f"{axis}_dps"] for axis in "xyz"] == pytest.approx([-200.0, 12.0, 90.0], abs=NOISE_DPS)
    assert values["temperature_c"] == pytest.approx(31.0, abs=0.2)


def test_a_blow_of_more_than_the_range_is_the_largest_there_is(board: EmulatedBoard, imu: Mpu6050) -> None:
    imu.read()
    board.imu.acceleration_mps2 = (-500.0, 0.0, 9.8)
    assert imu.read()["x_mps2"] == pytest.approx(-8 * 9.80665)


def test_a_chip_that_was_reset_says_so_once_and_is_set_up_again(board: EmulatedBoard, imu: Mpu6050) -> None:
    imu.read()
    imu.read()
    board.imu.reset()
    with pytest.raises(HardwareError, match="reset"):
        imu.read()
    assert imu.read() == {}
    assert imu.read()["z_mps2"] == pytest.approx(9.8, abs=NOISE_MPS2)


def test_another_chip_at_its_address_is_not_taken_for_an_imu(board: EmulatedBoard, imu: Mpu6050) -> None:
    board.imu.registers[WHO_AM_I] = 0xD1  # a BMI160, which has other registers
    with pytest.raises(HardwareError, match=r"0xd1.*devices\.imu\.address"):
        imu.read()
    assert board.imu.registers[POWER] == 0x40  # untouched


def test_its_younger_kin_gets_the_filter_that_it_has_besides(board: EmulatedBoard, imu: Mpu6050) -> None:
    imu.read()
    assert board.imu.registers[ACCELERATION_FILTER] == 0
    board.imu.registers[WHO_AM_I] = 0x70
    Mpu6050(LocalI2C(board.wire)).read()
    assert board.imu.registers[ACCELERATION_FILTER] == FILTER_21_HZ


@pytest.mark.parametrize("fault", sorted(set(ChipFault) - {ChipFault.NONE}))
def test_no_fault_of_the_chip_passes_for_a_car_that_stands(
    board: EmulatedBoard, imu: Mpu6050, fault: ChipFault
) -> None:
    imu.read()
    imu.read()
    board.chips["imu"].fault = fault
    errors = 0
    for _ in range(2 * SAME_ALLOWED):
        try:
            imu.read()
        except OSError:
            errors += 1
    assert errors >= (1 if fault is ChipFault.STUCK else 2 * SAME_ALLOWED)
