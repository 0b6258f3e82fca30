"""No action outside the limits ever comes out of the last stage, whatever goes in."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.actions import STOP, Action
from vehicle.actuator.limits import DriveLimits, limit_action

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
