"""How late the wheels follow the steering pulse, from the heading of a car that drives a slalom. Pure.

At an even speed a small wheel angle turns the car in proportion to it. So the heading is what was asked, added up over
time, behind by a dead time and a first-order lag. Their sum is told well, each by itself is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.speed_map import STEP_S, added_up

Floats = NDArray[np.float64]

RUN_UP_S = 1.2  # straight ahead, until the car has its speed
HALF_S = 0.7  # to each side; the first is half as long, so that the car goes on straight ahead on the whole
HALVES = 3
SLALOM_S = RUN_UP_S + HALF_S * (HALVES + 0.5)

TIME_CONSTANTS_S = np.arange(0.0, 0.3001, 0.01)
DEAD_TIMES_S = np.arange(0.0, 0.2001, 0.01)
FEWEST_SCANS = 10
LEAST_SWING_DEG = 5.0  # from side to side: with less, the noise of the LiDAR decides
WORST_MISFIT = 0.15  # of the swing


@dataclass(frozen=True, slots=True)
class SlalomFit:
    """swing_deg: how far the heading goes from one side to the other. misfit_deg: typical, of a heading."""

    lag_s: float
    swing_deg: float
    misfit_deg: float


def side_at(since_s: float) -> float:
    """What is asked so long after the beginning: 0 straight ahead, 1 to the left, -1 to the right."""
    halves = (since_s - RUN_UP_S) / HALF_S + 0.5
    if halves < 0.5 or since_s >= SLALOM_S:
        return 0.0
    return 1.0 if int(halves) % 2 == 0 else -1.0


def fit_slalom(times_s: Floats, headings_deg: Floats) -> SlalomFit | None:
    """The lag at which what was asked explains the headings best; None where they do not tell.

    times_s, headings_deg: (N,), since the beginning of the slalom, positive left. A car that does not drive quite
    straight by itself, and wheels that turn further to one side, do not matter.
    """
    times_s, headings_deg = np.asarray(times_s, np.float64), np.asarray(headings_deg, np.float64)
    used = (times_s >= RUN_UP_S - 0.2) & (times_s <= SLALOM_S) & np.isfinite(headings_deg)
    times_s, headings_deg = times_s[used], headings_deg[used]
    if len(times_s) < FEWEST_SCANS or times_s[-1] < SLALOM_S - HALF_S:
        return None
    misfit_deg, per_s_deg, constant_s, dead_s = min(_explanations(times_s, headings_deg))
    swing_deg = per_s_deg * HALF_S
    is_at_the_edge = constant_s == TIME_CONSTANTS_S[-1] or dead_s == DEAD_TIMES_S[-1]
    if is_at_the_edge or swing_deg < LEAST_SWING_DEG or misfit_deg > WORST_MISFIT * swing_deg:
        return None
    return SlalomFit(constant_s + dead_s, swing_deg, misfit_deg)


def _explanations(times_s: Floats, headings_deg: Floats) -> Iterator[tuple[float, float, float, float]]:
    """For every lag how far off it is, at how many degrees a second, its time constant and its dead time."""
    grid_s = np.arange(0.0, SLALOM_S + STEP_S, STEP_S)
    asked = np.array([side_at(float(at_s)) for at_s in grid_s])
    even, _ = np.linalg.qr(np.stack((np.ones_like(times_s), times_s), axis=1))
    seen_deg = _without(even, headings_deg)
    for constant_s in TIME_CONSTANTS_S:
        turned_s = added_up(asked, float(constant_s))
        for dead_s in DEAD_TIMES_S:
            way_s = _without(even, np.interp(times_s - dead_s, grid_s, turned_s))
            per_s_deg = float(way_s @ seen_deg) / float(way_s @ way_s)
            misfit_deg = float(np.sqrt(np.mean((seen_deg - per_s_deg * way_s) ** 2)))
            yield misfit_deg, per_s_deg, float(constant_s), float(dead_s)


def _without(even: Floats, values: Floats) -> Floats:
    """The values less what changes evenly with time. even: (N, 2), orthonormal."""
    left: Floats = values - even @ (even.T @ values)
    return left
