"""From degrees and metres per second to pulses. Pure; every result lies within the profile's limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from calibration.profile import CalibrationProfile, SteeringCalibration, ThrottleCalibration
from shared.errors import CalibrationError


def steering_pulse_us(profile: CalibrationProfile, angle_deg: float, max_angle_deg: float | None = None) -> float:
    """The pulse for a wheel angle, positive left; angles beyond the limits give the limit. NaN is refused.

    max_angle_deg: what counts as full lock when there is no measured map (None: the profile's own). DeepRacer
    gives full lock at the largest angle of the model's action space.
    """
    _check_finite("steering angle", angle_deg)
    steering = profile.steering
    if steering.points:
        return _measured_steering_us(steering, angle_deg)
    full_lock_deg = steering.max_angle_deg if max_angle_deg is None else max_angle_deg
    _check_positive("largest steering angle", full_lock_deg)
    fraction = min(max(angle_deg / full_lock_deg, -1.0), 1.0)
    end_us = steering.left_us if fraction > 0 else steering.right_us
    return _between(steering.trimmed_centre_us, end_us, abs(fraction))


def throttle_pulse_us(profile: CalibrationProfile, speed_mps: float, top_speed_mps: float) -> float:
    """The pulse for a speed, negative backwards; speeds beyond the limits give the limit. NaN is refused.

    With a measured map the speed is what the map says; below its slowest point the pulse goes down to where
    the motor begins, so that a car asked to crawl never gets the slowest speed somebody measured. Without one
    it is DeepRacer's curve of speed over the
    model's top speed, laid over the range from the dead band to the limit. Speed 0 is always exactly neutral.
    """
    _check_finite("speed", speed_mps)
    throttle = profile.throttle
    if speed_mps == 0.0:
        return throttle.trimmed_neutral_us
    if throttle.points and speed_mps > 0.0:
        return _measured_throttle_us(throttle, speed_mps)
    end_us = throttle.forward_us if speed_mps > 0.0 else throttle.reverse_us
    return _between(_motor_start_us(throttle, end_us), end_us, throttle_fraction(abs(speed_mps), top_speed_mps))


def throttle_fraction(speed_mps: float, top_speed_mps: float) -> float:
    """DeepRacer's curve y = -1.2/M^2 s^2 + 2.2/M s for 0 <= s <= M: by (M/2, 0.8) and (M, 1), at most 1.

    M is the fastest speed of the model. Beyond M the parabola would fall again; here it stays at 1.
    """
    _check_finite("speed", speed_mps)
    _check_positive("top speed", top_speed_mps)
    share = min(max(speed_mps / top_speed_mps, 0.0), 1.0)
    return min((2.2 - 1.2 * share) * share, 1.0)


@dataclass(frozen=True, slots=True)
class CalibratedPulses:
    """A profile as the actuator uses it."""

    profile: CalibrationProfile

    def steering_pulse_us(self, steering_angle_deg: float) -> float:
        return steering_pulse_us(self.profile, steering_angle_deg)

    def throttle_pulse_us(self, speed_mps: float, *, top_speed_mps: float) -> float:
        return throttle_pulse_us(self.profile, speed_mps, top_speed_mps)


def _measured_steering_us(steering: SteeringCalibration, angle_deg: float) -> float:
    angles_deg = [point.angle_deg for point in steering.points]
    pulse_us = float(np.interp(angle_deg, angles_deg, [point.pulse_us for point in steering.points]))
    return _within(pulse_us + steering.trim_us, steering.left_us, steering.right_us)


def _measured_throttle_us(throttle: ThrottleCalibration, speed_mps: float) -> float:
    speeds_mps = [point.speed_mps for point in throttle.points]
    pulses_us = [point.pulse_us for point in throttle.points]
    if speeds_mps[0] > 0.0:
        start_us = _motor_start_us(throttle, throttle.forward_us)
        speeds_mps.insert(0, 0.0)
        pulses_us.insert(0, _within(start_us, throttle.trimmed_neutral_us, pulses_us[0]))
    pulse_us = float(np.interp(speed_mps, speeds_mps, pulses_us))
    return _within(pulse_us, throttle.trimmed_neutral_us, throttle.forward_us)


def _motor_start_us(throttle: ThrottleCalibration, end_us: float) -> float:
    """The edge of the dead band on the side of end_us."""
    neutral_us = throttle.trimmed_neutral_us
    return neutral_us + math.copysign(throttle.dead_band_towards(end_us), end_us - neutral_us)


def _between(start_us: float, end_us: float, fraction: float) -> float:
    """start at 0, exactly end at 1, and never a rounding error beyond either."""
    return _within(start_us + (end_us - start_us) * fraction, start_us, end_us)


def _within(pulse_us: float, one_end_us: float, other_end_us: float) -> float:
    return min(max(pulse_us, min(one_end_us, other_end_us)), max(one_end_us, other_end_us))


def _check_finite(name: str, value: float) -> None:
    if not math.isfinite(value):
        raise CalibrationError(f"The {name} is {value}, which is not a number that wheels can follow.")


def _check_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0.0):
        raise CalibrationError(f"The {name} is {value}; it must be a number above 0.")
