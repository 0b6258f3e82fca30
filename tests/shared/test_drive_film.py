"""A drive as a film: every picture once, in real time, with the instruments that the log's numbers say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from shared.drive_channels import ActuatorOutput, CameraFrame, Command, DriveEvent, DriveState
from shared.drive_export import export_drive
from shared.drive_film import even_pictures, film_drive
from shared.drive_log import DriveLogWriter
from shared.drive_table import read_drive
from shared.errors import StorageError
from shared.film_panel import BAR_WIDTH_PX, BAR_Y_PX, LEFT_PX, MIDDLE_PX, PANEL_HEIGHT_PX, PICTURE_HEIGHT_PX, panel

FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe()]
RATE_HZ = 10.0


def level(number: int) -> int:
    return 20 + 8 * number


def write_drive(path: Path, turns: int = 20, *, pictures: bool = True) -> Path:
    """Ten turns a second; the picture's grey counts them; the car steers right, then left, faster and faster."""
    with DriveLogWriter(path) as log:
        log.write(DriveState("armed", "autonomous", True, "", 1), 0.0)
        for number in range(turns):
            time_s = number / RATE_HZ
            if pictures:
                grey = np.full((120, 160, 3), level(number), dtype=np.uint8)
                log.write(CameraFrame(simplejpeg.encode_jpeg(grey), number), time_s)
            angle_deg = -30.0 if number < turns / 2 else 30.0
            log.write(Command(angle_deg, 2.0, "autonomous", number, number), time_s)
            log.write(ActuatorOutput(angle_deg, 2.0 * (number + 1) / turns, None, None), time_s)
        log.write(DriveEvent("stop", "{odd} \\text"), turns / RATE_HZ)
    return path


def frames(path: Path) -> NDArray[np.uint8]:
    """(n, height, width, 3) of a film."""
    raw = subprocess.run(
        [*FFMPEG, "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
        capture_output=True,
        check=True,
    ).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, PICTURE_HEIGHT_PX + PANEL_HEIGHT_PX, 640, 3)


def filled_px(frame: NDArray[np.uint8], left_px: int, channel: int) -> list[int]:
    """Which pixels of a gauge have its colour."""
    bar = frame[BAR_Y_PX + 5, left_px : left_px + BAR_WIDTH_PX].astype(int)
    others = [other for other in range(3) if other != channel]
    return list(np.flatnonzero(bar[:, channel] > bar[:, others].mean(axis=1) + 40))


def test_every_picture_is_shown_once_above_its_own_speed_and_steering(tmp_path: Path) -> None:
    film = tmp_path / "drive.mp4"
    assert film_drive(write_drive(tmp_path / "drive.mcap"), film, FFMPEG) == 20
    shown = frames(film)
    assert len(shown) == 20
    greys = shown[:, 100:400, 100:500].mean(axis=(1, 2, 3))
    np.testing.assert_allclose(greys, [level(number) for number in range(20)], atol=3)
    green, blue = 1, 2
    assert len(filled_px(shown[9], LEFT_PX, green)) == pytest.approx(BAR_WIDTH_PX / 2, abs=4)
    assert len(filled_px(shown[19], LEFT_PX, green)) == pytest.approx(BAR_WIDTH_PX, abs=4)
    assert min(filled_px(shown[5], MIDDLE_PX, blue)) >= BAR_WIDTH_PX / 2 - 3  # to the right is to the right
    assert max(filled_px(shown[15], MIDDLE_PX, blue)) <= BAR_WIDTH_PX / 2 + 3
    assert list(tmp_path.glob(".*")) == []


def test_pictures_that_are_missing_are_bridged_by_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "gap.mcap"
    with DriveLogWriter(path) as log:
        for number in (0, 1, 5, 6):
            log.write(CameraFrame(bytes([number]), number), number / RATE_HZ + 0.01 * (number % 2))
    assert list(even_pictures(path, 0.0, RATE_HZ)) == [bytes([number]) for number in (0, 1, 1, 1, 1, 5, 6)]


def test_what_the_log_says_is_no_order_to_the_subtitles(tmp_path: Path) -> None:
    text = panel(read_drive(write_drive(tmp_path / "drive.mcap", pictures=False)))
    assert "stop: (odd) /text" in text


def test_a_drive_without_pictures_makes_no_film_and_leaves_nothing(tmp_path: Path) -> None:
    path = write_drive(tmp_path / "drive.mcap", pictures=False)
    with pytest.raises(StorageError, match="no pictures"):
        film_drive(path, tmp_path / "drive.mp4", FFMPEG)
    assert [found.name for found in tmp_path.iterdir()] == ["drive.mcap"]


def test_the_ending_says_what_is_exported(tmp_path: Path) -> None:
    path = write_drive(tmp_path / "drive.mcap")
    assert "20 rows" in export_drive(path, tmp_path / "drive.csv", lambda: FFMPEG)
    assert "20 frames" in export_drive(path, tmp_path / "drive.mp4", lambda: FFMPEG)
    with pytest.raises(StorageError, match=r"Name it drive\.csv"):
        export_drive(path, tmp_path / "drive.avi", lambda: FFMPEG)
