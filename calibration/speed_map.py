"""From drives at fixed throttle pulses to a speed map: pulse -> metres per second, with its error. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from calibration.profile import SpeedPoint, ThrottleCalibration
from shared.errors import CalibrationError

Floats = NDArray[np.float64]

FEWEST_SAMPLES = 6
FEWEST_RUNS = 2
TIME_CONSTANTS_S = np.arange(0.0, 1.0001, 0.02)
DEAD_TIMES_S = np.arange(0.0, 0.3001, 0.02)
TOO_STILL_MPS = 0.05  # slower than that the car did not really drive
STEP_S = 0.01


@dataclass(frozen=True, slots=True)
class Throttle:
    """What the motor was given in one run: from neutral to offset_us at a rate, from start_s until end_s.

    dead_band_us: below it the motor stands. offset_us: how far the pulse is from neutral, whatever the direction.
    """

    start_s: float
    end_s: float
    offset_us: float
    dead_band_us: float
    rate_us_per_s: float


@dataclass(frozen=True, slots=True)
class SpeedRun:
    """One drive at one pulse. lag_s: dead time and time constant together; None where it was not seen.

    error_mps: standard error of the speed, as far as the samples tell.
    """

    offset_us: float
    speed_mps: float
    error_mps: float
    lag_s: float | None = None


def run_from_distances(times_s: Floats, distances_m: Floats, throttle: Throttle) -> SpeedRun | None:
    """The speed that the car settles at, from its distance to a wall ahead while it drives there.

    The car follows the pulse after a dead time, as a first-order lag; the speed at which that fits best is taken, so
    that a run need not last until nothing changes any more. A dead time that is taken for lag makes the speed too
    high, by a quarter at 0.12 s. None when there are too few samples, or the car did not come nearer.
    times_s, distances_m: (N,), on the clock of the throttle.
    """
    times_s, distances_m = np.asarray(times_s, np.float64), np.asarray(distances_m, np.float64)
    used = (times_s >= throttle.start_s - 0.3) & (times_s <= throttle.end_s) & np.isfinite(distances_m)
    times_s, distances_m = times_s[used], distances_m[used]
    if (times_s > throttle.start_s).sum() < FEWEST_SAMPLES:
        return None
    best: tuple[float, float, float, float] | None = None
    grid_s, target = _share_of_speed(throttle)
    for constant_s in TIME_CONSTANTS_S:
        way_s = added_up(target, float(constant_s))
        for dead_s in DEAD_TIMES_S:
            speed_mps, error_mps, residual = _slope(np.interp(times_s - dead_s, grid_s, way_s), -distances_m)
            if best is None or residual < best[3]:
                best = (speed_mps, error_mps, float(constant_s + dead_s), residual)
    assert best is not None
    speed_mps, error_mps, lag_s, _ = best
    if not (math.isfinite(speed_mps) and speed_mps > TOO_STILL_MPS):
        return None
    return SpeedRun(throttle.offset_us, speed_mps, error_mps, lag_s)


def run_between_marks(offset_us: float, distance_m: float, time_s: float, timing_error_s: float = 0.1) -> SpeedRun:
    """The speed from a stopwatch, between two marks that the car passed after its run-up."""
    if not (0.0 < distance_m < math.inf and 0.0 < time_s < math.inf):
        raise CalibrationError(f"{distance_m:g} m in {time_s:g} s is no speed. Both must be above 0.")
    speed_mps = distance_m / time_s
    return SpeedRun(offset_us, speed_mps, speed_mps * timing_error_s / time_s)


@dataclass(frozen=True, slots=True)
class SpeedMap:
    """dead_band_us: where the motor begins. offsets_us, speeds_mps: rising; the first is the dead band at 0 m/s.

    error_mps: typical error of a speed. lag_s: typical lag, None where no run saw it.
    """

    dead_band_us: float
    offsets_us: tuple[float, ...]
    speeds_mps: tuple[float, ...]
    error_mps: float
    lag_s: float | None

    def points(self, neutral_us: float, polarity: int, furthest_us: float) -> tuple[SpeedPoint, ...]:
        """As a profile holds them, none beyond the limit at furthest_us."""
        reach_us = abs(furthest_us - neutral_us)
        found: list[SpeedPoint] = []
        for offset_us, speed_mps in zip(self.offsets_us, self.speeds_mps):
            if offset_us <= reach_us + 1e-9:
                found.append(SpeedPoint(pulse_us=neutral_us + polarity * offset_us, speed_mps=speed_mps))
        if found and self.offsets_us[len(found) - 1] < reach_us and len(found) < len(self.offsets_us):
            found.append(SpeedPoint(pulse_us=furthest_us, speed_mps=self.speed_mps(reach_us)))
        return tuple(found)

    def speed_mps(self, offset_us: float) -> float:
        """The speed at a distance from neutral; nothing is known beyond the fastest run."""
        return float(np.interp(offset_us, self.offsets_us, self.speeds_mps))

    def offset_us(self, speed_mps: float) -> float:
        """The distance from neutral that gives a speed, at most that of the fastest run."""
        return float(np.interp(speed_mps, self.speeds_mps, self.offsets_us))


def fit_speed_map(runs: Sequence[SpeedRun], first_motion_us: float) -> SpeedMap:
    """A rising curve through runs at several pulses; several at one pulse count together.

    first_motion_us: where somebody saw the wheels begin to turn, from neutral. The curve's own beginning is where its
    lowest stretch reaches 0, but never beyond the slowest run. CalibrationError with too few runs.
    """
    offsets_us = np.array(sorted({run.offset_us for run in runs}))
    if len(offsets_us) < FEWEST_RUNS:
        raise CalibrationError(f"A speed map needs runs at {FEWEST_RUNS} or more pulses; there are {len(offsets_us)}.")
    together = [[run for run in runs if run.offset_us == offset_us] for offset_us in offsets_us]
    measured_mps = np.array([np.mean([run.speed_mps for run in group]) for group in together])
    weights = np.array([float(len(group)) for group in together])
    speeds_mps = _never_falling(measured_mps, weights)
    offsets_us, speeds_mps = _rising_only(offsets_us, speeds_mps)
    if len(offsets_us) < FEWEST_RUNS:
        raise CalibrationError("The runs do not become faster with the pulse. Measure again with more room.")
    dead_band_us = _beginning(offsets_us, speeds_mps, first_motion_us)
    curve_mps = np.interp([run.offset_us for run in runs], offsets_us, speeds_mps)
    off_mps = np.array([run.speed_mps for run in runs]) - curve_mps
    error_mps = math.sqrt(np.mean(off_mps**2) + np.mean([run.error_mps**2 for run in runs]))
    lags_s = [run.lag_s for run in runs if run.lag_s is not None]
    return SpeedMap(
        dead_band_us,
        (dead_band_us, *map(float, offsets_us)),
        (0.0, *map(float, speeds_mps)),
        error_mps,
        float(np.median(lags_s)) if lags_s else None,
    )


def speed_map_of(throttle: ThrottleCalibration) -> SpeedMap | None:
    """The one that a profile holds; None where it holds none."""
    if not throttle.points:
        return None
    offsets_us = [abs(point.pulse_us - throttle.trimmed_neutral_us) for point in throttle.points]
    speeds_mps = [point.speed_mps for point in throttle.points]
    if speeds_mps[0] > 0.0:
        offsets_us.insert(0, min(throttle.dead_band_us, 0.99 * offsets_us[0]))
        speeds_mps.insert(0, 0.0)
    return SpeedMap(offsets_us[0], tuple(offsets_us), tuple(speeds_mps), throttle.error_mps or 0.0, throttle.lag_s)


def _share_of_speed(throttle: Throttle) -> tuple[Floats, Floats]:
    """Times, and the share of the final speed that the pulse asks for at each while it is being raised."""
    grid_s = np.arange(throttle.start_s - 0.5, throttle.end_s + STEP_S, STEP_S)
    reached_us = np.clip((grid_s - throttle.start_s) * throttle.rate_us_per_s, 0.0, throttle.offset_us)
    room_us = max(throttle.offset_us - throttle.dead_band_us, 1e-6)
    return grid_s, np.clip((reached_us - throttle.dead_band_us) / room_us, 0.0, 1.0)


def added_up(target: Floats, lag_s: float) -> Floats:
    """What follows a target, first-order and behind by lag_s, added up over time: the way of a speed, the heading of a
    turn. Values are STEP_S apart.
    """
    share = target
    if lag_s >= STEP_S:
        keep = math.exp(-STEP_S / lag_s)
        share = np.empty_like(target)
        now = 0.0
        for index, wanted in enumerate(target):
            now = wanted + (now - wanted) * keep
            share[index] = now
    return np.concatenate(([0.0], np.cumsum(0.5 * (share[1:] + share[:-1]) * STEP_S)))


def _slope(x: Floats, y: Floats) -> tuple[float, float, float]:
    """Of the straight line through the points: slope, its standard error, sum of squared residuals."""
    centred = x - x.mean()
    spread = float(centred @ centred)
    if spread < 1e-9:
        return math.nan, math.inf, math.inf
    slope = float(centred @ (y - y.mean())) / spread
    residual = float(np.sum((y - y.mean() - slope * centred) ** 2))
    return slope, math.sqrt(residual / max(len(x) - 4, 1) / spread), residual


def _never_falling(values: Floats, weights: Floats) -> Floats:
    """Isotonic regression, by pooling neighbours that fall."""
    pools: list[list[float]] = []
    for value, weight in zip(values, weights):
        pools.append([float(value), float(weight), 1.0])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            later, earlier = pools.pop(), pools.pop()
            total = earlier[1] + later[1]
            pools.append([(earlier[0] * earlier[1] + later[0] * later[1]) / total, total, earlier[2] + later[2]])
    return np.concatenate([np.full(int(count), value) for value, _, count in pools])


def _rising_only(offsets_us: Floats, speeds_mps: Floats) -> tuple[Floats, Floats]:
    """Of pulses that gave the same speed only the smallest, and none at which the car stood."""
    rising = np.concatenate(([True], np.diff(speeds_mps) > 1e-6)) & (speeds_mps > 0.0)
    return offsets_us[rising], speeds_mps[rising]


def _beginning(offsets_us: Floats, speeds_mps: Floats, first_motion_us: float) -> float:
    """Where the curve reaches 0: along its lowest stretch, between standing still and the slowest run."""
    slowest_us = float(offsets_us[0])
    (first, second), (slow, faster) = next(pairwise(offsets_us)), next(pairwise(speeds_mps))
    straight_us = float(first - slow * (second - first) / (faster - slow))
    latest_us = slowest_us - 1.0
    return round(min(max(straight_us, 0.5 * min(first_motion_us, latest_us), 0.0), latest_us), 2)
