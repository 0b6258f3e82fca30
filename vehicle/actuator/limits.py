"""The last stage before the pulses. Pure: no clock, no device, no state."""

from __future__ import annotations

import math

from pydantic import Field

from calibration.wizard.rules import THROTTLE_RATE_US_PER_S
from shared.actions import STOP, Action
from shared.settings import Settings
from vehicle.actuator.lease import LONGEST_PULSE_US, SHORTEST_PULSE_US, Pulses

# While a car is being calibrated nobody knows yet what a pulse does to the motor, so it comes slowly.
CALIBRATION_THROTTLE_RATE_US_PER_S = THROTTLE_RATE_US_PER_S


class DriveLimits(Settings):
    """What the car may do at most."""

    max_speed_mps: float = Field(1.5, gt=0, le=8, description="Top speed, whatever the model asks for.")
    max_reverse_speed_mps: float = Field(0.0, ge=0, le=2, description="Top speed backwards; 0 forbids reverse.")
    max_steering_angle_deg: float = Field(30.0, gt=0, le=45, description="Largest steering angle, either side.")
    acceleration_mps2: float = Field(15.0, gt=0, le=50, description="How fast the asked speed may grow.")
    steering_rate_dps: float = Field(1500.0, gt=0, le=5000, description="How fast the asked angle may change.")


def limit_action(
    wanted: Action, previous: Action, limits: DriveLimits, *, dt_s: float, speed_cap_mps: float = math.inf
) -> Action:
    """The action that may follow `previous` after dt_s.

    speed_cap_mps: what mode, model and health allow besides the limits; either direction.

    What is not a number stops the car and holds the wheels.

    Braking is never delayed: only speed away from zero is slewed. A change of direction passes through zero.
    """
    numbers = (wanted.steering_angle_deg, wanted.speed_mps, dt_s)
    if not all(math.isfinite(number) for number in numbers) or dt_s < 0 or not speed_cap_mps >= 0:
        return Action(previous.steering_angle_deg, STOP.speed_mps)
    largest_deg, turn_deg = limits.max_steering_angle_deg, limits.steering_rate_dps * dt_s
    angle_deg = _clamped(wanted.steering_angle_deg, -largest_deg, largest_deg)
    angle_deg = _clamped(angle_deg, previous.steering_angle_deg - turn_deg, previous.steering_angle_deg + turn_deg)
    fastest_mps = min(limits.max_speed_mps, speed_cap_mps)
    speed_mps = _clamped(wanted.speed_mps, -min(limits.max_reverse_speed_mps, speed_cap_mps), fastest_mps)
    return Action(angle_deg, _slewed(speed_mps, previous.speed_mps, limits.acceleration_mps2 * dt_s))


def limit_pulses(wanted: Pulses, previous: Pulses, *, neutral_us: float, dt_s: float) -> Pulses:
    """The pulses of a calibration that may follow `previous` after dt_s.

    As for actions: what is not a number gives neutral and holds the wheels, and only throttle away from
    neutral is slewed. After silence it begins at neutral.
    """
    if not all(math.isfinite(number) for number in (wanted.steering_us, wanted.throttle_us, dt_s)) or dt_s < 0:
        return Pulses(previous.steering_us, neutral_us)
    if wanted.silent:
        return Pulses(_clamped(wanted.steering_us, SHORTEST_PULSE_US, LONGEST_PULSE_US), neutral_us, silent=True)
    throttle_us = _clamped(wanted.throttle_us, SHORTEST_PULSE_US, LONGEST_PULSE_US)
    step_us = CALIBRATION_THROTTLE_RATE_US_PER_S * dt_s
    offset_us = _slewed(throttle_us - neutral_us, previous.throttle_us - neutral_us, step_us)
    return Pulses(_clamped(wanted.steering_us, SHORTEST_PULSE_US, LONGEST_PULSE_US), neutral_us + offset_us)


def _slewed(wanted: float, previous: float, step: float) -> float:
    if wanted * previous < 0:
        return 0.0
    if abs(wanted) <= abs(previous):
        return wanted
    return _clamped(wanted, previous - step, previous + step)


def _clamped(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
