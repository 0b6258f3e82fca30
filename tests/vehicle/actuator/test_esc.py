"""The way into reverse, gear by gear."""

from __future__ import annotations

import pytest

from calibration.profile_file import shipped_profile
from vehicle.actuator.esc import TAP_S, EscProfile, EscState, Gear, Reverse, esc_profile, shifted, speed_in_gear

DOUBLE_TAP = EscProfile(reverse=Reverse.DOUBLE_TAP)
JUST_BEFORE, JUST_AFTER = TAP_S - 1e-9, TAP_S + 1e-9


@pytest.mark.parametrize(
    ("gear", "speed_mps", "elapsed_s", "next_gear"),
    [
        (Gear.FORWARD, 1.0, 9.0, Gear.FORWARD),
        (Gear.FORWARD, 0.0, 9.0, Gear.FORWARD),
        (Gear.FORWARD, -0.1, 0.0, Gear.BRAKE),
        (Gear.BRAKE, -0.1, JUST_BEFORE, Gear.BRAKE),
        (Gear.BRAKE, -0.1, JUST_AFTER, Gear.PAUSE),
        (Gear.BRAKE, -0.1, TAP_S, Gear.PAUSE),
        (Gear.BRAKE, 0.0, JUST_BEFORE, Gear.FORWARD),
        (Gear.BRAKE, 0.1, JUST_BEFORE, Gear.FORWARD),
        (Gear.PAUSE, -0.1, JUST_BEFORE, Gear.PAUSE),
        (Gear.PAUSE, -0.1, JUST_AFTER, Gear.REVERSE),
        (Gear.PAUSE, -0.1, TAP_S, Gear.REVERSE),
        (Gear.PAUSE, 0.0, JUST_BEFORE, Gear.PAUSE),
        (Gear.PAUSE, 0.1, JUST_BEFORE, Gear.FORWARD),
        (Gear.REVERSE, -0.1, 9.0, Gear.REVERSE),
        (Gear.REVERSE, 0.0, 9.0, Gear.REVERSE),
        (Gear.REVERSE, 0.1, 0.0, Gear.FORWARD),
    ],
)
def test_a_double_tap_controller_is_led_into_reverse(
    gear: Gear, speed_mps: float, elapsed_s: float, next_gear: Gear
) -> None:
    state = shifted(EscState(gear, 0.0), speed_mps, DOUBLE_TAP, elapsed_s)
    assert state.gear is next_gear
    assert state.since_s == (0.0 if next_gear is gear else elapsed_s)


def test_the_time_in_a_gear_counts_from_its_beginning() -> None:
    assert EscState() == EscState(Gear.FORWARD, 0.0)
    late = EscState(Gear.BRAKE, 100.0)
    assert shifted(late, -0.1, DOUBLE_TAP, 100.0 + JUST_BEFORE).gear is Gear.BRAKE
    assert shifted(late, -0.1, DOUBLE_TAP, 100.0 + 2 * TAP_S).gear is Gear.PAUSE


@pytest.mark.parametrize(("reverse", "gear"), [(Reverse.NONE, Gear.FORWARD), (Reverse.DIRECT, Gear.REVERSE)])
def test_other_controllers_need_no_leading(reverse: Reverse, gear: Gear) -> None:
    assert shifted(EscState(), -0.1, EscProfile(reverse=reverse), 1.0).gear is gear


@pytest.mark.parametrize("gear", list(Gear))
def test_a_backward_pulse_comes_only_while_braking_or_reversing_and_forward_always_passes(gear: Gear) -> None:
    assert speed_in_gear(EscState(gear), -0.4) == (-0.4 if gear in (Gear.BRAKE, Gear.REVERSE) else 0.0)
    assert speed_in_gear(EscState(gear), 0.4) == 0.4
    assert speed_in_gear(EscState(gear), 0.0) == 0.0


def test_the_calibration_says_which_kind_of_controller_it_is() -> None:
    known = shipped_profile("emulated").throttle.changed(stops_without_pulses_s="holds")
    assert esc_profile(known) == EscProfile(1.0, Reverse.DIRECT, "holds")
    assert esc_profile(shipped_profile("deepracer").throttle) == EscProfile(3.0, Reverse.DOUBLE_TAP)
    assert esc_profile(shipped_profile("emulated").throttle) == EscProfile(1.0, Reverse.DIRECT)
