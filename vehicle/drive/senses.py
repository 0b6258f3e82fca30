"""What a model drives by besides the leading camera: opened when a model needs it, joined to the pictures by time."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection

from shared.actions import Action
from shared.cars import DEEPRACER
from vehicle.drive.turn import Motion, Sight
from vehicle.hardware.protocols import Camera, Frame, Lidar, Scan

# A LiDAR at 5.5 turns a second whose last turn was lost is 0.37 s behind when the next one is complete.
OLDEST_SCAN_S = 0.4
PAIR_S = 0.025  # two pictures of stereo cameras are of one moment, if they are no further apart
PAIR_WAIT_S = 0.010  # for the right picture, when the left one came first

log = logging.getLogger(__name__)


class Senses:
    """The newest picture leads; what is too old to belong to it is a reason not to decide.

    problem: what is missing of the last picture's sight, a sentence; empty when nothing is. Only the loop's thread
    uses it. The openers wait for nothing: a device that is not ready says so in its problem.
    """

    def __init__(
        self,
        open_right_camera: Callable[[], Camera] | None = None,
        open_lidar: Callable[[], Lidar] | None = None,
        *,
        wheelbase_m: float = DEEPRACER.wheelbase_m,
    ) -> None:
        self.problem = ""
        self._open_right_camera, self._open_lidar = open_right_camera, open_lidar
        self._wheelbase_m = wheelbase_m
        self._right: Camera | None = None
        self._lidar: Lidar | None = None
        self._readings: frozenset[str] = frozenset({"camera"})

    def use(self, readings: Collection[str]) -> None:
        """What the next pilot drives by, as in shared/sensors.py; what it does not need is closed."""
        self._readings, self.problem = frozenset(readings), ""
        if "stereo" not in readings:
            _close(self._right)
            self._right = None
        elif self._right is None and self._open_right_camera is not None:
            self._right = self._open_right_camera()
        if "lidar" not in readings:
            _close(self._lidar)
            self._lidar = None
        elif self._lidar is None and self._open_lidar is not None:
            self._lidar = self._open_lidar()

    def close(self) -> None:
        """Let go of every device."""
        self.use(())

    def sight(self, frame: Frame, applied: Action, now_s: float) -> Sight | None:
        """The picture with what belongs to it; None when some of that is missing, and problem says what."""
        before = self.problem
        right = self._right_of(frame)
        scan = self.scan(now_s)
        problem = ""
        if "stereo" in self._readings and right is None:
            problem = self._why(self._right, "The right camera gives no picture of the same moment as the left one.")
        elif "lidar" in self._readings and scan is None:
            problem = self._why(self._lidar, "The LiDAR's last scan is too old. Look at its cable and its head.")
        self.problem = problem
        if problem and problem != before:
            log.warning("%s", problem)
        return None if problem else Sight(frame, scan, right, self._motion(applied))

    def is_stale(self, now_s: float) -> bool:
        """Whether a scan that the pilot needs has become too old since the last sight."""
        return "lidar" in self._readings and self.scan(now_s) is None

    def scan(self, now_s: float) -> Scan | None:
        """The newest scan, None where it is older than OLDEST_SCAN_S."""
        scan = None if self._lidar is None else self._lidar.latest()
        return scan if scan is not None and 0.0 <= now_s - scan.ended_at_s <= OLDEST_SCAN_S else None

    def _right_of(self, frame: Frame) -> Frame | None:
        if self._right is None:
            return None
        right = self._right.latest()
        if right is None or right.taken_at_s < frame.taken_at_s - PAIR_S:
            right = self._right.wait_newer(0 if right is None else right.sequence, PAIR_WAIT_S)
        return right if right is not None and abs(right.taken_at_s - frame.taken_at_s) <= PAIR_S else None

    def _motion(self, applied: Action) -> Motion:
        """Wheel speed and yaw rate as steering and speed map have them: the car has no encoder.

        applied: what reached the pulses last. On a floor that is slippery, or uphill, the car really does less.
        """
        speed_mps = applied.speed_mps
        turn_rps = speed_mps * math.tan(math.radians(applied.steering_angle_deg)) / self._wheelbase_m
        return Motion(speed_mps, turn_rps)

    def _why(self, device: Camera | Lidar | None, otherwise: str) -> str:
        return otherwise if device is None or not device.problem else device.problem


def _close(device: Camera | Lidar | None) -> None:
    if device is not None:
        device.close()
