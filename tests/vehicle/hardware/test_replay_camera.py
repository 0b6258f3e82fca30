"""Recorded pictures shown again, on a clock that moves when told."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

from shared.drive_channels import CameraFrame, DriveEvent
from shared.drive_log import DriveLogWriter
from shared.errors import HardwareError
from vehicle.config import CameraConfig
from vehicle.hardware import replay_camera
from vehicle.hardware.pictures import jpeg_of
from vehicle.hardware.replay_camera import (
    NO_FFMPEG,
    RecordedPicture,
    ReplayCamera,
    folder_recording,
    log_recording,
    open_replay,
)


def jpeg(level: int) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.full((120, 160, 3), level, np.uint8)))


def level_of(frame: Any) -> int:
    return round(float(frame.image.mean()))


def replay(recording: Any, clock: Any) -> ReplayCamera:
    return ReplayCamera(recording, "this", clock=clock, sleep=clock.sleep)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (1, 2, 3, 10):
        (tmp_path / f"frame{number}.jpg").write_bytes(jpeg(10 * number))
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def test_a_folder_is_shown_in_the_order_of_its_numbers_at_the_rate_asked_for(folder: Path, clock: Any) -> None:
    camera = replay(folder_recording(folder, 10.0), clock)
    begun_at_s, seen, sequence = clock(), [], 0
    while (frame := camera.wait_newer(sequence, 1.0)) is not None:
        seen.append((level_of(frame), round(frame.taken_at_s - begun_at_s, 6), frame.sequence))
        sequence = frame.sequence
    assert seen == [(10, 0.0, 1), (20, 0.1, 2), (30, 0.2, 3), (100, 0.3, 4)]
    assert "over" in camera.problem


def test_who_is_slow_gets_the_newest_and_the_others_are_never_decoded(clock: Any) -> None:
    decoded: list[int] = []

    def picture(number: int) -> RecordedPicture:
        def load() -> Any:
            decoded.append(number)
            return replay_camera._decoded(jpeg(number))

        return RecordedPicture(number / 15, load)

    camera = replay((picture(number) for number in range(60)), clock)
    camera.latest()
    clock.sleep(2.01)
    frame = camera.latest()
    assert frame is not None
    assert (level_of(frame), frame.sequence, decoded) == (30, 31, [0, 30])
    assert camera.latest() is frame


def test_waiting_takes_no_longer_than_allowed(folder: Path, clock: Any) -> None:
    camera = replay(folder_recording(folder, 10.0), clock)
    assert camera.wait_newer(0, 0.0) is not None
    before_s = clock()
    assert camera.wait_newer(1, 0.05) is None
    assert clock() - before_s == pytest.approx(0.05)


def test_a_drive_log_is_shown_at_its_own_pace_or_a_fixed_one(tmp_path: Path, clock: Any) -> None:
    path = tmp_path / "drive.mcap"
    times_s = [5.0, 5.07, 5.3]
    with DriveLogWriter(path, start_time_s=5.0, start_wall_ns=1_700_000_000_000_000_000) as log:
        for number, time_s in enumerate(times_s):
            log.write(DriveEvent("bookmark"), time_s)
            log.write(CameraFrame(jpeg(50 + number), number), time_s)
    begun_at_s, camera = clock(), replay(log_recording(path, None), clock)
    frames = [camera.wait_newer(number, 1.0) for number in range(3)]
    assert [level_of(frame) for frame in frames] == [50, 51, 52]
    assert [frame.taken_at_s - begun_at_s for frame in frames if frame] == pytest.approx([0.0, 0.07, 0.3], abs=1e-6)
    assert jpeg_of(frames[1]) == jpeg(51)  # type: ignore[arg-type]
    fixed = replay(log_recording(path, 4.0), clock)
    begun_at_s = clock()
    frames = [fixed.wait_newer(number, 1.0) for number in range(3)]
    assert [frame.taken_at_s - begun_at_s for frame in frames if frame] == pytest.approx([0.0, 0.25, 0.5])


def test_a_damaged_picture_is_passed_over(folder: Path, clock: Any) -> None:
    (folder / "frame2.jpg").write_bytes(jpeg(20)[:200])
    camera = replay(folder_recording(folder, 10.0), clock)
    camera.latest()
    clock.sleep(0.15)
    assert level_of(camera.latest()) == 10
    assert level_of(camera.wait_newer(1, 1.0)) == 30


def test_a_video_is_shown_in_the_wanted_size_in_full_range(tmp_path: Path, clock: Any) -> None:
    ffmpeg = replay_camera._ffmpeg()
    path = tmp_path / "lap.mp4"
    pixels = b"".join(bytes([level] * (64 * 48 * 3)) for level in (0, 128, 255, 255))
    encode = [ffmpeg, "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x48", "-r", "2", "-i", "-"]
    subprocess.run([*encode, "-c:v", "libx264", "-pix_fmt", "yuv420p", str(path)], input=pixels, check=True)
    camera = open_replay(CameraConfig(replay=path, replay_rate_hz=5.0, width_px=160, height_px=120), clock)
    first = camera.latest()
    assert first is not None
    assert (first.image.shape, level_of(first)) == ((120, 160), 0)
    clock.sleep(0.2)
    assert level_of(camera.latest()) == pytest.approx(128, abs=2)
    clock.sleep(0.2)
    assert level_of(camera.latest()) == 255
    camera.close()
    at_its_own = open_replay(CameraConfig(replay=path, rate_hz=10.0, width_px=160, height_px=120), clock)
    at_its_own.latest()
    clock.sleep(0.75)  # in the second picture, at two a second
    assert level_of(at_its_own.latest()) == pytest.approx(128, abs=2)
    at_its_own.close()


def test_what_cannot_be_replayed_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HardwareError, match="Nothing is named"):
        open_replay(CameraConfig())
    with pytest.raises(HardwareError, match="There is no"):
        open_replay(CameraConfig(replay=tmp_path / "gone.mp4"))
    (tmp_path / "lap.mp4").write_bytes(b"")
    monkeypatch.setattr(replay_camera.shutil, "which", lambda name: None)
    monkeypatch.setattr(replay_camera.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(HardwareError, match=NO_FFMPEG.split(".")[0]):
        open_replay(CameraConfig(replay=tmp_path / "lap.mp4"))


def test_a_file_that_is_no_log_or_has_no_pictures_is_a_camera_that_says_so(tmp_path: Path, clock: Any) -> None:
    (tmp_path / "notes.mcap").write_text("no log")
    camera = open_replay(CameraConfig(replay=tmp_path / "notes.mcap"), clock)
    assert camera.latest() is None
    assert "notes.mcap" in camera.problem
    with DriveLogWriter(tmp_path / "blind.mcap") as log:
        log.write(DriveEvent("bookmark"), 1.0)
    camera = open_replay(CameraConfig(replay=tmp_path / "blind.mcap"), clock)
    assert camera.latest() is None
    assert camera.problem == "blind.mcap has no pictures. Check camera.replay."


def test_closed_it_wakes_who_waits_and_gives_nothing_more(folder: Path, clock: Any) -> None:
    camera = ReplayCamera(folder_recording(folder, 0.001), "this")
    first = camera.latest()
    camera.close()
    assert camera.wait_newer(1, 60.0) is None
    assert camera.latest() is first
