"""No action outside the limits ever comes out of the last stage, whatever goes in."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.actions import STOP, Action
from vehicle.actuator.lease import Pulses
from vehicle.actuator.limits import (
    CALIBRATION_THROTTLE_RATE_US_PER_S,
    DriveLimits,
    limit_action,
    limit_pulses,
)

LIMITS = DriveLimits(max_speed_mps=1.5, max_reverse_speed_mps=0.5, max_steering_angle_deg=28.0)
ANY_NUMBER = st.floats(allow_nan=True, allow_infinity=True)
INSIDE = st.builds(Action, st.floats(-28.0, 28.0), st.floats(-0.5, 1.5))


def around(limit: float) -> list[float]:
    """Values dense around a limit."""
    step = 1e-9
    return [-limit - step, -limit, -limit + step, 0.0, limit - step, limit, limit + step]


@pytest.mark.parametrize("angle_deg", [*around(28.0), -90.0, 90.0])
@pytest.mark.parametrize("speed_mps", [*around(1.5), *around(0.5), -20.0, 20.0])
def test_every_action_around_the_limits_stays_within_them(angle_deg: float, speed_mps: float) -> None:
    for previous in (STOP, Action(28.0, 1.5), Action(-28.0, -0.5)):
        limited = limit_action(Action(angle_deg, speed_mps), previous, LIMITS, dt_s=10.0)
        assert abs(limited.steering_angle_deg) <= 28.0
        assert -0.5 <= limited.speed_mps <= 1.5


@given(wanted=st.builds(Action, ANY_NUMBER, ANY_NUMBER), previous=INSIDE, dt_s=ANY_NUMBER)
def test_whatever_is_asked_the_result_is_finite_and_within_the_limits(
    wanted: Action, previous: Action, dt_s: float
) -> None:
    limited = limit_action(wanted, previous, LIMITS, dt_s=dt_s)
    assert math.isfinite(limited.steering_angle_deg)
    assert abs(limited.steering_angle_deg) <= 28.0
    assert -0.5 <= limited.speed_mps <= 1.5
    if not all(map(math.isfinite, (wanted.steering_angle_deg, wanted.speed_mps, dt_s))):
        assert limited.speed_mps == 0.0
        assert limited.steering_angle_deg == previous.steering_angle_deg


def test_speed_grows_no_faster_than_allowed_and_braking_is_immediate() -> None:
    limits = LIMITS.changed(acceleration_mps2=5.0)
    assert limit_action(Action(0.0, 1.5), STOP, limits, dt_s=0.02).speed_mps == pytest.approx(0.1)
    assert limit_action(Action(0.0, 1.5), Action(0.0, 0.7), limits, dt_s=0.02).speed_mps == pytest.approx(0.8)
    assert limit_action(Action(0.0, 0.2), Action(0.0, 1.5), limits, dt_s=0.02).speed_mps == 0.2
    assert limit_action(STOP, Action(0.0, 1.5), limits, dt_s=0.0).speed_mps == 0.0


def test_a_change_of_direction_passes_through_zero() -> None:
    for before, after in itertools.permutations((1.0, -0.4)):
        assert limit_action(Action(0.0, after), Action(0.0, before), LIMITS, dt_s=1.0).speed_mps == 0.0


def test_the_wheels_turn_no_faster_than_allowed() -> None:
    limits = LIMITS.changed(steering_rate_dps=500.0)
    assert limit_action(Action(28.0, 0.0), STOP, limits, dt_s=0.02).steering_angle_deg == pytest.approx(10.0)
    turned = limit_action(Action(-28.0, 0.0), Action(20.0, 0.0), limits, dt_s=0.02)
    assert turned.steering_angle_deg == pytest.approx(10.0)


def test_reverse_is_forbidden_unless_allowed() -> None:
    assert limit_action(Action(0.0, -1.0), STOP, DriveLimits(), dt_s=1.0).speed_mps == 0.0


@pytest.mark.parametrize("cap_mps", [*around(1.5)[4:], *around(0.5)[4:], 0.0, 0.3, math.inf])
@pytest.mark.parametrize("speed_mps", [*around(1.5), *around(0.5), -20.0, 20.0])
def test_the_cap_of_mode_and_health_holds_in_both_directions(cap_mps: float, speed_mps: float) -> None:
    limited = limit_action(Action(0.0, speed_mps), STOP, LIMITS, dt_s=10.0, speed_cap_mps=cap_mps)
    assert -min(cap_mps, 0.5) <= limited.speed_mps <= min(cap_mps, 1.5)
    if abs(speed_mps) <= min(cap_mps, 0.5):
        assert limited.speed_mps == speed_mps


@pytest.mark.parametrize("cap_mps", [math.nan, -1e-9, -math.inf])
def test_a_cap_that_is_none_stops_the_car(cap_mps: float) -> None:
    limited = limit_action(Action(9.0, 1.0), Action(5.0, 1.0), LIMITS, dt_s=0.02, speed_cap_mps=cap_mps)
    assert limited == Action(5.0, 0.0)


def test_a_cap_that_falls_while_driving_holds_at_once() -> None:
    limited = limit_action(Action(0.0, 1.5), Action(0.0, 1.5), LIMITS, dt_s=0.0, speed_cap_mps=0.7)
    assert limited.speed_mps == 0.7


@given(wanted=st.builds(Pulses, ANY_NUMBER, ANY_NUMBER), dt_s=ANY_NUMBER, before_us=st.floats(900.0, 2100.0))
def test_pulses_of_a_calibration_stay_within_what_servos_take(wanted: Pulses, dt_s: float, before_us: float) -> None:
    limited = limit_pulses(wanted, Pulses(1400.0, before_us), neutral_us=1500.0, dt_s=dt_s)
    assert 900.0 <= limited.steering_us <= 2100.0
    assert 900.0 - 1e-9 <= limited.throttle_us <= 2100.0 + 1e-9
    if not all(map(math.isfinite, (wanted.steering_us, wanted.throttle_us, dt_s))) or dt_s < 0:
        assert limited == Pulses(1400.0, 1500.0)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_throttle_of_a_calibration_grows_slowly_falls_at_once_and_passes_neutral(side: float) -> None:
    def limited_us(wanted_us: float, before_us: float) -> float:
        step = Pulses(1500.0, 1500.0 + side * wanted_us), Pulses(1500.0, 1500.0 + side * before_us)
        return side * (limit_pulses(*step, neutral_us=1500.0, dt_s=0.02).throttle_us - 1500.0)

    step_us = 0.02 * CALIBRATION_THROTTLE_RATE_US_PER_S
    assert limited_us(400.0, 0.0) == pytest.approx(step_us)
    assert limited_us(400.0, 100.0) == pytest.approx(100.0 + step_us)
    assert limited_us(20.0, 100.0) == pytest.approx(20.0)
    assert limited_us(-100.0, 100.0) == 0.0


def test_a_cap_of_zero_stops_the_motor_and_lets_the_wheels_turn() -> None:
    assert limit_action(Action(9.0, 1.0), STOP, LIMITS, dt_s=1.0, speed_cap_mps=0.0) == Action(9.0, 0.0)


@pytest.mark.parametrize("field", ["steering_us", "throttle_us"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_one_pulse_that_is_no_number_is_enough_for_neutral(field: str, number: float) -> None:
    wanted = replace(Pulses(1450.0, 1510.0), **{field: number})
    assert limit_pulses(wanted, Pulses(1400.0, 1510.0), neutral_us=1500.0, dt_s=0.02) == Pulses(1400.0, 1500.0)


@pytest.mark.parametrize("dt_s", [math.nan, math.inf, -1e-9])
def test_a_time_that_is_none_is_enough_for_neutral_too(dt_s: float) -> None:
    limited = limit_pulses(Pulses(1450.0, 1510.0), Pulses(1400.0, 1510.0), neutral_us=1500.0, dt_s=dt_s)
    assert limited == Pulses(1400.0, 1500.0)


@given(wanted=st.builds(Pulses, ANY_NUMBER, ANY_NUMBER, st.just(True)), dt_s=ANY_NUMBER)
def test_silence_keeps_no_throttle_for_afterwards_and_what_is_no_number_ends_it(wanted: Pulses, dt_s: float) -> None:
    limited = limit_pulses(wanted, Pulses(1400.0, 1600.0), neutral_us=1500.0, dt_s=dt_s)
    is_sound = all(map(math.isfinite, (wanted.steering_us, wanted.throttle_us, dt_s))) and dt_s >= 0
    assert (limited.throttle_us, limited.silent) == (1500.0, is_sound)
    assert 900.0 <= limited.steering_us <= 2100.0


def test_after_silence_the_throttle_comes_slowly_from_neutral() -> None:
    silent = limit_pulses(Pulses(1450.0, 1600.0, silent=True), Pulses(1400.0, 1600.0), neutral_us=1500.0, dt_s=0.02)
    assert silent == Pulses(1450.0, 1500.0, silent=True)
    after = limit_pulses(Pulses(1450.0, 1600.0), silent, neutral_us=1500.0, dt_s=0.02)
    assert after == Pulses(1450.0, 1500.0 + 0.02 * CALIBRATION_THROTTLE_RATE_US_PER_S)


def test_no_time_at_all_is_time_enough_to_brake_and_to_steer() -> None:
    limited = limit_pulses(Pulses(1450.0, 1510.0), Pulses(1400.0, 1600.0), neutral_us=1500.0, dt_s=0.0)
    assert limited == Pulses(1450.0, 1510.0)
