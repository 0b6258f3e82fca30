"""How this car's speed controller (ESC) wants to be spoken to: its arming, and the way into reverse. Pure.

Most controllers of model cars take the first backward pulse as a brake. To go backwards they want to hear
backward, neutral, and backward again. The dead band is the calibration's affair: see calibration/pulses.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from calibration.profile import StopsWithoutPulses, ThrottleCalibration

TAP_S = 0.15  # seven pulses: long enough for a controller to take it for a brake, and to notice its end
LEAST_ARMING_S = 1.0


class Reverse(StrEnum):
    """How the controller goes backwards."""

    NONE = "none"
    DIRECT = "direct"
    DOUBLE_TAP = "double_tap"


@dataclass(frozen=True, slots=True)
class EscProfile:
    """arming_s: neutral for this long after the pulses began, before the motor obeys.

    stops_without_pulses_s: what it does when they stop, as in the calibration.
    """

    arming_s: float = LEAST_ARMING_S
    reverse: Reverse = Reverse.DIRECT
    stops_without_pulses_s: StopsWithoutPulses = None


def esc_profile(throttle: ThrottleCalibration) -> EscProfile:
    """What this car's calibration says of its controller."""
    return EscProfile(throttle.arming_s, Reverse(throttle.reverse), throttle.stops_without_pulses_s)


class Gear(StrEnum):
    """What the controller makes of a backward pulse."""

    FORWARD = "forward"
    BRAKE = "brake"
    PAUSE = "pause"
    REVERSE = "reverse"


@dataclass(frozen=True, slots=True)
class EscState:
    """since_s: when the gear was changed."""

    gear: Gear = Gear.FORWARD
    since_s: float = 0.0


def shifted(state: EscState, speed_mps: float, profile: EscProfile, now_s: float) -> EscState:
    """The gear for a wanted speed. Neutral keeps reverse; forward ends it; a tap let go too early counts as none."""
    elapsed_s = now_s - state.since_s
    if speed_mps > 0.0 or (speed_mps == 0.0 and state.gear is Gear.BRAKE):
        return state if state.gear is Gear.FORWARD else EscState(Gear.FORWARD, now_s)
    if state.gear is Gear.FORWARD and speed_mps < 0.0 and profile.reverse is not Reverse.NONE:
        return EscState(Gear.REVERSE if profile.reverse is Reverse.DIRECT else Gear.BRAKE, now_s)
    if state.gear is Gear.BRAKE and elapsed_s >= TAP_S:
        return EscState(Gear.PAUSE, now_s)
    if state.gear is Gear.PAUSE and elapsed_s >= TAP_S:
        return EscState(Gear.REVERSE, now_s)
    return state


def speed_in_gear(state: EscState, speed_mps: float) -> float:
    """What of a wanted speed may become a pulse now."""
    if speed_mps >= 0.0:
        return speed_mps
    return speed_mps if state.gear in (Gear.BRAKE, Gear.REVERSE) else 0.0
