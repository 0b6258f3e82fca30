"""A flat wall in a LiDAR scan: how far it is, and how the car stands to it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOOK_DEG = 20.0  # to either side of straight ahead
FEWEST_POINTS = 5
WORST_SPREAD_M = 0.06  # of the points from the line through them; beyond, it is no flat wall
LEAST_MARGIN_M = 0.02  # what a good LiDAR's points are off a wall at any rate
MOST_OBLIQUE_DEG = 60.0


@dataclass(frozen=True, slots=True)
class Wall:
    """distance_m: from the middle of the car, along the wall's normal. ahead_m: along the car's nose.

    bearing_deg: where the normal meets the wall, seen from the car, positive left; 0 is a wall squarely ahead.
    spread_m: of the points from the wall.
    """

    distance_m: float
    bearing_deg: float
    ahead_m: float
    spread_m: float


def wall_ahead(angles_deg: NDArray[Any], ranges_m: NDArray[Any], from_m: tuple[float, float]) -> Wall | None:
    """The wall before the car; None where there is none, or none that is flat.

    angles_deg, ranges_m: (N,) of one turn, counter-clockwise from straight ahead; a range that is not finite or not
    above 0 saw nothing. from_m: where the car has the place that they were measured from, ahead and to the left.
    """
    angles_deg, ranges_m = np.asarray(angles_deg, np.float64), np.asarray(ranges_m, np.float64)
    seen = np.isfinite(ranges_m) & (ranges_m > 0.0)
    heading_deg = _wrapped_deg(angles_deg)
    near = seen & (np.abs(heading_deg) <= LOOK_DEG)
    if near.sum() < FEWEST_POINTS:
        return None
    heading_rad = np.radians(heading_deg[near])
    x_m = from_m[0] + ranges_m[near] * np.cos(heading_rad)
    y_m = from_m[1] + ranges_m[near] * np.sin(heading_rad)
    return _line(x_m, y_m)


def _line(x_m: Floats, y_m: Floats) -> Wall | None:
    """The line that most points lie on, fitted to those that do."""
    points = np.stack((x_m, y_m), axis=1)
    kept = _off_m(points, *_through_most(points))
    on_line = kept <= max(3.0 * float(np.median(kept)), LEAST_MARGIN_M)
    if on_line.sum() < FEWEST_POINTS:
        return None
    middle = points[on_line].mean(axis=0)
    _, _, directions = np.linalg.svd(points[on_line] - middle, full_matrices=False)
    normal = directions[-1] if directions[-1] @ middle >= 0.0 else -directions[-1]
    spread_m = float(np.sqrt(np.mean(_off_m(points[on_line], middle, normal) ** 2)))
    distance_m = float(normal @ middle)
    bearing_rad = math.atan2(normal[1], normal[0])
    if spread_m > WORST_SPREAD_M or abs(bearing_rad) > math.radians(MOST_OBLIQUE_DEG) or distance_m <= 0.0:
        return None
    return Wall(distance_m, math.degrees(bearing_rad), distance_m / math.cos(bearing_rad), spread_m)


def _through_most(points: Floats) -> tuple[Floats, Floats]:
    """A point and a normal: of the lines through two points some way apart, the one that is nearest to half of all."""
    apart = max(1, len(points) // 3)
    along = points[apart:] - points[:-apart]
    lengths_m = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
    normals = np.stack((-along[:, 1], along[:, 0]), axis=1) / lengths_m[:, None]
    off_m = np.abs(normals @ points.T - np.sum(normals * points[:-apart], axis=1)[:, None])
    best = int(np.median(off_m, axis=1).argmin())
    return points[best], normals[best]


def _off_m(points: Floats, place: Floats, normal: Floats) -> Floats:
    off_m: Floats = np.abs((points - place) @ normal)
    return off_m


def corrected_yaw_deg(yaw_deg: float, wall: Wall) -> float:
    """The LiDAR's yaw, where one of yaw_deg saw a wall that the car was put squarely before."""
    return float(_wrapped_deg(np.array(yaw_deg - wall.bearing_deg)))


def _wrapped_deg(angle_deg: Floats) -> Floats:
    return (angle_deg + 180.0) % 360.0 - 180.0
