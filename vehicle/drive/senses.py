"""What a model drives by besides the leading camera: opened when a model needs it, joined to the pictures by time."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection

from shared.actions import STOP, Action
from shared.cars import DEEPRACER
from vehicle.drive.turn import Motion, Sight
from vehicle.hardware.camera_watch import CameraWatch
from vehicle.hardware.protocols import Camera, Frame, Lidar, Scan

# A LiDAR at 5.5 turns a second whose last turn was lost is 0.37 s behind when the next one is complete.
OLDEST_SCAN_S = 0.4
USUAL_RATE_HZ = 15.0  # of a camera while there is no model that says what it needs
PAIR_S = 0.025  # two pictures of stereo cameras are of one moment, if they are no further apart
LONGEST_MISSING_S = 0.3  # of what belongs to a picture; the throttle is neutral before
PAIR_WAIT_S = 0.010  # for the right picture, when the left one came first

# How servo and motor follow their pulses where the calibration does not say: as the simulator's real car does.
STEERING_LAG_S, SPEED_LAG_S = 0.06, 0.2

NO_SCAN = "The LiDAR's last scan is too old. Look at its cable and its head."
NO_PAIR = "The right camera gives no picture of the same moment as the left one. Look at its cable."

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
        steering_lag_s: float = STEERING_LAG_S,
        speed_lag_s: float = SPEED_LAG_S,
    ) -> None:
        self.problem = ""
        self._missing_since_s = 0.0
        self._is_misled = False  # there is a right picture, and it must not be driven by
        self._right_watch = _right_watch(USUAL_RATE_HZ)
        self._open_right_camera, self._open_lidar = open_right_camera, open_lidar
        self._wheelbase_m = wheelbase_m
        self._steering_lag_s, self._speed_lag_s = steering_lag_s, speed_lag_s
        self._does, self._moved_at_s = STOP, 0.0  # what the car is thought to do
        self._right: Camera | None = None
        self._lidar: Lidar | None = None
        self._readings: frozenset[str] = frozenset({"camera"})

    def use(self, readings: Collection[str], rate_hz: float = USUAL_RATE_HZ) -> None:
        """What the next pilot drives by, as in shared/sensors.py; what it does not need is closed.

        rate_hz: how many pictures it needs a second.
        """
        self._readings, self.problem, self._is_misled = frozenset(readings), "", False
        self._right_watch = _right_watch(rate_hz)
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

    def sight(self, frame: Frame, applied: Action, now_s: float, yaw_rate_rps: float | None = None) -> Sight | None:
        """The picture with what belongs to it; None when some of that is missing, and problem says what.

        applied: what reached the pulses last. yaw_rate_rps: how fast the car turns, where it has an IMU.
        """
        right, scan = self._right_of(frame), self.scan(now_s)
        self._note(self._missing(right, scan), now_s)
        return None if self.problem else Sight(frame, scan, right, self._motion(applied, yaw_rate_rps, now_s))

    def ends_drive(self, now_s: float) -> bool:
        """Whether a drive must end: something has been missing for too long, or the right pictures mislead."""
        return bool(self.problem) and (self._is_misled or now_s - self._missing_since_s >= LONGEST_MISSING_S)

    def forget_size(self) -> None:
        """The car does not drive: the right camera may be exchanged for one with other pictures."""
        self._right_watch.forget_size()

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

    def _motion(self, applied: Action, yaw_rate_rps: float | None, now_s: float) -> Motion:
        """Wheel speed as speed map and lag have it: the car has no encoder. The same for the yaw rate without an IMU.

        On a floor that is slippery, or uphill, the car really does less.
        """
        passed_s, self._moved_at_s = now_s - self._moved_at_s, now_s
        self._does = Action(
            _followed(self._does.steering_angle_deg, applied.steering_angle_deg, self._steering_lag_s, passed_s),
            _followed(self._does.speed_mps, applied.speed_mps, self._speed_lag_s, passed_s),
        )
        speed_mps, angle_rad = self._does.speed_mps, math.radians(self._does.steering_angle_deg)
        if yaw_rate_rps is None:
            yaw_rate_rps = speed_mps * math.tan(angle_rad) / self._wheelbase_m
        return Motion(speed_mps, yaw_rate_rps)

    def _missing(self, right: Frame | None, scan: Scan | None) -> str:
        self._is_misled = False
        if "stereo" in self._readings:
            if right is None:
                return _why(self._right, NO_PAIR)
            verdict = self._right_watch.judge(right, right.taken_at_s)  # its age is that of its partner
            self._is_misled = verdict.stops
            if verdict.problem:
                return verdict.problem
        if "lidar" in self._readings and scan is None:
            return _why(self._lidar, NO_SCAN)
        return ""

    def _note(self, problem: str, now_s: float) -> None:
        if problem and not self.problem:
            self._missing_since_s = now_s
        if problem and problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem


def _followed(value: float, wanted: float, lag_s: float, passed_s: float) -> float:
    """Where a value is that has been following the wanted one."""
    return wanted + (value - wanted) * math.exp(-max(passed_s, 0.0) / max(lag_s, 1e-3))


def _right_watch(rate_hz: float) -> CameraWatch:
    return CameraWatch(rate_hz, "right camera")


def _why(device: Camera | Lidar | None, otherwise: str) -> str:
    return otherwise if device is None or not device.problem else device.problem


def _close(device: Camera | Lidar | None) -> None:
    if device is not None:
        device.close()
