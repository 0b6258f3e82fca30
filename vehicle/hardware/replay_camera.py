"""A camera that shows what was recorded: a drive log, a video, a folder of pictures; at its own pace or a fixed one.

It keeps to the clock it is given and has no thread: asked for the newest picture, it goes forward to the one that is
due. At the end it falls silent, as a camera that was unplugged.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from shared.atomic_files import storage_errors
from shared.drive_channels import CameraFrame
from shared.drive_log import drive_log_pictures
from shared.errors import HardwareError, StorageError
from vehicle.config import CameraConfig
from vehicle.hardware.protocols import Frame

NO_FFMPEG = "A video is decoded by ffmpeg, which is not installed. Install it: apt install ffmpeg"


@dataclass(frozen=True, slots=True)
class RecordedPicture:
    """offset_s: after the first one. load: decodes it; ValueError when it is damaged."""

    offset_s: float
    load: Callable[[], Frame]


Recording = Iterator[RecordedPicture]


class ReplayCamera:
    """A Camera. The replay begins when it is first asked for a picture."""

    def __init__(
        self,
        recording: Recording,
        name: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        """name: of what is replayed, for people. sleep: how to wait; closing wakes the default one."""
        self.problem = ""
        self._recording, self._name, self._clock = recording, name, clock
        self._closed = threading.Event()
        self._sleep = sleep or self._sleep_until_closed
        self._lock = threading.Lock()
        self._begun_at_s: float | None = None
        self._next: RecordedPicture | None = None
        self._frame: Frame | None = None
        self._passed = 0

    def latest(self) -> Frame | None:
        """The picture that is due now; the ones before it that nobody asked for are left out undecoded."""
        with self._lock:
            if self._begun_at_s is None:
                self._begun_at_s = self._clock()
                self._step()
            due: RecordedPicture | None = None
            while self._next is not None and self._clock() >= self._begun_at_s + self._next.offset_s:
                due = self._next
                self._step()
            if due is not None:
                self._show(due)
            return self._frame

    def wait_newer(self, sequence: int, timeout_s: float) -> Frame | None:
        """The newest picture, as soon as its sequence is above the given one; None when none came in time."""
        deadline_s = self._clock() + timeout_s
        while True:
            frame = self.latest()
            if frame is not None and frame.sequence > sequence:
                return frame
            now_s = self._clock()
            if now_s >= deadline_s or self._closed.is_set():
                return None
            self._sleep(max(min(deadline_s, self._due_at_s()) - now_s, 0.0005))

    def close(self) -> None:
        """Let go of the file."""
        self._closed.set()
        with self._lock:
            self._next = None
            if isinstance(self._recording, Generator):
                self._recording.close()

    def _due_at_s(self) -> float:
        with self._lock:
            if self._next is None or self._begun_at_s is None:
                return float("inf")
            return self._begun_at_s + self._next.offset_s

    def _step(self) -> None:
        """On to the next picture; what cannot be read any further is at its end."""
        try:
            self._next = next(self._recording, None)
        except StorageError as error:
            self._next, self.problem = None, str(error)
            return
        self._passed += 1
        if self._next is None:
            is_empty = self._passed == 1
            self.problem = (
                f"{self._name} has no pictures. Check camera.replay."
                if is_empty
                else f"The replay of {self._name} is over. Start the drive again to see it again."
            )

    def _show(self, due: RecordedPicture) -> None:
        assert self._begun_at_s is not None
        with contextlib.suppress(ValueError):  # a damaged picture is none
            frame = due.load()
            self._frame = replace(frame, taken_at_s=self._begun_at_s + due.offset_s, sequence=self._passed - 1)

    def _sleep_until_closed(self, duration_s: float) -> None:
        self._closed.wait(duration_s)


def open_replay(config: CameraConfig, clock: Callable[[], float] = time.monotonic) -> ReplayCamera:
    """What camera.replay names. HardwareError when there is nothing to show."""
    path = config.replay
    if path is None:
        raise HardwareError("Nothing is named to replay. Set camera.replay to a drive log, a video or a folder.")
    if path.is_dir():
        recording = folder_recording(path, config.replay_rate_hz or config.rate_hz)
    elif not path.is_file():
        raise HardwareError(f"There is no {path} to replay. Check camera.replay.")
    elif path.suffix == ".mcap":
        recording = log_recording(path, config.replay_rate_hz)
    else:
        recording = video_recording(path, config)
    return ReplayCamera(recording, path.name, clock=clock)


def folder_recording(folder: Path, rate_hz: float) -> Recording:
    """The JPEGs of a folder by their names, numbers in them counted as numbers."""
    with storage_errors(folder, "read"):
        paths = [path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg")]
    if not paths:
        raise HardwareError(f"The folder {folder} has no pictures; they are called NAME.jpg.")
    paths.sort(key=lambda path: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)])
    return (RecordedPicture(number / rate_hz, partial(_decoded_file, path)) for number, path in enumerate(paths))


def log_recording(path: Path, rate_hz: float | None) -> Recording:
    """The pictures of a drive log, as they were taken or at a fixed rate."""
    first_s: float | None = None
    for number, entry in enumerate(drive_log_pictures(path)):
        assert isinstance(entry.message, CameraFrame)
        first_s = entry.time_s if first_s is None else first_s
        offset_s = entry.time_s - first_s if rate_hz is None else number / rate_hz
        yield RecordedPicture(offset_s, partial(_decoded, entry.message.jpeg))


def video_recording(path: Path, config: CameraConfig) -> Recording:
    """The pictures of a video in the wanted size: camera.rate_hz of them at its own pace, or each at a fixed rate."""
    size, rate_hz = (config.width_px, config.height_px), config.replay_rate_hz or config.rate_hz
    command = [_ffmpeg(), "-v", "error", "-i", str(path), "-map", "0:v:0"]
    pace = ["-fps_mode", "passthrough"] if config.replay_rate_hz else ["-r", f"{rate_hz:g}"]
    scale = f"scale={size[0]}:{size[1]}:flags=area:out_range=full:out_color_matrix=bt601"
    command += [*pace, "-vf", scale, "-pix_fmt", "yuvj420p", "-f", "rawvideo", "-"]
    return _decoded_video(command, *size, rate_hz)


def _decoded_video(command: list[str], width_px: int, height_px: int, rate_hz: float) -> Recording:
    luma_bytes = width_px * height_px
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as decoder:
        assert decoder.stdout is not None
        try:
            number = 0
            while len(data := decoder.stdout.read(luma_bytes * 3 // 2)) == luma_bytes * 3 // 2:
                frame = _from_planes(np.frombuffer(data, np.uint8), width_px, height_px)
                yield RecordedPicture(number / rate_hz, partial(replace, frame))
                number += 1
        finally:
            decoder.kill()


def _from_planes(values: NDArray[np.uint8], width_px: int, height_px: int) -> Frame:
    luma, chroma = np.split(values, [width_px * height_px])
    u, v = chroma.reshape(2, height_px // 2, width_px // 2)
    return Frame(luma.reshape(height_px, width_px), 0.0, 0, (u, v))


def _decoded_file(path: Path) -> Frame:
    with storage_errors(path, "read"):
        return _decoded(path.read_bytes())


def _decoded(jpeg: bytes) -> Frame:
    return Frame(simplejpeg.decode_jpeg(jpeg), 0.0, 0, jpeg=jpeg)


def _ffmpeg() -> str:
    """The one of this computer; a workstation with the trainer has one in a package."""
    found = shutil.which("ffmpeg")
    if found is None and importlib.util.find_spec("imageio_ffmpeg"):
        import imageio_ffmpeg

        found = imageio_ffmpeg.get_ffmpeg_exe()
    if found is None:
        raise HardwareError(NO_FFMPEG)
    return found
