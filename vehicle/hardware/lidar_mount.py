"""From a turn as the device tells it to a scan in the car's frame: how it is mounted, and what of the car it sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.profile import LidarPose
from shared.cars import LidarMount
from vehicle.hardware.protocols import Scan
from vehicle.hardware.rplidar_nodes import Turn


@dataclass(frozen=True, slots=True)
class ScanFrame:
    """pose: where this car's LiDAR is. model: where the car model has it, and models see from.

    masks_deg: (from, to) counter-clockwise from straight ahead, as seen by the device: there it sees the car itself.
    """

    pose: LidarPose
    model: LidarMount
    masks_deg: tuple[tuple[float, float], ...] = ()

    def scan(self, turn: Turn, sequence: int) -> Scan:
        """The same turn, seen from the car model's place."""
        angles_deg = (self.pose.yaw_deg - turn.angles_deg) % np.float32(360.0)
        ranges_m = np.where(self._is_masked(angles_deg), np.float32(0.0), turn.distances_m)
        ahead_m, left_m = self.pose.x_m - self.model.x_m, self.pose.y_m - self.model.y_m
        if ahead_m or left_m:
            angles_deg, ranges_m = _moved(angles_deg, ranges_m, ahead_m, left_m)
        return Scan(
            # A tiny negative angle is 360 after the rounding of the modulo.
            np.where(angles_deg >= 360.0, 0.0, angles_deg).astype(np.float32),
            ranges_m.astype(np.float32),
            turn.started_at_s,
            turn.ended_at_s,
            sequence,
        )

    def _is_masked(self, angles_deg: NDArray[np.float32]) -> NDArray[np.bool_]:
        masked = np.zeros(len(angles_deg), np.bool_)
        for begin_deg, end_deg in self.masks_deg:
            masked |= (angles_deg - begin_deg) % 360.0 <= (end_deg - begin_deg) % 360.0
        return masked


def _moved(
    angles_deg: NDArray[np.float32], ranges_m: NDArray[np.float32], ahead_m: float, left_m: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points that something answered from, as seen from the model's place; the others keep their direction."""
    angles_rad = np.radians(angles_deg)
    x_m, y_m = ranges_m * np.cos(angles_rad) + ahead_m, ranges_m * np.sin(angles_rad) + left_m
    is_point = ranges_m > 0.0
    moved_deg = np.degrees(np.arctan2(y_m, x_m)) % 360.0
    return np.where(is_point, moved_deg, angles_deg), np.where(is_point, np.hypot(x_m, y_m), np.float32(0.0))
