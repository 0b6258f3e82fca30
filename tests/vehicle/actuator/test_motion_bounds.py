"""Where blow, lift, fall and tilt begin and end: numbers whose sums and products are exact.

Gravity is 20 m/s^2 here, and time begins at 0.
"""

from __future__ import annotations

import math

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
