"""The place for a LiDAR's newest scan: half of a Lidar."""

from __future__ import annotations

from vehicle.hardware.protocols import Scan
from vehicle.hardware.slot import NewestSlot


class ScanSlot(NewestSlot[Scan]):
    """Gives the newest scan as a Lidar does; who has the device puts it."""
