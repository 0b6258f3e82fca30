"""From slow circles to a steering map: pulse -> angle of the front wheels, with its error. Pure.

The angle is that of the one front wheel of a bicycle of the car's wheelbase: tan(angle) = wheelbase / radius of the
rear axle's circle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from calibration.profile import SteeringCalibration, SteeringPoint
from shared.errors import CalibrationError

Floats = NDArray[np.float64]

FARTHEST_SEEN_M = 3.0  # ranges beyond count as this: far things look much the same from everywhere on the circle
RETURNED_SHARE = 0.35  # of the mean difference between scans: below, the car is where it was
SHORTEST_REVOLUTION_S = 0.8


@dataclass(frozen=True, slots=True)
class Circle:
    """One circle driven at one steering pulse. angle_deg: positive left."""

    pulse_us: float
    angle_deg: float
    error_deg: float


def circle_from_diameter(
    pulse_us: float, diameter_m: float, *, turned_left: bool, wheelbase_m: float, error_m: float = 0.01
) -> Circle:
    """diameter_m: straight across, from the middle of the car to the middle of the car half a turn later."""
    if not wheelbase_m < diameter_m < 1000.0:
        raise CalibrationError(
            f"A circle of {diameter_m:g} m cannot be driven by a car with {wheelbase_m:g} m between its axles. "
            "Measure straight across, from the car's middle to its middle half a turn later, in metres."
        )
    angle_deg = _angle_deg(0.5 * diameter_m, wheelbase_m)
    error_deg = abs(angle_deg - _angle_deg(0.5 * (diameter_m + error_m), wheelbase_m))
    return Circle(pulse_us, angle_deg if turned_left else -angle_deg, error_deg)


def circle_from_revolution(
    pulse_us: float,
    revolution_s: float,
    speed_mps: float,
    *,
    turned_left: bool,
    wheelbase_m: float,
    speed_error_mps: float = 0.0,
) -> Circle:
    """revolution_s: how long one whole turn took at a known speed."""
    if not (revolution_s > 0.0 and speed_mps > 0.0):
        raise CalibrationError("A turn needs a time and a speed above 0.")
    diameter_m = revolution_s * speed_mps / math.pi
    error_m = diameter_m * (speed_error_mps / speed_mps + 0.01)
    return circle_from_diameter(pulse_us, diameter_m, turned_left=turned_left, wheelbase_m=wheelbase_m, error_m=error_m)


def straight_angle_deg(turned_deg: float, driven_m: float, wheelbase_m: float) -> float:
    """Where the wheels really point when they should point ahead: the heading changed by turned_deg over driven_m."""
    return math.degrees(math.atan(wheelbase_m * math.radians(turned_deg) / driven_m))


def revolution_s(times_s: Floats, scans_m: Floats) -> float | None:
    """How long a car that drives in circles takes for one: when its LiDAR sees again what it saw.

    times_s (N,), scans_m (N, rays), every ray at the same angle in each. What is not finite or not above 0 saw nothing.
    None when the car did not come round once.
    """
    times_s = np.asarray(times_s, np.float64)
    if len(times_s) < 8:
        return None
    scans_m = np.nan_to_num(np.asarray(scans_m, np.float64), nan=FARTHEST_SEEN_M, posinf=FARTHEST_SEEN_M)
    scans_m = np.minimum(np.where(scans_m > 0.0, scans_m, FARTHEST_SEEN_M), FARTHEST_SEEN_M)
    even_s, scans_m = _evenly(times_s, scans_m)
    spacing_s = even_s[1] - even_s[0]
    shifts = np.arange(1, len(even_s) - 2)
    differs = np.array([float(np.mean(np.abs(scans_m[shift:] - scans_m[:-shift]))) for shift in shifts])
    typical = float(np.median(differs))
    for index in range(1, len(shifts) - 1):
        is_lowest = differs[index] <= differs[index - 1] and differs[index] < differs[index + 1]
        if (
            is_lowest
            and differs[index] < RETURNED_SHARE * typical
            and shifts[index] * spacing_s >= SHORTEST_REVOLUTION_S
        ):
            return float((shifts[index] + _vertex(differs[index - 1 : index + 2])) * spacing_s)
    return None


@dataclass(frozen=True, slots=True)
class SteeringMap:
    """points: right to left. error_deg: typical error of an angle."""

    points: tuple[SteeringPoint, ...]
    error_deg: float

    def pulse_us(self, angle_deg: float) -> float:
        """The pulse that turns the wheels so far; nothing is known beyond the first and the last point."""
        angles_deg = [point.angle_deg for point in self.points]
        return float(np.interp(angle_deg, angles_deg, [point.pulse_us for point in self.points]))

    def points_between(self, right_us: float, left_us: float) -> tuple[SteeringPoint, ...]:
        """As a profile holds them, none beyond the limits: a circle's pulse is one that the board makes, a limit is
        not.
        """
        low_us, high_us = min(right_us, left_us), max(right_us, left_us)
        known = sorted((point.pulse_us, point.angle_deg) for point in self.points)
        at_us, angles_deg = zip(*known)
        kept_us = {pulse_us for pulse_us in at_us if low_us <= pulse_us <= high_us}
        kept_us |= {low_us} if at_us[0] < low_us else set()
        kept_us |= {high_us} if at_us[-1] > high_us else set()
        found = [(float(np.interp(pulse_us, at_us, angles_deg)), pulse_us) for pulse_us in kept_us]
        return tuple(SteeringPoint(pulse_us=pulse_us, angle_deg=round(deg, 3)) for deg, pulse_us in sorted(found))


def steering_map_of(steering: SteeringCalibration) -> SteeringMap | None:
    """The one that a profile holds, its trim within the pulses; None where it holds none."""
    if not steering.points:
        return None
    points = tuple(point.changed(pulse_us=point.pulse_us + steering.trim_us) for point in steering.points)
    return SteeringMap(points, steering.error_deg or 0.0)


def fit_steering_map(circles: Sequence[Circle], centre_us: float, straight_deg: float = 0.0) -> SteeringMap:
    """A rising curve of angles through circles to both sides and the pulse of straight ahead.

    straight_deg: what the centre was measured to be. Several circles at one pulse count together. CalibrationError
    when a side is missing, or the angles do not rise from right to left.
    """
    if not (any(circle.angle_deg > 0 for circle in circles) and any(circle.angle_deg < 0 for circle in circles)):
        raise CalibrationError(
            "A steering map needs circles to both sides. Drive one to the left and one to the right."
        )
    angles_at: dict[float, list[float]] = {centre_us: [straight_deg]}
    for circle in circles:
        angles_at.setdefault(circle.pulse_us, []).append(circle.angle_deg)
    means = {pulse_us: float(np.mean(angles_deg)) for pulse_us, angles_deg in angles_at.items()}
    ordered = sorted(means.items(), key=lambda item: item[1])
    pulses_us = [pulse_us for pulse_us, _ in ordered]
    rises = [later - earlier for earlier, later in pairwise(pulses_us)]
    if not (all(rise > 0 for rise in rises) or all(rise < 0 for rise in rises)):
        raise CalibrationError(
            "The circles contradict each other: a pulse further out turned the wheels less. Drive them again, slowly."
        )
    repeated = [angle - means[pulse] for pulse, angles in angles_at.items() for angle in angles]
    error_deg = math.sqrt(np.mean(np.square(repeated)) + np.mean([circle.error_deg**2 for circle in circles]))
    return SteeringMap(
        tuple(SteeringPoint(pulse_us=pulse_us, angle_deg=round(angle_deg, 3)) for pulse_us, angle_deg in ordered),
        round(error_deg, 3),
    )


def _angle_deg(radius_m: float, wheelbase_m: float) -> float:
    """The wheel angle at which the middle of the car drives a circle; the rear axle's is a little smaller."""
    rear_m = math.sqrt(max(radius_m**2 - (0.5 * wheelbase_m) ** 2, 1e-12))
    return math.degrees(math.atan2(wheelbase_m, rear_m))


def _evenly(times_s: Floats, scans_m: Floats) -> tuple[Floats, Floats]:
    """The scans at equal distances in time."""
    even_s = np.linspace(times_s[0], times_s[-1], len(times_s))
    after = np.clip(np.searchsorted(times_s, even_s), 1, len(times_s) - 1)
    share = (even_s - times_s[after - 1]) / np.maximum(times_s[after] - times_s[after - 1], 1e-9)
    return even_s, scans_m[after - 1] + share[:, None] * (scans_m[after] - scans_m[after - 1])


def _vertex(three: Floats) -> float:
    """Where the lowest point is, from the middle one of three neighbours.

    The mean difference of scans grows in proportion to the distance: the bottom is the tip of a V, not a parabola.
    """
    before, middle, after = (float(value) for value in three)
    steeper = max(before, after) - middle
    return 0.0 if steeper <= 0.0 else 0.5 * (before - after) / steeper
