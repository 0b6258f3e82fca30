"""How far down and how wide the camera looks, from what shows up in its picture. Pure."""

from __future__ import annotations

import math

from calibration.profile import CameraPose
from shared.errors import CalibrationError

NARROWEST_DEG, WIDEST_DEG = 20.0, 150.0  # what the simulator takes as simulator.camera.horizontal_fov_deg


def fov_from_width_deg(pose: CameraPose, seen_m: float, ahead_m: float) -> float:
    """The angle of view, side to side, of a camera that sees so much of a tape on the floor, squarely across.

    ahead_m: on the floor, from the point below the lens. Height and pitch are the pose's: the tape is as far away as
    it is along the way that the camera looks.
    """
    pitch_rad = math.radians(pose.pitch_deg)
    away_m = ahead_m * math.cos(pitch_rad) + pose.z_m * math.sin(pitch_rad)
    fov_deg = math.degrees(2.0 * math.atan2(0.5 * seen_m, away_m))
    if not NARROWEST_DEG <= fov_deg <= WIDEST_DEG:
        raise CalibrationError(
            f"{seen_m:g} m seen {ahead_m:g} m ahead is a view of {fov_deg:.0f} degrees; cameras have {NARROWEST_DEG:g} "
            f"to {WIDEST_DEG:g}. Measure again, in metres."
        )
    return fov_deg


def pitch_from_mark_deg(
    pose: CameraPose, mark_m: float, row_px: float, *, width_px: int = 640, height_px: int = 480
) -> float:
    """The pitch, downwards positive, of a camera that sees a mark straight ahead at a row of its picture.

    mark_m: on the floor, from the point below the lens. row_px: from the top. The height and the field of view are the
    pose's.
    """
    if not (mark_m > 0.0 and 0.0 <= row_px <= height_px):
        raise CalibrationError(
            f"A mark {mark_m:g} m ahead at row {row_px:g} of {height_px} cannot be. Look at the picture again."
        )
    focal_px = 0.5 * width_px / math.tan(math.radians(0.5 * pose.horizontal_fov_deg))
    below_axis_rad = math.atan((row_px - 0.5 * height_px) / focal_px)
    return math.degrees(math.atan2(pose.z_m, mark_m) - below_axis_rad)
