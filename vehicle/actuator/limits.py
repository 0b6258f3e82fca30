"""The last stage before the pulses. Pure: no clock, no device, no state."""

from __future__ import annotations

import math

from pydantic import Field

from shared.actions import STOP, Action
from shared.settings import Settings


class DriveLimits(Settings):
    """What the car may do at most."""

    max_speed_mps: float = Field(1.5, gt=0, le=8, description="Top speed, whatever the model asks for.")
    max_reverse_speed_mps: float = Field(0.0, ge=0, le=2, description="Top speed backwards; 0 forbids reverse.")
    max_steering_angle_deg: float = Field(30.0, gt=0, le=45, description="Largest steering angle, either side.")
    acceleration_mps2: float = Field(15.0, gt=0, le=50, description="How fast the asked speed may grow.")
    steering_rate_dps: float = Field(1500.0, gt=0, le=5000, description="How fast the asked angle may change.")


def limit_action(wanted: Action, previous: Action, limits: DriveLimits, *, dt_s: float) -> Action:
    """The action that may follow `previous` after dt_s.

    What is not a number stops the car and holds the wheels.

    Braking is never delayed: only speed away from zero is slewed. A change of direction passes through zero.
    """
    numbers = (wanted.steering_angle_deg, wanted.speed_mps, dt_s)
    if not all(math.isfinite(number) for number in numbers) or dt_s < 0:
        return Action(previous.steering_angle_deg, STOP.speed_mps)
    largest_deg, turn_deg = limits.max_steering_angle_deg, limits.steering_rate_dps * dt_s
    angle_deg = _clamped(wanted.steering_angle_deg, -largest_deg, largest_deg)
    angle_deg = _clamped(angle_deg, previous.steering_angle_deg - turn_deg, previous.steering_angle_deg + turn_deg)
    speed_mps = _clamped(wanted.speed_mps, -limits.max_reverse_speed_mps, limits.max_speed_mps)
    return Action(angle_deg, _slewed_speed(speed_mps, previous.speed_mps, limits.acceleration_mps2 * dt_s))


def _slewed_speed(wanted_mps: float, previous_mps: float, step_mps: float) -> float:
    if wanted_mps * previous_mps < 0:
        return 0.0
    if abs(wanted_mps) <= abs(previous_mps):
        return wanted_mps
    return _clamped(wanted_mps, previous_mps - step_mps, previous_mps + step_mps)


def _clamped(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
