"""From circles to a steering map: the geometry by hand, the period by scans, contradictions by refusal."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibration.profile import SteeringPoint
from calibration.profile_file import shipped_profile
from calibration.steering_map import (
    Circle,
    SteeringMap,
    circle_from_diameter,
    circle_from_revolution,
    fit_steering_map,
    revolution_s,
    straight_angle_deg,
)
from calibration.wizard.circle_steps import circle_us
from calibration.wizard.draft import Draft
from shared.errors import CalibrationError

WHEELBASE_M = 0.164


def middle_diameter_m(angle_deg: float) -> float:
    """What the middle of a car drives whose rear axle drives a circle of wheelbase / tan(angle)."""
    rear_m = WHEELBASE_M / math.tan(math.radians(angle_deg))
    return 2.0 * math.hypot(rear_m, 0.5 * WHEELBASE_M)


@pytest.mark.parametrize("angle_deg", [5.0, 15.0, 30.0, 45.0])
def test_a_circle_is_the_angle_that_drives_it(angle_deg: float) -> None:
    diameter_m = middle_diameter_m(angle_deg)
    left = circle_from_diameter(1600.0, diameter_m, turned_left=True, wheelbase_m=WHEELBASE_M)
    right = circle_from_diameter(1400.0, diameter_m, turned_left=False, wheelbase_m=WHEELBASE_M)
    assert left.angle_deg == pytest.approx(angle_deg)
    assert right.angle_deg == pytest.approx(-angle_deg)
    assert 0.0 < left.error_deg < 1.5
    speed_mps, took_s = 0.6, math.pi * diameter_m / 0.6
    by_time = circle_from_revolution(1600.0, took_s, speed_mps, turned_left=True, wheelbase_m=WHEELBASE_M)
    assert by_time.angle_deg == pytest.approx(angle_deg)


@pytest.mark.parametrize("diameter_m", [0.0, -1.0, 0.1, math.nan, math.inf, 5000.0])
def test_a_circle_that_no_car_drives_is_refused(diameter_m: float) -> None:
    with pytest.raises(CalibrationError, match="metres"):
        circle_from_diameter(1600.0, diameter_m, turned_left=True, wheelbase_m=WHEELBASE_M)


def test_a_car_that_turns_to_the_left_by_itself_has_its_wheels_to_the_left() -> None:
    # A radius of 10 m: after 2 m the heading is 11.46 degrees off.
    assert straight_angle_deg(math.degrees(0.2), 2.0, WHEELBASE_M) == pytest.approx(math.degrees(math.atan(0.0164)))


def scans_of_circle(period_s: float, duration_s: float, rate_hz: float = 10.0, noise_m: float = 0.01) -> tuple:  # type: ignore[type-arg]
    """What a LiDAR sees that goes round in a room of 5 x 3 m."""
    rng = np.random.default_rng(1)
    times_s = np.arange(0.0, duration_s, 1.0 / rate_hz)
    turn = 2.0 * np.pi * times_s / period_s
    x, y = 0.4 * np.sin(turn), 0.4 * (1.0 - np.cos(turn))
    rays = turn[:, None] + np.radians(np.arange(0.001, 360.0, 3.0))[None, :]
    cos, sin = np.cos(rays), np.sin(rays)
    along = np.where(cos > 0, (3.0 - x[:, None]) / cos, (-2.0 - x[:, None]) / cos)
    across = np.where(sin > 0, (1.8 - y[:, None]) / sin, (-1.2 - y[:, None]) / sin)
    return times_s, np.minimum(along, across) + rng.normal(0.0, noise_m, rays.shape)


@pytest.mark.parametrize("period_s", [2.9, 4.43, 9.7])
def test_a_whole_turn_is_seen_when_the_lidar_sees_again_what_it_saw(period_s: float) -> None:
    found_s = revolution_s(*scans_of_circle(period_s, 1.6 * period_s + 1.0))
    assert found_s == pytest.approx(period_s, rel=0.01)


def test_half_a_turn_is_none() -> None:
    assert revolution_s(*scans_of_circle(6.0, 4.0)) is None
    assert revolution_s(np.array([0.0, 0.1]), np.ones((2, 10))) is None


def test_the_map_rises_from_right_to_left_whichever_way_the_servo_turns() -> None:
    for direction in (1.0, -1.0):
        circles = [
            Circle(1500 + direction * 200, 25.0, 0.5), Circle(1500 - direction * 200, -30.0, 0.5),
            Circle(1500 + direction * 100, 12.0, 0.5),
        ]  # fmt: skip
        found = fit_steering_map(circles, 1500.0)
        assert [point.angle_deg for point in found.points] == [-30.0, 0.0, 12.0, 25.0]
        assert found.error_deg == pytest.approx(0.5)


def test_circles_that_contradict_each_other_are_refused() -> None:
    circles = [Circle(1700.0, 20.0, 0.5), Circle(1600.0, 25.0, 0.5), Circle(1300.0, -20.0, 0.5)]
    with pytest.raises(CalibrationError, match="contradict"):
        fit_steering_map(circles, 1500.0)
    with pytest.raises(CalibrationError, match="both sides"):
        fit_steering_map(circles[:2], 1500.0)


@pytest.mark.parametrize("left", [1, -1])
def test_no_point_of_a_profile_lies_beyond_the_limits_of_the_steering(left: int) -> None:
    points = tuple(
        SteeringPoint(pulse_us=1500.0 + left * off_us, angle_deg=off_us / 10) for off_us in (-180.0, -50.0, 0.0, 180.0)
    )
    found = SteeringMap(points, 0.5).points_between(1500.0 - left * 170.0, 1500.0 + left * 180.0)
    expected = [(-170.0, -17.0), (-50.0, -5.0), (0.0, 0.0), (180.0, 18.0)]
    assert [(left * (point.pulse_us - 1500.0), point.angle_deg) for point in found] == [
        (pytest.approx(off_us), pytest.approx(deg)) for off_us, deg in expected
    ]


@pytest.mark.parametrize("reach_us", np.arange(150.0, 160.0, 1.0))
def test_wherever_the_ends_were_found_circles_to_them_can_be_kept(reach_us: float) -> None:
    draft = Draft.starting_from(shipped_profile("rc_car")).changed(
        left_reach_us=reach_us, right_reach_us=reach_us, method="lidar"
    )
    circles = [
        circle_from_diameter(circle_us(draft.changed(rung=rung)), across_m, turned_left=rung == 0, wheelbase_m=0.164)
        for rung, across_m in ((0, 0.7), (1, 0.8))
    ]
    steering = draft.changed(circles=tuple(circles)).profile("my-board").steering
    assert len(steering.points) == 3
