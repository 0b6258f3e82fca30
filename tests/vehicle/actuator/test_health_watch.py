"""From the chips on the wire to the end of the drive: battery, IMU and computer reach the core in time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.actions import Action
from tests.vehicle.actuator.rig import NEUTRAL_US, Car
from vehicle.actuator.battery import BatteryLimits
from vehicle.actuator.core import TURN_S
from vehicle.actuator.health_watch import BATTERY, COMPUTER, FIRST_WORD_S, IMU, OLDEST_S, Fitted, HealthWatch
from vehicle.actuator.mode import Mode
from vehicle.actuator.motion import MotionLimits
from vehicle.actuator.slack import SlackReader
from vehicle.actuator.state import Phase
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.faulty_chip import ChipFault
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.bmi160 import Bmi160
from vehicle.hardware.ina219 import Ina219Battery
from vehicle.hardware.mpu6050 import Mpu6050
from vehicle.hardware.pi_health import PiHealth

FORWARD = Action(0.0, 1.0)
EVERYTHING = Fitted(BatteryLimits(stall_current_a=3.0), MotionLimits(), computer=True)
FLAGS = "sys/devices/platform/soc/soc:firmware/get_throttled"


class WatchedCar(Car):
    """A car with gauge, IMU and computer, read between its turns as the server does."""

    def __init__(
        self, board: EmulatedBoard, clock: Any, computer: Path, fitted: Fitted = EVERYTHING, imu: str = "imu"
    ) -> None:
        """imu: its name on the board."""
        bus = LocalI2C(board.wire)
        driver = Bmi160(bus, address=0x69) if imu == "bmi160" else Mpu6050(bus)
        self.slack = SlackReader([Ina219Battery(bus), driver, PiHealth(computer)])
        self.watch = HealthWatch(lambda: self.slack.readings, fitted)
        self.computer = computer
        super().__init__(board, clock, health=self.heard)

    def heard(self, now_s: float) -> Any:
        self.slack.read_one(now_s, TURN_S, may_retry=self.core.state.phase is not Phase.ARMED)
        return self.watch(now_s)

    def say(self, flags: int) -> None:
        path = self.computer / FLAGS
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{flags:x}")


@pytest.fixture
def imu() -> str:
    """Which one the car has, by its name on the board; tests that depend on it have a parameter of this name."""
    return "imu"


@pytest.fixture
def car(board: EmulatedBoard, clock: Any, tmp_path: Path, imu: str) -> WatchedCar:
    car = WatchedCar(board, clock, tmp_path, imu=imu)
    car.say(0)
    car.core.start(clock())
    car.run(1.0)
    car.arm()
    return car


def test_a_car_that_is_well_drives_at_full_speed_and_says_nothing(car: WatchedCar) -> None:
    status = car.drive(FORWARD, 5.0)
    assert (status.phase, status.applied.speed_mps, status.warnings) == (Phase.ARMED, 1.0, ())


def test_a_battery_is_told_in_volts_and_percent(car: WatchedCar) -> None:
    values = car.watch.told()[BATTERY].values
    assert values["voltage_v"] == pytest.approx(7.9, abs=0.004)
    assert 65 < values["charge_percent"] < 75
    assert car.watch.told()[COMPUTER].values["undervoltage"] == 0.0


def test_a_battery_that_gets_low_warns_then_slows_then_stops_each_within_two_seconds(
    car: WatchedCar, board: EmulatedBoard
) -> None:
    board.set_battery_v(7.15)
    status = car.drive(FORWARD, 2.0)
    assert (status.applied.speed_mps, status.warnings) == (1.0, ("the battery is low; charge it soon",))
    board.set_battery_v(6.9)
    status = car.drive(FORWARD, 2.0)
    assert (status.phase, status.applied.speed_mps) == (Phase.ARMED, 0.5)
    board.set_battery_v(6.4)
    status = car.drive(FORWARD, 2.0)
    assert status.phase is not Phase.ARMED
    assert "empty" in status.reason
    car.run(2.0)
    assert "empty" in car.arming_problem()
    board.set_battery_v(8.2)
    car.run(2.0)
    assert car.arming_problem() == ""


@pytest.mark.parametrize("fault", sorted(set(ChipFault) - {ChipFault.NONE}))
def test_a_gauge_that_fails_is_told_as_unknown_and_the_car_drives_on(
    car: WatchedCar, board: EmulatedBoard, fault: ChipFault
) -> None:
    board.chips["ina219"].fault = fault
    status = car.drive(FORWARD, OLDEST_S[BATTERY] + 1.0)
    assert (status.phase, status.applied.speed_mps) == (Phase.ARMED, 1.0)
    assert "unknown" in status.warnings[0]
    assert len(status.warnings) == 1


def test_a_gauge_that_was_never_there_is_unknown_after_a_moment(
    board: EmulatedBoard, clock: Any, tmp_path: Path
) -> None:
    board.chips["ina219"].fault = ChipFault.ABSENT
    car = WatchedCar(board, clock, tmp_path)
    car.core.start(clock())
    status = car.run(FIRST_WORD_S + 0.1)
    assert "unknown" in status.warnings[0]


def test_a_stuck_motor_stops_the_car_after_two_seconds(car: WatchedCar, board: EmulatedBoard) -> None:
    board.ina219.current_a = 3.1
    assert car.drive(FORWARD, 1.5).phase is Phase.ARMED
    status = car.drive(FORWARD, 1.5)
    assert status.phase is not Phase.ARMED
    assert "stuck" in status.reason


@pytest.mark.parametrize("imu", ["imu", "bmi160"])
@pytest.mark.parametrize(
    ("acceleration", "word", "within_s"),
    [
        ((-40.0, 0.0, 9.8), "hit something", 0.1),
        ((0.0, 0.0, 14.0), "picked up", 0.5),
        ((0.0, 8.0, 5.66), "tilted", 0.5),
        ((0.0, 0.0, 0.2), "fell", 0.5),
    ],
)
def test_what_happens_to_the_car_stops_it_for_good(
    car: WatchedCar,
    board: EmulatedBoard,
    imu: str,
    acceleration: tuple[float, float, float],
    word: str,
    within_s: float,
) -> None:
    chip = getattr(board, imu)
    car.drive(FORWARD, 1.0)
    chip.acceleration_mps2 = acceleration
    status = car.drive(FORWARD, within_s)
    assert status.phase is not Phase.ARMED
    assert word in status.reason
    chip.acceleration_mps2 = (0.0, 0.0, 9.8)
    status = car.drive(FORWARD, 3.0)
    assert status.phase is Phase.READY
    assert word in status.reason
    assert status.throttle_us == pytest.approx(1500.0)
    assert car.arming_problem() == ""


def test_a_car_that_lies_tilted_is_not_armed(car: WatchedCar, board: EmulatedBoard) -> None:
    board.imu.acceleration_mps2 = (0.0, 8.0, 5.66)
    car.drive(FORWARD, 0.5)
    board.imu.rotation_dps = (0.0, 0.0, 90.0)  # in a hand that never holds still
    car.run(3.0)
    assert "tilted" in car.arming_problem()


def test_a_car_that_is_calibrated_may_be_in_a_hand(board: EmulatedBoard, clock: Any, tmp_path: Path) -> None:
    car = WatchedCar(board, clock, tmp_path)
    car.core.start(clock())
    car.run(1.3)
    board.imu.acceleration_mps2 = (0.0, 0.0, 14.0)
    assert car.core.arm(Mode.CALIBRATION, 1.0, clock()) is None
    car.run(0.4)
    assert car.core.state.phase is Phase.ARMED


@pytest.mark.parametrize("imu", ["imu", "bmi160"])
def test_an_imu_that_falls_silent_costs_half_the_speed(car: WatchedCar, board: EmulatedBoard, imu: str) -> None:
    board.chips[imu].fault = ChipFault.ABSENT
    status = car.drive(FORWARD, OLDEST_S[IMU] + 0.1)
    assert (status.phase, status.applied.speed_mps) == (Phase.ARMED, 0.5)
    assert "imu" in status.warnings[0]
    board.chips[imu].fault = ChipFault.NONE
    assert car.drive(FORWARD, 3.0).applied.speed_mps == 0.5  # nobody asks it while the car drives
    car.core.stop("to look at it", car.clock())
    car.run(4.0)
    assert car.run(0.1).warnings == ()


def test_the_supply_and_the_heat_reach_the_core_within_a_second(car: WatchedCar) -> None:
    for flags, word in ((0x1, "supply"), (0x4, "hot")):
        car.say(flags)
        status = car.drive(FORWARD, 1.0)
        assert status.applied.speed_mps == 0.5
        assert car.throttle_us() == pytest.approx(NEUTRAL_US + 50.0, abs=3.0)  # at the chip's pin
        assert word in status.warnings[0]
    car.say(0)
    assert car.drive(FORWARD, 1.0).applied.speed_mps == 1.0
    car.say(1)
    status = car.drive(FORWARD, 1.0)
    assert "dipped twice" in status.reason


def test_a_hot_processor_counts_without_the_firmwares_word(car: WatchedCar) -> None:
    (car.computer / FLAGS).unlink()
    zone = car.computer / "sys/class/thermal/thermal_zone0/temp"
    zone.parent.mkdir(parents=True)
    zone.write_text("84900")
    assert car.drive(FORWARD, 1.0).warnings == ()
    zone.write_text("85000")
    assert "hot" in car.drive(FORWARD, 1.0).warnings[0]


def test_what_is_not_fitted_is_not_missed(board: EmulatedBoard, clock: Any, tmp_path: Path) -> None:
    for chip in ("imu", "ina219"):
        board.chips[chip].fault = ChipFault.ABSENT
    car = WatchedCar(board, clock, tmp_path, Fitted())
    car.core.start(clock())
    car.arm()
    board.imu.acceleration_mps2 = (-70.0, 0.0, 9.8)
    status = car.drive(FORWARD, 5.0)
    assert (status.phase, status.applied.speed_mps, status.warnings) == (Phase.ARMED, 1.0, ())
