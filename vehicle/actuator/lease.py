"""A lease: one driving command with a short life.

Expired, stale or refused, it means zero throttle, never "keep the last".

All times are on the monotonic clock, which every process of one computer shares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from shared.actions import Action

LONGEST_TTL_S = 0.100  # a lease is renewed every 20 ms; this survives four lost renewals
OLDEST_ISSUE_S = 0.050  # a command that was this long on its way belongs to another moment
CLOCK_SLACK_S = 0.001  # "issued in the future": clocks are shared, so only rounding excuses it

# No car of this scale does more; a command beyond is a fault of its sender, not a wish to be clipped.
STEEPEST_ANGLE_DEG = 60.0
HIGHEST_SPEED_MPS = 15.0
SHORTEST_PULSE_US, LONGEST_PULSE_US = 900.0, 2100.0  # what every hobby servo and speed controller survives


class Driver(StrEnum):
    """Where commands come from. One source at a time, chosen when the car is armed."""

    AUTONOMOUS = "autonomous"
    MANUAL = "manual"


# How old the thing a command rests on may be: the frame the model saw, the last word of the phone.
OLDEST_BASIS_S = {Driver.AUTONOMOUS: 0.170, Driver.MANUAL: 0.300}


@dataclass(frozen=True, slots=True)
class Pulses:
    """Both pulses themselves: what a calibration asks for, which is there to find out what they mean.

    silent: no throttle pulse at all, to see what the speed controller does then; throttle_us is for afterwards.
    """

    steering_us: float
    throttle_us: float
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to drive for ttl_s from issued_at_s.

    epoch: the arming it belongs to; every arming has a new one.
    sequence: rises with every lease of an epoch, so that a repeated or late one is known as such.
    rests_on_s: when the frame was taken, or the phone heard, that led to this action.
    """

    epoch: int
    driver: Driver
    sequence: int
    issued_at_s: float
    ttl_s: float
    action: Action | Pulses
    rests_on_s: float


def refusal(
    lease: Lease, *, now_s: float, epoch: int, driver: Driver, last_sequence: int, takes_pulses: bool = False
) -> str | None:
    """Why a lease that just arrived is refused; None when it is good. Pure."""
    if not all(math.isfinite(number) for number in (lease.issued_at_s, lease.ttl_s, lease.rests_on_s)):
        return "the command is not finite"
    if lease.driver is not driver or lease.epoch != epoch:
        return "the command belongs to another arming"
    if isinstance(lease.action, Pulses) is not takes_pulses:
        return "the command is not of the kind that the car was armed for"
    if lease.sequence <= last_sequence:
        return "the command was repeated or overtaken"
    if not 0 < lease.ttl_s <= LONGEST_TTL_S:
        return f"the command wants to live {lease.ttl_s:g} s, allowed is {LONGEST_TTL_S:g} s"
    problem = _unfit(lease.action)
    if problem is not None:
        return problem
    if lease.issued_at_s > now_s + CLOCK_SLACK_S or lease.rests_on_s > now_s + CLOCK_SLACK_S:
        return "the command comes from the future"
    if now_s - lease.issued_at_s > OLDEST_ISSUE_S:
        return "the command was too long on its way"
    return lapse(lease, now_s)


def lapse(lease: Lease, now_s: float) -> str | None:
    """Why an accepted lease no longer holds; None while it does. Pure."""
    if now_s - lease.issued_at_s > lease.ttl_s:
        return "the command expired"
    if now_s - lease.rests_on_s > OLDEST_BASIS_S[lease.driver]:
        return "the camera stands still" if lease.driver is Driver.AUTONOMOUS else "the phone is silent"
    return None


def lapses_at_s(lease: Lease) -> float:
    """The last moment at which an accepted lease holds. Pure."""
    return min(lease.issued_at_s + lease.ttl_s, lease.rests_on_s + OLDEST_BASIS_S[lease.driver])


def _unfit(action: Action | Pulses) -> str | None:
    """NaN compares false with everything, so it is looked for by name."""
    if isinstance(action, Pulses):
        numbers = (action.steering_us, action.throttle_us)
        fits = all(SHORTEST_PULSE_US <= pulse_us <= LONGEST_PULSE_US for pulse_us in numbers)
    else:
        numbers = (action.steering_angle_deg, action.speed_mps)
        fits = abs(numbers[0]) <= STEEPEST_ANGLE_DEG and abs(numbers[1]) <= HIGHEST_SPEED_MPS
    if not all(math.isfinite(number) for number in numbers):
        return "the command is not finite"
    return None if fits else "the command is out of range"
