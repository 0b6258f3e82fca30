"""The LiDAR of a calibration: its motor is to be heard only from the step on that needs it."""

from __future__ import annotations

from collections.abc import Callable

from vehicle.hardware.protocols import Lidar, Scan


class LateLidar:
    """A LiDAR that the first look opens."""

    def __init__(self, open_lidar: Callable[[], Lidar]) -> None:
        self._open_lidar = open_lidar
        self._lidar: Lidar | None = None

    @property
    def problem(self) -> str:
        """Why it shows nothing; empty while nobody has looked, or nothing is wrong."""
        return "" if self._lidar is None else self._lidar.problem

    def latest(self) -> Scan | None:
        """The newest scan; None before the first."""
        if self._lidar is None:
            self._lidar = self._open_lidar()
        return self._lidar.latest()

    def close(self) -> None:
        """Stop its motor, if it was started."""
        if self._lidar is not None:
            self._lidar.close()
