"""How fast the car turns, from the chip on the wire to the actuator's status, however the chip is mounted."""

from __future__ import annotations

import math
from typing import Any

import pytest

from shared.actions import Action
from tests.vehicle.actuator.rig import Car
from vehicle.actuator.core import TURN_S
from vehicle.actuator.health import HEALTHY
from vehicle.actuator.health_watch import IMU
from vehicle.actuator.slack import Reading, SlackReader
from vehicle.actuator.yaw_rate import OLDEST_S, STILL_DPS, STILL_MPS2, STILL_S, YawRate, YawState, yaw_after
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.faulty_chip import ChipFault
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.mpu6050 import Mpu6050

G = 9.80665
EVERY_S = 0.02
NEAR_RPS = 0.02  # a degree a second
Vector = tuple[float, float, float]


class TurningCar(Car):
    """A car with an IMU, read between its turns as the server does."""

    def __init__(self, board: EmulatedBoard, clock: Any) -> None:
        self.slack = SlackReader([Mpu6050(LocalI2C(board.wire))])
        yaw_rate = YawRate(lambda: self.slack.readings.get(IMU))
        super().__init__(board, clock, yaw_rate=yaw_rate, health=self._read)

    def _read(self, now_s: float) -> Any:
        self.slack.read_one(now_s, TURN_S)
        return HEALTHY


@pytest.fixture
def car(board: EmulatedBoard, clock: Any) -> TurningCar:
    car = TurningCar(board, clock)
    board.imu.rotation_dps = (1.5, -2.0, 4.0)  # what its gyroscope says of no turn at all
    car.core.start(clock())
    return car


def test_a_turn_to_the_left_is_positive_and_the_bias_of_the_gyroscope_is_none(
    car: TurningCar, board: EmulatedBoard
) -> None:
    car.arm()
    assert car.drive(Action(0.0, 1.0), 0.2).yaw_rate_rps == pytest.approx(0.0, abs=NEAR_RPS)
    board.imu.rotation_dps = (1.5, -2.0, 94.0)
    assert car.drive(Action(20.0, 1.0), 0.2).yaw_rate_rps == pytest.approx(math.pi / 2, abs=NEAR_RPS)
    board.imu.rotation_dps = (1.5, -2.0, -41.0)
    assert car.drive(Action(-20.0, 1.0), 0.2).yaw_rate_rps == pytest.approx(-math.pi / 4, abs=NEAR_RPS)


@pytest.mark.parametrize(
    ("acceleration", "rotation_dps"),
    [((0.0, -G, 0.0), (1.5, -2.0 - 90.0, 4.0)), ((G, 0.0, 0.0), (1.5 + 90.0, -2.0, 4.0))],
    ids=["y axis down", "x axis up"],
)
def test_a_chip_on_its_side_says_the_same(
    car: TurningCar, board: EmulatedBoard, acceleration: Vector, rotation_dps: Vector
) -> None:
    board.imu.acceleration_mps2 = acceleration
    car.arm()
    board.imu.rotation_dps = rotation_dps
    assert car.drive(Action(20.0, 1.0), 0.2).yaw_rate_rps == pytest.approx(math.pi / 2, abs=NEAR_RPS)


def test_a_car_that_drives_in_a_steady_bend_does_not_take_it_for_straight_ahead(
    car: TurningCar, board: EmulatedBoard
) -> None:
    car.arm()
    board.imu.rotation_dps = (1.5, -2.0, 24.0)
    assert car.drive(Action(5.0, 0.5), 3.0).yaw_rate_rps == pytest.approx(math.radians(20.0), abs=NEAR_RPS)


def test_a_chip_that_fails_says_nothing_of_the_turn(car: TurningCar, board: EmulatedBoard) -> None:
    car.arm()
    assert car.drive(Action(0.0, 1.0), 0.1).yaw_rate_rps is not None
    board.chips["imu"].fault = ChipFault.ABSENT
    assert car.drive(Action(0.0, 1.0), OLDEST_S + 0.06).yaw_rate_rps is None


def test_a_car_without_an_imu_says_nothing_of_the_turn(board: EmulatedBoard, clock: Any) -> None:
    assert YawRate(lambda: None)(1.0, stands=True) is None
    car = Car(board, clock)
    car.core.start(clock())
    assert car.run(1.0).yaw_rate_rps is None


@pytest.mark.parametrize(("age_s", "is_told"), [(OLDEST_S - 0.001, True), (OLDEST_S + 0.001, False)])
def test_a_reading_tells_how_the_car_turns_now_or_nothing(age_s: float, is_told: bool) -> None:
    values = {"x_mps2": 0.0, "y_mps2": 0.0, "z_mps2": G, "x_dps": 0.0, "y_dps": 0.0, "z_dps": 0.0}
    readings: list[Reading] = []
    yaw_rate = YawRate(lambda: readings[-1])
    for number in range(40):
        readings.append(Reading(values, number * EVERY_S))
        yaw_rate(number * EVERY_S, stands=True)
    assert (yaw_rate(readings[-1].at_s + age_s, stands=False) is not None) == is_told


def test_what_happened_while_nothing_was_heard_is_not_standing() -> None:
    values = {"x_mps2": 0.0, "y_mps2": 0.0, "z_mps2": G, "x_dps": 0.0, "y_dps": 0.0, "z_dps": 0.0}
    readings = [Reading(values, 100.0)]
    yaw_rate = YawRate(lambda: readings[-1])
    yaw_rate(100.0, stands=True)
    yaw_rate(100.0 + STILL_S, stands=True)  # nothing new for too long
    readings.append(Reading(values, 100.0 + STILL_S))
    assert yaw_rate(100.0 + STILL_S, stands=True) is None


def stood(*readings: tuple[Vector, Vector], every_s: float = EVERY_S) -> YawState:
    state = YawState()
    for number, (acceleration, rotation) in enumerate(readings):
        state = yaw_after(state, acceleration, rotation, 100.0 + number * every_s, stands=True)
    return state


def test_it_is_known_after_half_a_second_of_standing() -> None:
    enough = round(STILL_S / EVERY_S) + 1
    still: list[tuple[Vector, Vector]] = [((0.0, 0.0, G), (0.0, 0.0, 1.0))] * enough
    assert stood(*still[:-1]).rate_rps is None
    assert stood(*still).rate_rps == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("acceleration", "rotation", "is_still"),
    [
        ((STILL_MPS2, 0.0, G), (0.0, 0.0, 0.0), True),
        ((STILL_MPS2 + 0.01, 0.0, G), (0.0, 0.0, 0.0), False),
        ((0.0, 0.0, G), (0.0, 0.0, STILL_DPS), True),
        ((0.0, 0.0, G), (0.0, 0.0, STILL_DPS + 0.01), False),
    ],
)
def test_a_car_that_somebody_moves_does_not_stand(acceleration: Vector, rotation: Vector, is_still: bool) -> None:
    quiet: tuple[Vector, Vector] = ((0.0, 0.0, G), (0.0, 0.0, 0.0))
    state = stood(*[quiet, (acceleration, rotation)] * round(0.55 / EVERY_S))
    assert (state.rate_rps is not None) == is_still


class StandingCar:
    """A car that stands, whose IMU is looked at by hand."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self._yaw_rate = YawRate(lambda: self.readings[-1])

    def say(self, at_s: float, z_dps: float = 0.0) -> float | None:
        values = {"x_mps2": 0.0, "y_mps2": 0.0, "z_mps2": G, "x_dps": 0.0, "y_dps": 0.0, "z_dps": z_dps}
        self.readings.append(Reading(values, at_s))
        return self.look(at_s)

    def look(self, now_s: float) -> float | None:
        return self._yaw_rate(now_s, stands=True)


def test_a_reading_tells_to_the_very_end_of_its_time() -> None:
    car = StandingCar()
    for step in range(-32, 1):
        car.say(step / 32)
    assert car.look(OLDEST_S) is not None
    assert car.look(math.nextafter(OLDEST_S, 1.0)) is None


def test_a_gap_begins_the_standing_anew() -> None:
    car = StandingCar()
    for step in range(13):
        assert car.say(step / 32) is None
    assert car.look(12 / 32 + 0.25) is None
    assert car.say(0.75) is None  # nobody knows what was in between


def test_a_reading_that_is_looked_at_twice_counts_once() -> None:
    car = StandingCar()
    car.say(0.0, z_dps=1.7)
    for _ in range(50):
        car.look(0.0)
    for step in range(1, 17):
        car.say(step / 32, z_dps=0.0)
    mean_dps = 1.7 / 17
    assert car.say(17 / 32, z_dps=mean_dps) == pytest.approx(0.0, abs=1e-9)


def test_a_chip_that_feels_no_gravity_does_not_know_where_up_is() -> None:
    nothing: Vector = (0.0, 0.0, 0.0)
    assert stood(*[(nothing, nothing)] * 40).rate_rps is None


@pytest.mark.parametrize("axis", range(3))
def test_any_axis_of_the_chip_may_look_up(axis: int) -> None:
    bias = [1.0, -1.5, 2.0]
    acceleration = tuple(G if each == axis else 0.0 for each in range(3))
    state = stood(*[(acceleration, tuple(bias))] * 40)  # type: ignore[list-item]
    bias[axis] += 90.0
    turned = yaw_after(state, acceleration, tuple(bias), 2.0, stands=False)  # type: ignore[arg-type]
    assert turned.rate_rps == pytest.approx(math.pi / 2)
