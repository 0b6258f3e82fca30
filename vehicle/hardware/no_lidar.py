"""In the place of a LiDAR that a car does not have."""

from __future__ import annotations

from vehicle.hardware.scan_slot import ScanSlot


class NoLidar(ScanSlot):
    """Never gives a scan, and says why."""

    def __init__(self, problem: str = "This car has no LiDAR. If it has one, set lidar.device.") -> None:
        super().__init__()
        self.problem = problem
