"""Half a lap in the world with an IMU and a battery gauge on the bus: what they feel of a drive is no accident."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vehicle.actuator.battery import BatteryLimits
from vehicle.actuator.health import Health
from vehicle.actuator.health_watch import Fitted, HealthWatch
from vehicle.actuator.motion import MotionLimits
from vehicle.actuator.slack import NEEDED_S, SlackReader
from vehicle.actuator.state import Phase
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.ina219 import Ina219Battery
from vehicle.hardware.mpu6050 import Mpu6050


def watched(board: EmulatedBoard) -> Callable[[float], Health]:
    """Both devices, read once a turn as the actuator does."""
    bus = LocalI2C(board.wire)
    slack = SlackReader([Ina219Battery(bus), Mpu6050(bus)])
    watch = HealthWatch(lambda: slack.readings, Fitted(BatteryLimits(), MotionLimits()))

    def health(now_s: float) -> Health:
        slack.read_one(now_s, NEEDED_S)
        return watch(now_s)

    return health


def test_half_a_lap_is_driven_without_a_false_alarm(virtual_car: Callable[..., Any]) -> None:
    car = virtual_car(watch=watched)
    car.arm()
    status = car.run(12.0)
    assert (status.phase, status.warnings) == (Phase.ARMED, ())
    assert car.pose.progress_percent > 35.0


def test_a_blow_and_a_hand_end_the_lap_for_good(virtual_car: Callable[..., Any]) -> None:
    for acceleration, word in (((-45.0, 0.0, 9.8), "hit something"), ((0.0, 0.0, 15.0), "picked up")):
        car = virtual_car(watch=watched)
        car.arm()
        car.run(2.0)
        car.world_runs = False
        car.board.imu.acceleration_mps2 = acceleration
        status = car.run(0.4)
        assert status.phase is not Phase.ARMED
        assert word in status.reason
