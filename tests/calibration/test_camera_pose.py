"""The camera's pitch from a mark on the floor, its angle of view from a tape across."""

from __future__ import annotations

import math

import pytest

from calibration.camera_pose import fov_from_width_deg, pitch_from_mark_deg
from calibration.profile import CameraPose
from shared.errors import CalibrationError

POSE = CameraPose(z_m=0.2, horizontal_fov_deg=90.0)  # a focal length of 320 px


def test_a_mark_in_the_middle_row_lies_where_the_camera_looks() -> None:
    assert pitch_from_mark_deg(POSE, 0.2, 240.0) == pytest.approx(45.0)


def test_a_mark_further_down_is_seen_by_a_camera_that_looks_less_down() -> None:
    below_deg = math.degrees(math.atan(32.0 / 320.0))
    assert pitch_from_mark_deg(POSE, 0.2, 272.0) == pytest.approx(45.0 - below_deg)


@pytest.mark.parametrize(("mark_m", "row_px"), [(0.0, 10.0), (1.0, -1.0), (1.0, 481.0), (math.nan, 10.0)])
def test_a_mark_that_cannot_be_is_refused(mark_m: float, row_px: float) -> None:
    with pytest.raises(CalibrationError):
        pitch_from_mark_deg(POSE, mark_m, row_px)


def test_a_camera_that_sees_twice_as_wide_as_far_looks_over_a_right_angle() -> None:
    level = POSE.changed(pitch_deg=0.0)
    assert fov_from_width_deg(level, 1.0, 0.5) == pytest.approx(90.0)
    assert fov_from_width_deg(level, 0.577, 0.5) == pytest.approx(60.0, abs=0.1)


def test_a_tape_on_the_floor_is_as_far_away_as_a_camera_that_looks_down_on_it_has_it() -> None:
    # 0.3 m ahead and 0.4 m below the lens, in the middle of the picture: half a metre away.
    pitch_deg = math.degrees(math.atan2(0.4, 0.3))
    assert fov_from_width_deg(POSE.changed(z_m=0.4, pitch_deg=pitch_deg), 1.0, 0.3) == pytest.approx(90.0)


@pytest.mark.parametrize("seen_m", [0.0, -1.0, 0.1, 50.0, math.nan, math.inf])
def test_a_view_that_no_camera_has_is_refused(seen_m: float) -> None:
    with pytest.raises(CalibrationError, match="metres"):
        fov_from_width_deg(POSE, seen_m, 0.5)
