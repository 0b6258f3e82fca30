"""A lease is refused for every reason there is, and good otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.actions import Action
from vehicle.actuator.lease import (
    CLOCK_SLACK_S,
    LONGEST_TTL_S,
    OLDEST_ISSUE_S,
    Driver,
    Lease,
    Pulses,
    lapse,
    lapses_at_s,
    refusal,
)

NOW_S = 1000.0
GOOD = Lease(
    epoch=7,
    driver=Driver.AUTONOMOUS,
    sequence=5,
    issued_at_s=NOW_S,
    ttl_s=LONGEST_TTL_S,
    action=Action(10.0, 1.0),
    rests_on_s=NOW_S - 0.02,
)
NAN, INFINITY = float("nan"), float("inf")


def why_refused(lease: Lease, now_s: float = NOW_S) -> str | None:
    return refusal(lease, now_s=now_s, epoch=7, driver=Driver.AUTONOMOUS, last_sequence=4)


def test_a_good_lease_is_accepted() -> None:
    assert why_refused(GOOD) is None


@pytest.mark.parametrize(
    ("lease", "reason"),
    [
        (replace(GOOD, epoch=6), "another arming"),
        (replace(GOOD, driver=Driver.MANUAL), "another arming"),
        (replace(GOOD, sequence=4), "repeated"),
        (replace(GOOD, ttl_s=0.1001), "wants to live"),
        (replace(GOOD, ttl_s=0.0), "wants to live"),
        (replace(GOOD, ttl_s=-1.0), "wants to live"),
        (replace(GOOD, issued_at_s=NOW_S + 0.01), "future"),
        (replace(GOOD, rests_on_s=NOW_S + 0.01), "future"),
        (replace(GOOD, issued_at_s=NOW_S - OLDEST_ISSUE_S - 0.001), "on its way"),
        (replace(GOOD, rests_on_s=NOW_S - 0.1701), "camera stands still"),
        (replace(GOOD, action=Action(61.0, 1.0)), "out of range"),
        (replace(GOOD, action=Action(-61.0, 1.0)), "out of range"),
        (replace(GOOD, action=Action(0.0, 15.1)), "out of range"),
        (replace(GOOD, action=Action(0.0, -15.1)), "out of range"),
    ],
)
def test_a_bad_lease_is_refused_with_its_reason(lease: Lease, reason: str) -> None:
    assert reason in (why_refused(lease) or "accepted")


@pytest.mark.parametrize(
    "lease",
    [
        replace(GOOD, action=Action(60.0, 15.0)),
        replace(GOOD, action=Action(-60.0, -15.0)),
        replace(GOOD, issued_at_s=NOW_S + 0.0009, rests_on_s=NOW_S + 0.0009),
        replace(GOOD, issued_at_s=NOW_S - 0.049),
        replace(GOOD, rests_on_s=NOW_S - 0.169),
    ],
)
def test_a_lease_just_within_the_bounds_is_accepted(lease: Lease) -> None:
    assert why_refused(lease) is None


AT_ZERO = replace(GOOD, issued_at_s=0.0, rests_on_s=0.0)  # where differences of times are exact


@pytest.mark.parametrize(
    "lease",
    [
        replace(AT_ZERO, issued_at_s=CLOCK_SLACK_S),
        replace(AT_ZERO, rests_on_s=CLOCK_SLACK_S),
        replace(AT_ZERO, issued_at_s=-OLDEST_ISSUE_S),
        replace(AT_ZERO, rests_on_s=-0.170),
    ],
)
def test_a_lease_exactly_at_a_bound_is_accepted(lease: Lease) -> None:
    assert why_refused(lease, now_s=0.0) is None


def test_a_lease_holds_to_the_very_end_of_its_times() -> None:
    assert lapse(AT_ZERO, LONGEST_TTL_S) is None
    assert lapse(replace(AT_ZERO, ttl_s=1.0), 0.170) is None
    assert lapse(replace(AT_ZERO, ttl_s=1.0, driver=Driver.MANUAL), 0.300) is None


def test_when_a_lease_lapses_is_known_beforehand() -> None:
    for lease in (
        AT_ZERO,
        replace(AT_ZERO, rests_on_s=-0.1),
        replace(AT_ZERO, driver=Driver.MANUAL, ttl_s=1.0),
        replace(AT_ZERO, ttl_s=0.03),
    ):
        assert lapse(lease, lapses_at_s(lease)) is None
        assert lapse(lease, lapses_at_s(lease) + 1e-9) is not None


@pytest.mark.parametrize("number", [NAN, INFINITY, -INFINITY])
@pytest.mark.parametrize("field", ["issued_at_s", "ttl_s", "rests_on_s", "steering_angle_deg", "speed_mps"])
def test_what_is_not_finite_is_refused_by_name(field: str, number: float) -> None:
    if field in ("steering_angle_deg", "speed_mps"):
        lease = replace(GOOD, action=replace(GOOD.action, **{field: number}))
    else:
        lease = replace(GOOD, **{field: number})
    assert why_refused(lease) == "the command is not finite"


def test_a_lease_ends_with_its_time_to_live() -> None:
    fresh = replace(GOOD, rests_on_s=NOW_S)
    assert lapse(fresh, NOW_S + LONGEST_TTL_S - 0.001) is None
    assert lapse(fresh, NOW_S + LONGEST_TTL_S + 0.001) == "the command expired"


def test_a_lease_ends_when_what_it_rests_on_is_too_old() -> None:
    assert lapse(GOOD, NOW_S - 0.02 + 0.0999) is None
    old = replace(GOOD, rests_on_s=NOW_S - 0.1)
    assert lapse(old, NOW_S + 0.0699) is None
    assert lapse(old, NOW_S + 0.0701) == "the camera stands still"
    phone = replace(GOOD, driver=Driver.MANUAL, rests_on_s=NOW_S - 0.25)
    assert lapse(phone, NOW_S + 0.0499) is None
    assert lapse(phone, NOW_S + 0.0501) == "the phone is silent"


PULSES = replace(GOOD, driver=Driver.MANUAL, action=Pulses(1480.0, 1500.0))


def why_pulses_refused(lease: Lease, *, takes_pulses: bool = True) -> str | None:
    return refusal(lease, now_s=NOW_S, epoch=7, driver=Driver.MANUAL, last_sequence=4, takes_pulses=takes_pulses)


def test_pulses_are_for_calibrations_and_actions_for_everything_else() -> None:
    assert why_pulses_refused(PULSES) is None
    assert "kind" in (why_pulses_refused(PULSES, takes_pulses=False) or "")
    assert "kind" in (why_pulses_refused(replace(PULSES, action=Action(0.0, 0.0))) or "")


@pytest.mark.parametrize("pulse_us", [900.0, 2100.0])
def test_pulses_that_every_servo_takes_are_accepted(pulse_us: float) -> None:
    assert why_pulses_refused(replace(PULSES, action=Pulses(pulse_us, 1500.0))) is None
    assert why_pulses_refused(replace(PULSES, action=Pulses(1500.0, pulse_us))) is None


@pytest.mark.parametrize("pulse_us", [899.9, 2100.1, 0.0, -1500.0])
def test_pulses_beyond_are_refused(pulse_us: float) -> None:
    assert why_pulses_refused(replace(PULSES, action=Pulses(pulse_us, 1500.0))) == "the command is out of range"
    assert why_pulses_refused(replace(PULSES, action=Pulses(1500.0, pulse_us))) == "the command is out of range"


@pytest.mark.parametrize("number", [NAN, INFINITY, -INFINITY])
def test_pulses_that_are_not_finite_are_refused_by_name(number: float) -> None:
    for action in (Pulses(number, 1500.0), Pulses(1500.0, number)):
        assert why_pulses_refused(replace(PULSES, action=action)) == "the command is not finite"
