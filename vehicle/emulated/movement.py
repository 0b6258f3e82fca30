"""What an IMU in the world's car feels, from one pose to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shared.world_link import CarPose
from vehicle.emulated.mpu6050 import GRAVITY_MPS2

LONGEST_STEP_S = 0.5  # after a longer pause of the world, nothing is known of what lay between


@dataclass(frozen=True, slots=True)
class Movement:
    """The newest pose, and the change that led to it. pose None: the car stands."""

    pose: CarPose | None = None
    time_s: float = 0.0
    forward_mps2: float = 0.0
    yaw_rate_dps: float = 0.0

    def to(self, pose: CarPose, time_s: float) -> Movement:
        """The movement that a new pose makes of it."""
        step_s = time_s - self.time_s
        if self.pose is None or not 0 < step_s <= LONGEST_STEP_S:
            return Movement(pose, time_s)
        turned_deg = math.degrees(math.remainder(pose.heading_rad - self.pose.heading_rad, math.tau))
        return Movement(pose, time_s, (pose.speed_mps - self.pose.speed_mps) / step_s, turned_deg / step_s)

    def felt(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Acceleration in m/s^2 and rotation in degrees a second, x forward, y left, z up."""
        speed_mps = 0.0 if self.pose is None else self.pose.speed_mps
        sideways_mps2 = speed_mps * math.radians(self.yaw_rate_dps)
        return (self.forward_mps2, sideways_mps2, GRAVITY_MPS2), (0.0, 0.0, self.yaw_rate_dps)
