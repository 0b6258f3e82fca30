"""What is not well costs half the speed, and some of it ends the drive."""

from __future__ import annotations

import pytest

from vehicle.actuator.battery import BatteryLevel
from vehicle.actuator.health import DIP_WINDOW_S, HEALTHY, Health, Verdict, judged

LOW = Health(undervoltage=True)


def test_a_healthy_car_keeps_all_of_its_speed() -> None:
    assert judged(Verdict(), HEALTHY, 5.0) == Verdict()


@pytest.mark.parametrize(
    ("health", "word"),
    [
        (LOW, "supply"),
        (Health(overheated=True), "hot"),
        (Health(stale_sensors=("imu", "battery")), "imu, battery"),
        (Health(battery=BatteryLevel.VERY_LOW), "almost empty"),
    ],
)
def test_each_trouble_halves_the_speed_and_is_told(health: Health, word: str) -> None:
    verdict = judged(Verdict(), health, 5.0)
    assert verdict.speed_fraction == 0.5
    assert [word in warning for warning in verdict.warnings] == [True]
    assert (verdict.stop, verdict.upset) == (None, None)


def test_all_troubles_together_are_all_told_and_halve_the_speed_once() -> None:
    verdict = judged(Verdict(), Health(True, True, ("imu",), BatteryLevel.VERY_LOW), 5.0)
    assert verdict.speed_fraction == 0.5
    assert len(verdict.warnings) == 4


def test_a_low_battery_and_a_note_are_told_and_cost_nothing() -> None:
    verdict = judged(Verdict(), Health(battery=BatteryLevel.LOW, notes=("the battery is unknown",)), 5.0)
    assert verdict == Verdict(warnings=("the battery is low; charge it soon", "the battery is unknown"))


@pytest.mark.parametrize(
    ("health", "word"), [(Health(battery=BatteryLevel.EMPTY), "empty"), (Health(stalled=True), "stuck")]
)
def test_an_empty_battery_and_a_stuck_motor_end_the_drive(health: Health, word: str) -> None:
    assert word in (judged(Verdict(), health, 5.0).stop or "")


def test_what_happened_to_the_car_is_kept_apart_from_what_is_wrong_with_it() -> None:
    verdict = judged(Verdict(), Health(upset="the car was picked up"), 5.0)
    assert (verdict.stop, verdict.upset) == (None, "the car was picked up")


def test_a_dip_that_lasts_is_one_dip() -> None:
    verdict = judged(Verdict(), LOW, 5.0)
    for moment_s in (5.1, 8.0, 30.0):
        verdict = judged(verdict, LOW, moment_s)
        assert verdict.stop is None
    assert verdict.dip_at_s == 5.0


@pytest.mark.parametrize(("pause_s", "stops"), [(DIP_WINDOW_S - 0.01, True), (DIP_WINDOW_S, True), (10.01, False)])
def test_a_second_dip_within_ten_seconds_ends_the_drive(pause_s: float, stops: bool) -> None:
    verdict = judged(judged(Verdict(), LOW, 5.0), HEALTHY, 6.0)
    assert (verdict.speed_fraction, verdict.dip_at_s, verdict.dipping) == (1.0, 5.0, False)
    verdict = judged(verdict, LOW, 5.0 + pause_s)
    assert (verdict.stop is not None) is stops
    assert verdict.dip_at_s == 5.0 + pause_s
