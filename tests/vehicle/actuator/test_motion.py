"""Picked up, tilted, crashed: each is recognised in time, and nothing that a drive does is taken for one of them."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable

import pytest

from vehicle.actuator.motion import RISING_S, STILL_S, TILTED_S, MotionLimits, MotionState, Vector, motion_after

LIMITS = MotionLimits()
G = 9.80665
EVERY_S = 0.02
REST: Vector = (0.0, 0.0, G)


class Imu:
    """Readings every 20 ms, as they come from the car; mount: where the chip's x, y and z axes point."""

    def __init__(self, limits: MotionLimits = LIMITS, turn_deg: float = 0.0) -> None:
        self.state, self.now_s, self.limits = MotionState(), 100.0, limits
        self._cos, self._sin = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))

    def feel(self, accelerations: Iterable[Vector], turning_dps: float = 3.0) -> str:
        """The first thing that happened to the car, or nothing."""
        for x, y, z in accelerations:
            self.now_s += EVERY_S
            mounted = (x, self._cos * y - self._sin * z, self._sin * y + self._cos * z)
            self.state = motion_after(self.state, mounted, (0.0, turning_dps, 0.0), self.limits, self.now_s)
            if self.state.upset:
                return self.state.upset
        return ""

    def stand(self, duration_s: float = 1.2) -> str:
        return self.feel(for_s(duration_s, REST))


def for_s(duration_s: float, acceleration: Vector) -> list[Vector]:
    return [acceleration] * round(duration_s / EVERY_S)


def tilted(degrees: float, length: float = G) -> Vector:
    return (0.0, length * math.sin(math.radians(degrees)), length * math.cos(math.radians(degrees)))


@pytest.fixture(params=[0.0, 90.0, 180.0, -37.0])
def imu(request: pytest.FixtureRequest) -> Imu:
    imu = Imu(turn_deg=request.param)
    assert imu.stand() == ""
    return imu


def test_before_the_chip_has_stood_still_nothing_is_judged() -> None:
    imu = Imu()
    assert imu.stand(STILL_S - 0.1) == ""
    assert imu.feel([(-60.0, 0.0, G)]) == ""
    assert imu.state.rest is None
    assert imu.stand(STILL_S + 0.1) == ""
    assert imu.state.rest == pytest.approx(REST)


def test_a_blow_is_seen_in_the_reading_that_has_it(imu: Imu) -> None:
    assert imu.feel([(-LIMITS.crash_mps2 + 0.1, 0.0, G)]) == ""
    assert "hit something (3.1 g)" in imu.feel([(-LIMITS.crash_mps2 - 0.1, 0.0, G)])
    assert imu.stand(0.1) == ""


@pytest.mark.parametrize("direction", [(1, 0), (0, 1), (0, -1)])
def test_a_blow_counts_from_every_side(imu: Imu, direction: tuple[int, int]) -> None:
    assert imu.feel([(35.0 * direction[0], 35.0 * direction[1], G)])


def test_a_hand_that_lifts_the_car_is_noticed_within_half_a_second(imu: Imu) -> None:
    before_s = imu.now_s
    lift = [*for_s(0.3, (0.0, 0.0, G + 2.5)), *for_s(0.3, (0.0, 0.0, G - 2.5))]
    assert imu.feel(lift) == "the car was picked up"
    assert imu.now_s - before_s <= 0.5


def test_a_car_that_falls_off_a_table_is_noticed_before_it_lands(imu: Imu) -> None:
    assert imu.feel(for_s(0.35, (0.0, 0.0, 0.3))) == "the car fell"


def test_a_hop_is_not_a_fall(imu: Imu) -> None:
    assert imu.feel([*for_s(0.1, (0.0, 0.0, 0.3)), (0.0, 0.0, 2.5 * G), *for_s(0.5, REST)]) == ""


def test_a_car_on_its_side_or_roof_is_noticed(imu: Imu) -> None:
    for degrees in (45.0, 90.0, 180.0):
        imu.stand(1.5)
        before_s = imu.now_s
        assert "tilted" in imu.feel(for_s(1.0, tilted(degrees)))
        assert imu.now_s - before_s <= TILTED_S + 2 * EVERY_S


def test_a_tilt_that_is_turned_slowly_is_noticed_at_its_angle(imu: Imu) -> None:
    for degrees in range(40):
        assert imu.feel([tilted(float(degrees))] * 3) == ""
    assert "tilted by 41 degrees" in imu.feel(for_s(0.5, tilted(41.0)))


@pytest.mark.parametrize("grip_g", [0.2, 0.5, 0.56, 0.58, 0.7, 0.85, 1.0, 1.5, 2.0])
def test_no_bend_and_no_braking_looks_like_a_tilt_or_a_blow(imu: Imu, grip_g: float) -> None:
    for angle_deg in range(0, 360, 30):
        x, y = (grip_g * G * trig(math.radians(angle_deg)) for trig in (math.cos, math.sin))
        assert imu.feel(for_s(1.5, (x, y, G)), turning_dps=45.0) == ""  # on and on in a circle
        assert imu.feel(for_s(0.7, (x, y, G))) == ""
        assert imu.stand(0.5) == ""


@pytest.mark.parametrize("height_m", [0.002, 0.005, 0.01])
def test_a_bump_is_not_a_lift(imu: Imu, height_m: float) -> None:
    """Up a sill and down again, each within 60 ms, as a half wave."""
    duration_s = 0.06
    rise = [height_m / 2 * (math.pi / duration_s) ** 2 * math.cos(math.pi * t / duration_s) for t in (0.01, 0.03, 0.05)]
    over = [(0.0, 0.0, G + a) for a in (*rise, 0.0, 0.0, *(-a for a in rise))]
    assert imu.feel(over) == ""


def test_a_rough_road_is_neither(imu: Imu) -> None:
    rng = random.Random(4)
    heights_m = [rng.gauss(0.0, 0.0015) for _ in range(3002)]
    bounce = [(a - 2 * b + c) / EVERY_S**2 for a, b, c in zip(heights_m, heights_m[1:], heights_m[2:])]
    assert imu.feel((rng.gauss(0, 4), rng.gauss(0, 4), G + up) for up in bounce) == ""


def test_driving_does_not_change_what_down_is(imu: Imu) -> None:
    rest = imu.state.rest
    rng = random.Random(5)
    imu.feel((rng.gauss(0, 1.5), rng.gauss(0, 1.5), G + rng.gauss(0, 1.5)) for _ in range(500))
    assert imu.state.rest == rest


def test_what_is_not_gravity_is_not_learnt() -> None:
    imu = Imu()
    imu.feel(for_s(3.0, (0.0, 0.0, 1.3 * G)))
    assert imu.state.rest is None


def test_after_a_gap_nothing_is_added_up(imu: Imu) -> None:
    imu.feel(for_s(0.1, (0.0, 0.0, G + 3.0)))
    imu.now_s += 5.0
    assert imu.feel([(0.0, 0.0, G + 3.0)] * 2) == ""
    assert abs(imu.state.rise_mps) < 0.2


def test_a_rise_counts_when_it_lasts(imu: Imu) -> None:
    jolt = (0.0, 0.0, G + 25.0)
    still_rising = math.ceil(RISING_S / EVERY_S)
    assert imu.feel([jolt, *[REST] * (still_rising - 1)]) == ""
    assert imu.feel([REST]) == "the car was picked up"


def test_the_limits_are_settings(imu: Imu) -> None:
    imu.limits = MotionLimits(crash_mps2=60.0, lift_mps=2.0, tilt_deg=90.0)
    steps = itertools.chain(for_s(0.1, (-50.0, 0.0, G)), for_s(0.3, (0.0, 0.0, G + 2.5)), for_s(0.6, tilted(80.0)))
    assert imu.feel(steps) == ""
