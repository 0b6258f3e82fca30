"""A calibration profile holds only what a car could be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from calibration.profile import (
    CalibrationProfile,
    SpeedPoint,
    SteeringCalibration,
    SteeringPoint,
    ThrottleCalibration,
)


def steering_points(*points: tuple[float, float]) -> tuple[SteeringPoint, ...]:
    return tuple(SteeringPoint(pulse_us=pulse_us, angle_deg=angle_deg) for pulse_us, angle_deg in points)


def speed_points(*points: tuple[float, float]) -> tuple[SpeedPoint, ...]:
    return tuple(SpeedPoint(pulse_us=pulse_us, speed_mps=speed_mps) for pulse_us, speed_mps in points)


def test_the_default_is_not_confirmed() -> None:
    assert not CalibrationProfile().confirmed_on_board
    assert not CalibrationProfile().is_confirmed_for("")


def test_a_profile_counts_only_for_the_board_it_was_confirmed_on() -> None:
    profile = CalibrationProfile(board_id="a1", confirmed_on_board=True)
    assert profile.is_confirmed_for("a1")
    assert not profile.is_confirmed_for("a2")
    assert not profile.changed(confirmed_on_board=False).is_confirmed_for("a1")
    with pytest.raises(ValidationError, match="must name its board_id"):
        CalibrationProfile(confirmed_on_board=True)


@pytest.mark.parametrize(("left_us", "right_us", "polarity"), [(1700.0, 1200.0, 1), (1200.0, 1700.0, -1)])
def test_the_polarity_follows_from_left_and_right(left_us: float, right_us: float, polarity: int) -> None:
    assert SteeringCalibration(left_us=left_us, right_us=right_us).polarity == polarity


def test_the_polarity_of_the_throttle_follows_from_forward_and_reverse() -> None:
    assert ThrottleCalibration().polarity == -1  # DeepRacer's motor runs forward on short pulses
    assert ThrottleCalibration(reverse_us=1300.0, forward_us=1600.0).polarity == 1


@pytest.mark.parametrize(
    "values",
    [
        {"left_us": 899.9},
        {"left_us": 2100.1},
        {"right_us": 899.9},
        {"centre_us": 1700.0},
        {"centre_us": 1200.0},
        {"centre_us": 1681.0},
        {"centre_us": 1219.0},
        {"left_us": 1200.0, "right_us": 1200.0},
        {"left_us": 1400.0, "right_us": 1300.0},
        {"trim_us": 100.1},
        {"centre_us": 1650.0, "trim_us": 50.0},
        {"left_us": float("nan")},
        {"max_angle_deg": 0.0},
        {"points": steering_points((1450.0, 0.0))},
        {"points": steering_points((1200.0, 30.0), (1700.0, -30.0))},
        {"points": steering_points((1200.0, -30.0), (1200.0, 30.0))},
        {"points": steering_points((1199.0, -30.0), (1700.0, 30.0))},
        {"points": steering_points((1200.0, -30.0), (1701.0, 30.0))},
        {"points": steering_points((1200.0, -30.0), (1500.0, 5.0), (1450.0, 10.0))},
        {"points": steering_points((1200.0, -30.0), (1400.0, 5.0), (1450.0, 5.0))},
    ],
)
def test_steering_that_contradicts_itself_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SteeringCalibration(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"reverse_us": 2101.0},
        {"forward_us": 899.0},
        {"neutral_us": 1311.0},
        {"neutral_us": 1700.0},
        {"trim_us": -100.0, "neutral_us": 1420.0},
        {"dead_band_us": 135.0},  # the forward range is 135 us
        {"dead_band_us": -1.0},
        {"reverse_dead_band_us": 158.0},  # the reverse range is 157.5 us
        {"arming_s": 0.9},
        {"reverse": "sideways"},
        {"stops_without_pulses_s": -0.1},
        {"stops_without_pulses_s": 60.1},
        {"stops_without_pulses_s": float("nan")},
        {"stops_without_pulses_s": float("inf")},
        {"stops_without_pulses_s": "never"},
        {"points": speed_points((1440.0, 0.0))},
        {"points": speed_points((1320.0, 0.0), (1400.0, 1.0))},
        {"points": speed_points((1440.0, 1.0), (1320.0, 1.0))},
        {"points": speed_points((1460.0, 0.0), (1320.0, 1.0))},
        {"points": speed_points((1440.0, 0.0), (1310.0, 1.0))},
    ],
)
def test_throttle_that_contradicts_itself_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ThrottleCalibration(**values)


def test_measured_maps_run_from_right_to_left_and_from_slow_to_fast() -> None:
    SteeringCalibration(points=steering_points((1200.0, -30.0), (1450.0, 1.0), (1700.0, 28.0)))
    SteeringCalibration(left_us=1200.0, right_us=1700.0, points=steering_points((1700.0, -30.0), (1200.0, 30.0)))
    ThrottleCalibration(points=speed_points((1440.0, 0.0), (1400.0, 1.0), (1311.0, 3.0)))


@pytest.mark.parametrize("known", [None, 0.0, 0.5, 60.0, "holds"])
def test_what_the_controller_does_without_pulses_is_not_known_seconds_or_that_it_holds(known: Any) -> None:
    assert ThrottleCalibration(stops_without_pulses_s=known).stops_without_pulses_s == known
    assert ThrottleCalibration().stops_without_pulses_s is None


def test_an_unknown_car_is_refused() -> None:
    with pytest.raises(ValidationError, match="known are deepracer"):
        CalibrationProfile(car_model="tank")


def test_the_hash_follows_the_content() -> None:
    profile = CalibrationProfile(car_id="a")
    assert profile.sha256() == CalibrationProfile(car_id="a").sha256()
    assert profile.sha256() != CalibrationProfile(car_id="b").sha256()
    assert profile.sha256() != profile.changed(steering=SteeringCalibration(trim_us=1.0)).sha256()
