"""What is not well costs half the speed, and a supply that dips again ends the drive."""

from __future__ import annotations

import pytest

from vehicle.actuator.health import DIP_WINDOW_S, HEALTHY, Health, Verdict, judged

LOW = Health(undervoltage=True)


def test_a_healthy_car_keeps_all_of_its_speed() -> None:
    assert judged(Verdict(), HEALTHY, 5.0) == Verdict()


@pytest.mark.parametrize(
    ("health", "word"),
    [(LOW, "supply"), (Health(overheated=True), "hot"), (Health(stale_sensors=("imu", "battery")), "imu, battery")],
)
def test_each_trouble_halves_the_speed_and_is_told(health: Health, word: str) -> None:
    verdict = judged(Verdict(), health, 5.0)
    assert verdict.speed_fraction == 0.5
    assert word in verdict.warning
    assert verdict.stop is None


def test_all_troubles_together_are_all_told_and_halve_the_speed_once() -> None:
    verdict = judged(Verdict(), Health(True, True, ("imu",)), 5.0)
    assert verdict.speed_fraction == 0.5
    assert verdict.warning.count(";") == 2


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
