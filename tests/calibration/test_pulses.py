"""Pulses never leave the profile's limits, follow DeepRacer's curve, and refuse what is not a number."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from calibration.profile import (
    LONGEST_PULSE_US,
    SHORTEST_PULSE_US,
    SMALLEST_SPAN_US,
    CalibrationProfile,
    SpeedPoint,
    SteeringCalibration,
    SteeringPoint,
    ThrottleCalibration,
)
from calibration.profile_file import shipped_profile, shipped_profiles
from calibration.pulses import CalibratedPulses, steering_pulse_us, throttle_fraction, throttle_pulse_us
from shared.errors import CalibrationError

DEEPRACER = shipped_profile("deepracer")
EMULATED = shipped_profile("emulated")


@st.composite
def triples(draw: st.DrawFn) -> tuple[float, float, float]:
    """Two limits and a middle that a profile accepts, in either direction."""
    low_us = draw(st.floats(SHORTEST_PULSE_US, LONGEST_PULSE_US - 3 * SMALLEST_SPAN_US))
    high_us = draw(st.floats(low_us + 3 * SMALLEST_SPAN_US, LONGEST_PULSE_US))
    assume(high_us - low_us >= 2.5 * SMALLEST_SPAN_US)
    middle_us = draw(st.floats(low_us + SMALLEST_SPAN_US * 1.1, high_us - SMALLEST_SPAN_US * 1.1))
    return (low_us, middle_us, high_us) if draw(st.booleans()) else (high_us, middle_us, low_us)


@st.composite
def profiles(draw: st.DrawFn) -> CalibrationProfile:
    """Any valid profile, measured or not."""
    right_us, centre_us, left_us = draw(triples())
    reverse_us, neutral_us, forward_us = draw(triples())
    count = draw(st.integers(2, 6))
    steering_points: tuple[SteeringPoint, ...] = ()
    speed_points: tuple[SpeedPoint, ...] = ()
    if draw(st.booleans()):
        pulses_us = np.linspace(right_us, left_us, count).clip(min(right_us, left_us), max(right_us, left_us))
        angles_deg = np.linspace(draw(st.floats(-40, -5)), draw(st.floats(5, 40)), count)
        steering_points = tuple(
            SteeringPoint(pulse_us=float(pulse_us), angle_deg=float(angle_deg))
            for pulse_us, angle_deg in zip(pulses_us, angles_deg, strict=True)
        )
    if draw(st.booleans()):
        ends_us = sorted((neutral_us, forward_us))
        pulses_us = np.linspace(neutral_us, forward_us, count).clip(*ends_us)
        speeds_mps = np.linspace(0.0, draw(st.floats(0.5, 6)), count)
        speed_points = tuple(
            SpeedPoint(pulse_us=float(pulse_us), speed_mps=float(speed_mps))
            for pulse_us, speed_mps in zip(pulses_us, speeds_mps, strict=True)
        )
    return CalibrationProfile(
        steering=SteeringCalibration(left_us=left_us, centre_us=centre_us, right_us=right_us, points=steering_points),
        throttle=ThrottleCalibration(
            reverse_us=reverse_us,
            neutral_us=neutral_us,
            forward_us=forward_us,
            dead_band_us=draw(st.floats(0, SMALLEST_SPAN_US)),
            points=speed_points,
        ),
    )


FINITE = st.floats(allow_nan=False, allow_infinity=False)
TOP_SPEEDS = st.floats(0.1, 20)


@settings(max_examples=200)
@given(profile=profiles(), angle_deg=FINITE, speed_mps=FINITE, top_mps=TOP_SPEEDS)
def test_every_pulse_is_inside_the_limits_whatever_is_asked(
    profile: CalibrationProfile, angle_deg: float, speed_mps: float, top_mps: float
) -> None:
    steering, throttle = profile.steering, profile.throttle
    pulse_us = steering_pulse_us(profile, angle_deg)
    assert min(steering.left_us, steering.right_us) <= pulse_us <= max(steering.left_us, steering.right_us)
    pulse_us = throttle_pulse_us(profile, speed_mps, top_mps)
    assert min(throttle.reverse_us, throttle.forward_us) <= pulse_us
    assert pulse_us <= max(throttle.reverse_us, throttle.forward_us)


@settings(max_examples=100)
@given(profile=profiles(), top_mps=TOP_SPEEDS)
def test_more_is_never_less(profile: CalibrationProfile, top_mps: float) -> None:
    """Turning further left, or asking for more speed, never moves a pulse back."""
    angles_deg = np.linspace(-50, 50, 101)
    lefts_us = [profile.steering.polarity * steering_pulse_us(profile, float(a)) for a in angles_deg]
    assert all(later >= earlier for earlier, later in itertools.pairwise(lefts_us))
    speeds_mps = np.linspace(-1.5 * top_mps, 1.5 * top_mps, 121)
    polarity = profile.throttle.polarity
    forwards_us = [polarity * throttle_pulse_us(profile, float(s), top_mps) for s in speeds_mps]
    assert all(later >= earlier for earlier, later in itertools.pairwise(forwards_us))


@settings(max_examples=100)
@given(profile=profiles(), top_mps=TOP_SPEEDS)
def test_no_speed_is_exactly_neutral(profile: CalibrationProfile, top_mps: float) -> None:
    for zero in (0.0, -0.0):
        assert throttle_pulse_us(profile, zero, top_mps) == profile.throttle.trimmed_neutral_us


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("profile", [DEEPRACER, EMULATED], ids=["by curve", "measured"])
def test_what_is_not_a_number_is_refused(profile: CalibrationProfile, bad: float) -> None:
    with pytest.raises(CalibrationError, match="steering angle"):
        steering_pulse_us(profile, bad)
    with pytest.raises(CalibrationError, match="speed"):
        throttle_pulse_us(profile, bad, 1.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_a_top_speed_or_full_lock_that_cannot_be_is_refused(bad: float) -> None:
    with pytest.raises(CalibrationError, match="top speed"):
        throttle_pulse_us(DEEPRACER, 0.5, bad)
    with pytest.raises(CalibrationError, match="largest steering angle"):
        steering_pulse_us(DEEPRACER, 10.0, bad)


@pytest.mark.parametrize(
    ("share", "fraction"),
    [
        (0.0, 0.0),
        (0.10, 0.208),
        (0.25, 0.475),
        (0.40, 0.688),
        (0.50, 0.800),
        (0.75, 0.975),
        (5 / 6, 1.0),
        (0.917, 1.0),
        (1.0, 1.0),
        (1.5, 1.0),
        (-0.5, 0.0),
    ],
)
@pytest.mark.parametrize("top_mps", [0.5, 1.0, 4.0])
def test_the_curve_is_deepracers(share: float, fraction: float, top_mps: float) -> None:
    assert throttle_fraction(share * top_mps, top_mps) == pytest.approx(fraction, abs=1e-9)


@pytest.mark.parametrize(
    ("angle_deg", "pulse_us"),
    [(30, 1700), (0, 1450), (-30, 1200), (15, 1575), (-15, 1325), (45, 1700), (-90, 1200)],
)
def test_deepracers_servo_turns_left_on_longer_pulses(angle_deg: float, pulse_us: float) -> None:
    assert steering_pulse_us(DEEPRACER, angle_deg) == pytest.approx(pulse_us)


def test_full_lock_may_be_the_models_largest_angle() -> None:
    assert steering_pulse_us(DEEPRACER, 10.0, max_angle_deg=20.0) == pytest.approx(1575.0)


@pytest.mark.parametrize(
    ("speed_mps", "pulse_us"),
    [
        (1.0, 1311),
        (0.5, 1446 - 0.8 * 135),
        (0.1, 1446 - 0.208 * 135),
        (-1.0, 1603.5),
        (-0.5, 1446 + 0.8 * 157.5),
    ],
)
def test_deepracers_motor_runs_forward_on_shorter_pulses(speed_mps: float, pulse_us: float) -> None:
    assert throttle_pulse_us(DEEPRACER, speed_mps, 1.0) == pytest.approx(pulse_us)


def test_the_curve_begins_behind_the_dead_band() -> None:
    profile = DEEPRACER.changed(throttle=ThrottleCalibration(dead_band_us=20.0))
    assert throttle_pulse_us(profile, 1e-9, 1.0) == pytest.approx(1426.0, abs=1e-3)
    assert throttle_pulse_us(profile, -1e-9, 1.0) == pytest.approx(1466.0, abs=1e-3)
    assert throttle_pulse_us(profile, 0.5, 1.0) == pytest.approx(1426.0 - 0.8 * 115)


def test_trim_moves_the_middle_and_not_the_ends() -> None:
    profile = DEEPRACER.changed(steering=SteeringCalibration(trim_us=10.0), throttle=ThrottleCalibration(trim_us=-6.0))
    assert [steering_pulse_us(profile, a) for a in (-30.0, 0.0, 30.0)] == [1200.0, 1460.0, 1700.0]
    assert [throttle_pulse_us(profile, s, 1.0) for s in (-1.0, 0.0, 1.0)] == [1603.5, 1440.0, 1311.0]


def test_a_measured_car_gets_the_pulse_of_the_map_whatever_the_model() -> None:
    for top_mps in (0.5, 1.0, 4.0):
        assert throttle_pulse_us(EMULATED, 1.5, top_mps) == pytest.approx((1515 + 1700) / 2)
    assert steering_pulse_us(EMULATED, 15.0, max_angle_deg=17.0) == pytest.approx((1480 + 1700) / 2)


def test_below_the_slowest_measured_speed_the_pulse_goes_down_to_the_dead_band() -> None:
    points = ({"pulse_us": 1560.0, "speed_mps": 1.0}, {"pulse_us": 1700.0, "speed_mps": 3.0})
    throttle = EMULATED.throttle.changed(points=points)
    profile = EMULATED.changed(throttle=throttle)
    asked = (0.2, 0.5, 1.0, 2.0)
    assert [throttle_pulse_us(profile, s, 1.0) for s in asked] == pytest.approx([1524.0, 1537.5, 1560.0, 1630.0])
    inside = profile.changed(throttle=throttle.changed(dead_band_us=100.0))  # a map that contradicts its dead band
    assert throttle_pulse_us(inside, 0.2, 1.0) == pytest.approx(1560.0)


def test_trim_shifts_a_measured_map_within_the_limits() -> None:
    steering = EMULATED.steering.changed(trim_us=10.0)
    profile = EMULATED.changed(steering=steering)
    assert [steering_pulse_us(profile, a) for a in (-30.0, 0.0, 30.0)] == [1280.0, 1490.0, 1700.0]


def test_the_actuators_view_is_the_same_functions() -> None:
    pulses = CalibratedPulses(EMULATED)
    assert pulses.steering_pulse_us(12.0) == steering_pulse_us(EMULATED, 12.0)
    assert pulses.throttle_pulse_us(0.7, top_speed_mps=1.0) == throttle_pulse_us(EMULATED, 0.7, 1.0)


@pytest.mark.parametrize("name", shipped_profiles())
def test_only_the_emulated_boards_profile_comes_confirmed(name: str) -> None:
    profile = shipped_profile(name)
    assert profile.confirmed_on_board == (name == "emulated")
    assert profile.note


def test_an_unknown_profile_is_refused_with_the_names() -> None:
    with pytest.raises(CalibrationError, match="deepracer, emulated"):
        shipped_profile("tank")


def test_the_dead_band_may_differ_backwards() -> None:
    profile = CalibrationProfile().changed(throttle=ThrottleCalibration(dead_band_us=10.0, reverse_dead_band_us=40.0))
    neutral_us = profile.throttle.neutral_us
    assert throttle_pulse_us(profile, 1e-9, 1.0) == pytest.approx(neutral_us - 10.0, abs=0.001)
    assert throttle_pulse_us(profile, -1e-9, 1.0) == pytest.approx(neutral_us + 40.0, abs=0.001)
