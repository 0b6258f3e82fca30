"""A flat wall in a scan: its distance and how the car stands to it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.wall import corrected_yaw_deg, wall_ahead

PLACE_M = (0.03, 0.0)
ANGLES_DEG = np.arange(0.0, 360.0, 1.0)


def scan_of_wall(distance_m: float, bearing_deg: float, noise_m: float = 0.0, seed: int = 0) -> NDArray[np.float64]:
    """Ranges to an endless wall whose normal lies at a bearing, distance_m from the middle of the car."""
    normal = np.array([math.cos(math.radians(bearing_deg)), math.sin(math.radians(bearing_deg))])
    rays = np.stack((np.cos(np.radians(ANGLES_DEG)), np.sin(np.radians(ANGLES_DEG))), axis=1)
    towards = rays @ normal
    ranges_m = np.where(towards > 0.02, (distance_m - normal @ np.array(PLACE_M)) / np.maximum(towards, 0.02), np.nan)
    return ranges_m + np.random.default_rng(seed).normal(0.0, noise_m, len(ranges_m))


@pytest.mark.parametrize("bearing_deg", [-25.0, 0.0, 10.0])
@pytest.mark.parametrize("distance_m", [0.4, 2.0, 7.0])
def test_a_wall_is_measured_from_the_middle_of_the_car(distance_m: float, bearing_deg: float) -> None:
    wall = wall_ahead(ANGLES_DEG, scan_of_wall(distance_m, bearing_deg), PLACE_M)
    assert wall is not None
    assert wall.distance_m == pytest.approx(distance_m, abs=1e-6)
    assert wall.bearing_deg == pytest.approx(bearing_deg, abs=1e-6)
    assert wall.ahead_m == pytest.approx(distance_m / math.cos(math.radians(bearing_deg)), abs=1e-6)


def test_noise_and_a_box_before_the_wall_hardly_matter() -> None:
    ranges_m = scan_of_wall(4.0, 5.0, noise_m=0.01)
    ranges_m[2:8] = 1.0
    wall = wall_ahead(ANGLES_DEG, ranges_m, PLACE_M)
    assert wall is not None
    assert wall.distance_m == pytest.approx(4.0, abs=0.02)
    assert wall.bearing_deg == pytest.approx(5.0, abs=0.5)


def test_what_is_no_flat_wall_is_none() -> None:
    rough = scan_of_wall(3.0, 0.0, noise_m=0.3)
    assert wall_ahead(ANGLES_DEG, rough, PLACE_M) is None
    assert wall_ahead(ANGLES_DEG, np.full(360, np.nan), PLACE_M) is None
    assert wall_ahead(ANGLES_DEG, np.zeros(360), PLACE_M) is None
    assert wall_ahead(np.array([]), np.array([]), PLACE_M) is None


def test_a_lidar_turned_to_the_left_sees_the_wall_to_the_right_and_is_put_right() -> None:
    # Its zero really looks to 183 degrees; told 180, it reports a wall ahead 3 degrees to the right.
    wall = wall_ahead(ANGLES_DEG, scan_of_wall(1.0, -3.0), (0.0, 0.0))
    assert wall is not None
    assert corrected_yaw_deg(180.0, wall) == pytest.approx(-177.0, abs=0.2)
