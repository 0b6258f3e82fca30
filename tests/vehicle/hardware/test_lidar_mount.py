"""However the LiDAR is mounted, the scan is in the car's frame."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.profile import LidarPose
from shared.cars import DEEPRACER
from vehicle.hardware.lidar_mount import ScanFrame
from vehicle.hardware.protocols import Scan
from vehicle.hardware.rplidar_nodes import Turn

HOME = LidarPose()


def scan(pose: LidarPose, *points: tuple[float, float], masks: tuple[tuple[float, float], ...] = ()) -> Scan:
    """Of points as the device tells them: clockwise angle, distance."""
    angles, distances = (np.array(column, np.float32) for column in zip(*points))
    return ScanFrame(pose, DEEPRACER.lidar, masks).scan(Turn(angles, distances, 1.0, 1.1), 7)


def test_deepracers_zero_looks_backwards_and_its_angles_grow_clockwise() -> None:
    found = scan(HOME, (0.0, 1.0), (90.0, 2.0), (180.0, 3.0), (270.0, 4.0))
    assert found.angles_deg.tolist() == [180.0, 90.0, 0.0, 270.0]  # behind, left, ahead, right
    assert found.ranges_m.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert (found.started_at_s, found.ended_at_s, found.sequence) == (1.0, 1.1, 7)


def test_a_lidar_that_is_turned_sees_the_same_world() -> None:
    found = scan(HOME.changed(yaw_deg=0.0), (0.0, 3.0), (90.0, 4.0))
    assert found.angles_deg.tolist() == [0.0, 270.0]


def test_a_lidar_mounted_elsewhere_is_seen_from_where_the_model_has_its_own() -> None:
    """Ten centimetres further ahead: a wall a metre before it is 1.1 m before the model's place."""
    moved = HOME.changed(x_m=DEEPRACER.lidar.x_m + 0.1, yaw_deg=0.0)
    ahead, left, behind = scan(moved, (0.0, 1.0), (270.0, 1.0), (180.0, 1.0)).ranges_m
    assert ahead == pytest.approx(1.1)
    assert behind == pytest.approx(0.9)
    assert left == pytest.approx(np.hypot(1.0, 0.1))
    assert scan(moved, (270.0, 1.0)).angles_deg[0] == pytest.approx(90.0 - np.degrees(np.arctan(0.1)), abs=1e-4)


@pytest.mark.parametrize("left_m", [0.25, -0.25])
def test_a_lidar_mounted_to_one_side_is_seen_from_the_middle(left_m: float) -> None:
    moved = HOME.changed(x_m=DEEPRACER.lidar.x_m, y_m=DEEPRACER.lidar.y_m + left_m, yaw_deg=0.0)
    found = scan(moved, (0.0, 1.0), (90.0, 1.0), (270.0, 1.0))  # ahead, to its right, to its left
    assert found.ranges_m.tolist() == pytest.approx([np.hypot(1.0, 0.25), 1.0 - left_m, 1.0 + left_m])
    assert found.angles_deg[0] == pytest.approx(np.degrees(np.arctan2(left_m, 1.0)) % 360.0, abs=1e-3)


def test_straight_ahead_is_zero_and_never_a_whole_turn() -> None:
    tiny_deg = float(np.float32(1e-6))  # just to the right of it
    assert scan(HOME.changed(yaw_deg=0.0), (tiny_deg, 1.0), (0.0, 2.0)).angles_deg.tolist() == [0.0, 0.0]


def test_both_edges_of_a_mask_belong_to_it() -> None:
    edges = scan(
        HOME.changed(yaw_deg=0.0), (335.0, 1.0), (10.0, 1.0), (11.0, 1.0), (334.0, 1.0), masks=((-10.0, 25.0),)
    )
    assert edges.ranges_m.tolist() == [0.0, 0.0, 1.0, 1.0]


def test_where_the_car_sees_itself_is_nothing() -> None:
    found = scan(HOME.changed(yaw_deg=0.0), (0.0, 0.2), (5.0, 0.2), (30.0, 0.9), (340.0, 0.3), masks=((-10.0, 25.0),))
    assert found.ranges_m.tolist() == pytest.approx([0.0, 0.0, 0.9, 0.0])


def test_a_point_without_an_answer_stays_without_one() -> None:
    moved = HOME.changed(x_m=0.2, y_m=0.1)
    assert scan(moved, (10.0, 0.0)).ranges_m.tolist() == [0.0]
