"""What a car makes of a command, as its calibration has it: the command becomes a pulse, the pulse what was measured.

It is how a simulator becomes this car: limits that differ from side to side, and the steps of the servo board's chip,
are felt as on the road. Pure.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.profile import CalibrationProfile
from calibration.pulses import steering_pulse_us, throttle_pulse_us

Floats = NDArray[np.float64]

PERIOD_HZ, COUNTS = 50, 4096  # of the PCA9685
ANGLE_STEP_DEG, MOST_ANGLE_DEG = 0.05, 60.0
SPEED_STEP_MPS, MOST_SPEED_MPS = 0.005, 20.0


def step_us(chip_clock_hz: float) -> float:
    """How far apart two pulses are that the board can make; its prescaler is a whole number."""
    return 1e6 * round(chip_clock_hz / (PERIOD_HZ * COUNTS)) / chip_clock_hz


def angle_of_pulse_deg(profile: CalibrationProfile, pulse_us: float) -> float:
    """The wheel angle that the profile says a pulse gives, positive left."""
    steering = profile.steering
    if steering.points:
        found = sorted((point.pulse_us, point.angle_deg) for point in steering.points)
        at_us, angles_deg = zip(*found)
        return float(np.interp(pulse_us - steering.trim_us, at_us, angles_deg))
    centre_us = steering.trimmed_centre_us
    is_left = (pulse_us > centre_us) == (steering.polarity > 0)
    end_us = steering.left_us if is_left else steering.right_us
    share = min(abs(pulse_us - centre_us) / abs(end_us - centre_us), 1.0)
    return share * steering.max_angle_deg * (1.0 if is_left else -1.0)


def speed_of_pulse_mps(profile: CalibrationProfile, pulse_us: float) -> float:
    """The forward speed that the measured map says a pulse gives; 0 at neutral, on the other side, without a map."""
    throttle = profile.throttle
    offset_us = (pulse_us - throttle.trimmed_neutral_us) * throttle.polarity
    if not throttle.points or offset_us <= 0.0:
        return 0.0
    offsets_us = [abs(point.pulse_us - throttle.trimmed_neutral_us) for point in throttle.points]
    speeds_mps = [point.speed_mps for point in throttle.points]
    if speeds_mps[0] > 0.0:
        offsets_us.insert(0, min(throttle.dead_band_us, offsets_us[0]))
        speeds_mps.insert(0, 0.0)
    return float(np.interp(offset_us, offsets_us, speeds_mps))


class CarResponse:
    """Asked for angles and speeds, gives those that the car would drive. Both come from tables made once."""

    def __init__(self, profile: CalibrationProfile) -> None:
        grid_us = step_us(profile.chip_clock_hz)
        half = round(MOST_ANGLE_DEG / ANGLE_STEP_DEG)
        self._angles_deg = np.array(
            [
                angle_of_pulse_deg(profile, _stepped(steering_pulse_us(profile, index * ANGLE_STEP_DEG), grid_us))
                for index in range(-half, half + 1)
            ]
        )
        self._half = half
        self._speeds_mps: Floats | None = None
        if profile.throttle.points:
            self._speeds_mps = np.array(
                [
                    speed_of_pulse_mps(profile, _stepped(throttle_pulse_us(profile, speed_mps, 1.0), grid_us))
                    for speed_mps in np.arange(0.0, MOST_SPEED_MPS, SPEED_STEP_MPS)
                ]
            )

    def angles_deg(self, asked_deg: ArrayLike) -> Floats:
        """Wheel angles for those asked for."""
        index = np.rint(np.asarray(asked_deg, np.float64) / ANGLE_STEP_DEG)
        return self._angles_deg[np.clip(index, -self._half, self._half).astype(np.int64) + self._half]

    def speeds_mps(self, asked_mps: ArrayLike) -> Floats:
        """Speeds for those asked for. Backwards, and without a measured map, nobody knows better than what was "
        "asked."""
        asked = np.asarray(asked_mps, np.float64)
        if self._speeds_mps is None:
            return asked
        index = np.clip(np.rint(asked / SPEED_STEP_MPS), 0, len(self._speeds_mps) - 1).astype(np.int64)
        return np.where(asked > 0.0, self._speeds_mps[index], asked)

    @property
    def top_speed_mps(self) -> float:
        """The fastest forward; infinity where nobody measured."""
        return math.inf if self._speeds_mps is None else float(self._speeds_mps.max())


def _stepped(pulse_us: float, grid_us: float) -> float:
    """The nearest pulse that the board can make."""
    return round(pulse_us / grid_us) * grid_us
