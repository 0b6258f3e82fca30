"""How long a word of a device counts, to the moment: on readings given by hand, at times that are exact."""

from __future__ import annotations

import math
from typing import Any

import pytest

from vehicle.actuator.battery import BatteryLimits
from vehicle.actuator.health import HEALTHY, Health
from vehicle.actuator.health_watch import (
    BATTERY,
    COMPUTER,
    FIRST_WORD_S,
    IMU,
    OLDEST_S,
    STALL_S,
    TOO_HOT_C,
    UPSET_LASTS_S,
    Fitted,
    HealthWatch,
)
from vehicle.actuator.motion import MotionLimits
from vehicle.actuator.slack import Reading

EVERYTHING = Fitted(BatteryLimits(stall_current_a=3.0), MotionLimits(), computer=True)
GOOD: dict[str, dict[str, float]] = {
    BATTERY: {"voltage_v": 7.9, "current_a": 1.0},
    IMU: {"x_mps2": 0.0, "y_mps2": 0.0, "z_mps2": 9.8, "x_dps": 0.0, "y_dps": 0.0, "z_dps": 0.0},
    COMPUTER: {"temperature_c": 50.0, "undervoltage": 0.0, "slowed_by_heat": 0.0},
}


def just_over(moment_s: float) -> float:
    return math.nextafter(moment_s, math.inf)


def just_under(moment_s: float) -> float:
    return math.nextafter(moment_s, -math.inf)


class Devices:
    """What three devices said last."""

    def __init__(self, fitted: Fitted = EVERYTHING) -> None:
        self.readings: dict[str, Reading] = {}
        self.watch = HealthWatch(lambda: self.readings, fitted)

    def say(self, name: str, at_s: float, **changes: float) -> Health:
        """One more reading, and what is made of it at that moment."""
        self.readings[name] = Reading({**GOOD[name], **changes}, at_s)
        return self.watch(at_s)

    def say_all(self, at_s: float) -> Health:
        return [self.say(name, at_s) for name in GOOD][-1]


@pytest.fixture
def devices() -> Devices:
    devices = Devices()
    assert devices.say_all(0.0) == HEALTHY
    return devices


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_word_counts_for_its_time_and_is_missed_just_after(devices: Devices, name: str) -> None:
    end_s = OLDEST_S[name]
    for other in set(GOOD) - {name}:
        devices.say(other, end_s)
    assert devices.watch(end_s) == HEALTHY
    health = devices.watch(just_over(end_s))
    assert health.stale_sensors == ((IMU,) if name == IMU else ())
    assert [name.removeprefix("computer") in note for note in health.notes] == ([] if name == IMU else [True])


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_device_has_its_time_for_a_first_word(name: str) -> None:
    devices = Devices()
    assert devices.watch(5.0) == HEALTHY
    end_s = 5.0 + FIRST_WORD_S
    for other in set(GOOD) - {name}:
        devices.say(other, end_s)
    assert devices.watch(end_s) == HEALTHY
    health = devices.watch(just_over(end_s))
    assert (health.stale_sensors, len(health.notes)) == (((IMU,), 0) if name == IMU else ((), 1))


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_device_that_fails_is_missed_at_once(devices: Devices, name: str) -> None:
    devices.readings[name] = Reading(GOOD[name], 0.0, "it does not answer")
    health = devices.watch(0.0)
    assert (health.stale_sensors, len(health.notes)) == (((IMU,), 0) if name == IMU else ((), 1))


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_device_that_is_not_fitted_is_not_missed(name: str) -> None:
    fitted = {BATTERY: {"battery": None}, IMU: {"imu": None}, COMPUTER: {"computer": False}}[name]
    values: dict[str, Any] = {"battery": EVERYTHING.battery, "imu": EVERYTHING.imu, "computer": True, **fitted}
    devices = Devices(Fitted(**values))
    assert devices.watch(0.0) == HEALTHY
    for other in set(GOOD) - {name}:
        devices.say(other, 9.0)
    assert devices.watch(9.0) == HEALTHY


def test_a_stuck_motor_counts_at_the_end_of_its_two_seconds(devices: Devices) -> None:
    devices.say(BATTERY, 0.5, current_a=3.0)
    devices.say(BATTERY, 1.5, current_a=3.0)
    assert not devices.watch(just_under(0.5 + STALL_S)).stalled
    assert devices.watch(0.5 + STALL_S).stalled
    assert not devices.say(BATTERY, 2.75, current_a=2.9).stalled


def test_a_blow_is_told_for_a_second_after_it(devices: Devices) -> None:
    for step in range(1, 18):
        assert devices.say(IMU, step / 16).upset == ""
    assert "hit something" in devices.say(IMU, 1.125, x_mps2=40.0).upset
    assert devices.say(IMU, 1.25).upset
    assert devices.say(IMU, 1.125 + UPSET_LASTS_S).upset
    assert devices.watch(just_over(1.125 + UPSET_LASTS_S)).upset == ""


def test_one_reading_is_one_however_often_it_is_looked_at(devices: Devices) -> None:
    devices.say(BATTERY, 1.0, voltage_v=6.0)
    for now_s in (1.5, 2.0, 2.5, 3.0):
        assert devices.watch(now_s).battery == HEALTHY.battery  # it did not last: nobody has measured it again
    assert devices.say(BATTERY, 3.5, voltage_v=6.0).battery > HEALTHY.battery


@pytest.mark.parametrize(
    ("values", "overheated", "undervoltage"),
    [
        ({"temperature_c": just_under(TOO_HOT_C)}, False, False),
        ({"temperature_c": TOO_HOT_C}, True, False),
        ({"slowed_by_heat": 1.0}, True, False),
        ({"undervoltage": 1.0}, False, True),
    ],
)
def test_heat_and_supply_are_as_the_computer_says(
    devices: Devices, values: dict[str, float], overheated: bool, undervoltage: bool
) -> None:
    health = devices.say(COMPUTER, 1.0, **values)
    assert (health.overheated, health.undervoltage) == (overheated, undervoltage)


def test_what_is_told_is_what_was_said_and_how_full_the_battery_is(devices: Devices) -> None:
    told = devices.watch.told()
    assert told[IMU] == devices.readings[IMU]
    assert told[BATTERY].values == {**GOOD[BATTERY], "charge_percent": pytest.approx(70.7, abs=0.1)}
    assert Devices().watch.told() == {}


def test_of_a_battery_that_is_not_there_no_charge_is_told(devices: Devices) -> None:
    del devices.readings[BATTERY]
    assert BATTERY not in devices.watch.told()
    devices.say(BATTERY, 1.0, voltage_v=0.0)
    assert devices.watch.told()[BATTERY] == devices.readings[BATTERY]
