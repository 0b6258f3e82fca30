"""Straight pieces of wall beside the road: on the outer side of its sharpest bends first, then spread along it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.errors import SimulationError
from trainer.simulator.race import BarrierSettings
from trainer.simulator.things import BARRIER_THICKNESS_M, THING, Kind
from trainer.simulator.track_arrays import COS, CURVATURE, LEFT, RIGHT, SIN, X, Y

# A bend is as sharp as the road turns over this length.
BEND_M = 0.6
# Less is a straight.
STRAIGHT_RAD = 0.02
# Middles of two pieces on one side are further apart than their length by this factor.
APART = 1.3
# Points along a piece that are looked at for road underneath lie this far apart.
PROBE_M = 0.1
# What a barrier leaves free beside any road.
CLEAR_M = 0.05


def place_barriers(
    name: str, line: NDArray[np.float64], spacing_m: float, closed: bool, inner_side: int, settings: BarrierSettings
) -> NDArray[np.void]:
    """(settings.count,) THING for one track, none of them on any road.

    Args:
        name: the track's, for the error. line: (points, 7) its dense centre line. inner_side: 1 left, -1 right.

    Raises:
        SimulationError: there is no room for so many.
    """
    barriers = np.zeros(settings.count, THING)
    if not settings.count:
        return barriers
    bend = _bends(line, spacing_m, closed)
    closest_m = APART * settings.length_m
    apart_m = max(closest_m, 0.5 * len(line) * spacing_m / settings.count)
    chosen: list[tuple[int, int]] = []
    # The outer side of a bend; along a straight, that of the loop. The inner sides once there is no room left.
    outer = np.where(np.abs(bend) > STRAIGHT_RAD, -np.sign(bend), -inner_side).astype(np.int64)
    for sides in (outer, -outer):
        distance_m = apart_m
        while len(chosen) < settings.count:
            _choose(chosen, sides, bend, line, spacing_m, closed, distance_m, settings)
            if distance_m <= closest_m:
                break
            distance_m = max(0.7 * distance_m, closest_m)
    if len(chosen) < settings.count:
        raise SimulationError(
            f"Track '{name}' has room for {len(chosen)} barriers {settings.length_m:g} m long and "
            f"{settings.distance_m:g} m from the road, not for {settings.count}. Use fewer, shorter or nearer ones."
        )
    for barrier, (index, side) in zip(barriers, chosen):
        _stand(barrier, line[index], side, settings)
    return barriers


def _bends(line: NDArray[np.float64], spacing_m: float, closed: bool) -> NDArray[np.float64]:
    """How far the road turns around every line point, left positive."""
    half = max(int(0.5 * BEND_M / spacing_m), 1)
    curvature = line[:, CURVATURE]
    if closed:
        padded = np.concatenate((curvature[-half:], curvature, curvature[:half]))
    else:
        padded = np.pad(curvature, half)
    total: NDArray[np.float64] = np.convolve(padded, np.ones(2 * half + 1), "valid") * spacing_m
    return total


def _choose(
    chosen: list[tuple[int, int]],
    sides: NDArray[np.int64],
    bend: NDArray[np.float64],
    line: NDArray[np.float64],
    spacing_m: float,
    closed: bool,
    apart_m: float,
    settings: BarrierSettings,
) -> None:
    """Add (line point, side) from the sharpest bend on, as many as are wanted and fit so far apart."""
    order = np.argsort(-np.abs(bend), kind="stable")
    for index in order[order % max(int(PROBE_M / spacing_m), 1) == 0]:
        if len(chosen) == settings.count:
            return
        side = int(sides[index])
        away = np.array([abs(int(index) - other) for other, its_side in chosen if its_side == side], np.int64)
        if closed:
            away = np.minimum(away, len(line) - away)
        if (away * spacing_m >= apart_m).all() and _is_clear(line, spacing_m, int(index), side, settings):
            chosen.append((int(index), side))


def _middle(point: NDArray[np.float64], side: int, settings: BarrierSettings) -> NDArray[np.float64]:
    """Where a piece beside a line point has its middle."""
    half_m = point[LEFT] if side > 0 else point[RIGHT]
    lateral_m = side * (half_m + settings.distance_m + 0.5 * BARRIER_THICKNESS_M)
    return np.array([point[X] - lateral_m * point[SIN], point[Y] + lateral_m * point[COS]])


def _is_clear(line: NDArray[np.float64], spacing_m: float, index: int, side: int, settings: BarrierSettings) -> bool:
    """Whether no part of the piece stands on any road, this one or another that passes by."""
    point = line[index]
    along = np.linspace(-0.5, 0.5, max(int(settings.length_m / PROBE_M), 2) + 1) * settings.length_m
    across = np.array([-0.5, 0.5]) * BARRIER_THICKNESS_M
    ahead, left = (grid.ravel() for grid in np.meshgrid(along, across))
    x, y = _middle(point, side, settings)
    x, y = x + ahead * point[COS] - left * point[SIN], y + ahead * point[SIN] + left * point[COS]
    dx, dy = x[:, None] - line[:, X], y[:, None] - line[:, Y]
    forward, lateral = dx * line[:, COS] + dy * line[:, SIN], dy * line[:, COS] - dx * line[:, SIN]
    # On the outer side of a bend, the stretches of neighbouring line points lie further apart than the points.
    beside = np.abs(forward) <= spacing_m * (1.0 + np.abs(line[:, CURVATURE] * lateral))
    on_road = beside & (lateral <= line[:, LEFT] + CLEAR_M) & (lateral >= -line[:, RIGHT] - CLEAR_M)
    return not bool(on_road.any())


def _stand(barrier: np.void, point: NDArray[np.float64], side: int, settings: BarrierSettings) -> None:
    """Fill one THING; its colour is drawn with the episode."""
    barrier["kind"], barrier["touchable"] = Kind.BARRIER, 1
    barrier["x_m"], barrier["y_m"] = _middle(point, side, settings)
    barrier["heading_rad"] = np.arctan2(point[SIN], point[COS])
    barrier["half_length_m"], barrier["half_width_m"] = 0.5 * settings.length_m, 0.5 * BARRIER_THICKNESS_M
    barrier["height_m"] = settings.height_m
