"""Picked up, tilted, crashed: each is recognised in time, and nothing that a drive does is taken for one of them."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable

import pytest

from vehicle.actuator.motion import (
    FALLING_S,
    LONGEST_GAP_S,
    RISE_FADES_S,
    RISING_S,
    STILL_DPS,
    STILL_MPS2,
    STILL_S,
    TILTED_S,
    MotionLimits,
    MotionState,
    Vector,
    motion_after,
)

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


# The edges, with numbers whose sums and products are exact: gravity is 20 m/s^2 here, and time begins at 0.
EXACT_G = 20.0
EXACT = MotionLimits(crash_mps2=30.0, lift_mps=0.5, tilt_deg=90.0)
ROUGH = EXACT.changed(crash_mps2=70.0)
AT_REST = MotionState(rest=(0.0, 0.0, EXACT_G), at_s=0.0)
NO_TURN: Vector = (0.0, 0.0, 0.0)


def just_over(value: float) -> float:
    return math.nextafter(value, math.inf)


def just_under(value: float) -> float:
    return math.nextafter(value, -math.inf)


def once(
    acceleration: Vector, last: MotionState = AT_REST, now_s: float = 0.0625, limits: MotionLimits = EXACT
) -> MotionState:
    return motion_after(last, acceleration, NO_TURN, limits, now_s)


def test_a_blow_begins_at_its_limit() -> None:
    assert "hit something (3.1 g)" in once((30.0, 0.0, EXACT_G)).upset
    assert once((just_under(30.0), 0.0, EXACT_G)).upset == ""


def test_a_rise_begins_at_its_limit() -> None:
    assert once((0.0, 0.0, 28.0)).rising_since_s == 0.0625  # 8 m/s^2 more than gravity for a sixteenth of a second
    assert once((0.0, 0.0, just_under(28.0))).rising_since_s is None


def test_the_vertical_speed_is_summed_up_and_fades() -> None:
    first = once((3.0, 0.0, 22.0))
    assert first.rise_mps == 0.125
    second = once((0.0, 4.0, 21.0), first, now_s=0.125)
    assert second.rise_mps == pytest.approx(0.125 * math.exp(-0.0625 / RISE_FADES_S) + 0.0625)


def test_a_gap_that_is_too_long_begins_the_sum_anew() -> None:
    rising = MotionState(rest=AT_REST.rest, at_s=0.0, rise_mps=0.25)
    assert once((0.0, 0.0, EXACT_G), rising, now_s=LONGEST_GAP_S).rise_mps > 0.2
    assert once((0.0, 0.0, EXACT_G), rising, now_s=just_over(LONGEST_GAP_S)).rise_mps == 0.0


def test_a_fall_begins_at_its_limit() -> None:
    assert once((0.0, 0.0, 6.0)).falling_since_s == 0.0625
    assert once((0.0, 0.0, just_over(6.0))).falling_since_s is None
    assert once(NO_TURN).falling_since_s == 0.0625  # weightless, and no angle to speak of


def test_a_tilt_begins_at_its_angle_and_is_gravity_alone() -> None:
    assert once((0.0, EXACT_G, 0.0)).tilted_since_s == 0.0625
    assert once((0.0, EXACT_G, 1e-6)).tilted_since_s is None
    for length, is_tilted in ((17.0, True), (23.0, True), (just_under(17.0), False), (just_over(23.0), False)):
        assert (once((0.0, length, 0.0), limits=ROUGH).tilted_since_s is not None) is is_tilted


@pytest.mark.parametrize(
    ("since", "lasting_s", "acceleration", "word"),
    [
        ("tilted_since_s", TILTED_S, (0.0, 0.0, -EXACT_G), "tilted by 180 degrees"),
        ("rising_since_s", RISING_S, (0.0, 0.0, EXACT_G), "picked up"),
        ("falling_since_s", FALLING_S, NO_TURN, "fell"),
    ],
)
def test_each_counts_once_it_has_lasted_from_its_beginning(
    since: str, lasting_s: float, acceleration: Vector, word: str
) -> None:
    before = {"rest": AT_REST.rest, "at_s": lasting_s - 0.05, "rise_mps": 9.0 if "rising" in since else 0.0, since: 0.0}
    last = MotionState(**before)  # type: ignore[arg-type]
    at_its_end = once(acceleration, last, lasting_s, ROUGH)
    assert word in at_its_end.upset
    assert getattr(at_its_end, since) == 0.0
    assert once(acceleration, last, just_under(lasting_s), ROUGH).upset == ""


LEARNING = motion_after(MotionState(), (0.0, 0.0, 10.0), NO_TURN, EXACT, 0.0)


def learnt_on(acceleration: Vector, turning_dps: float, now_s: float) -> int:
    """How many readings count as those of a car that stands, after one more."""
    still = motion_after(LEARNING, acceleration, (turning_dps, 0.0, 0.0), EXACT, now_s).still
    return 0 if still is None else still.count


def test_a_car_stands_while_its_readings_hardly_differ_from_the_first() -> None:
    assert learnt_on((STILL_MPS2, 0.0, 10.0), STILL_DPS, LONGEST_GAP_S) == 2
    assert learnt_on((just_over(STILL_MPS2), 0.0, 10.0), STILL_DPS, LONGEST_GAP_S) == 1
    assert learnt_on((STILL_MPS2, 0.0, 10.0), just_over(STILL_DPS), LONGEST_GAP_S) == 1
    assert learnt_on((STILL_MPS2, 0.0, 10.0), STILL_DPS, just_over(LONGEST_GAP_S)) == 1


def test_down_is_learnt_at_the_end_of_a_second_and_is_the_mean() -> None:
    state = LEARNING
    for step in range(1, 16):
        state = motion_after(state, (0.25, 0.0, 10.0), NO_TURN, EXACT, step / 16)
    assert state.rest is None
    early = motion_after(state, (0.25, 0.0, 10.0), NO_TURN, EXACT, just_under(STILL_S))
    assert early.rest is None
    state = motion_after(state, (0.25, 0.0, 10.0), NO_TURN, EXACT, STILL_S)
    assert state.rest == pytest.approx((0.25 * 16 / 17, 0.0, 10.0))
    assert state.still is None


def test_a_car_that_stands_on_something_that_speeds_up_keeps_what_down_was() -> None:
    state = AT_REST
    for step in range(1, 18):
        state = motion_after(state, (0.0, 0.0, 14.0), NO_TURN, EXACT, step / 16)
    assert state.rest == AT_REST.rest
