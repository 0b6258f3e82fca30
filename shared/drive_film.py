"""A drive as a film: its pictures as they were taken, and speed, steering, mode and time below them.

ffmpeg does all the work: it reads the JPEGs of the log as they are, and draws the panel from a subtitle file.
Nothing is decoded or drawn in Python, so a car can make its own film in the background.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from shared.drive_channels import CAMERA_CHANNEL, CameraFrame
from shared.drive_log import DriveLogStream
from shared.drive_table import DriveTable, read_drive
from shared.errors import StorageError
from shared.film_panel import PANEL_HEIGHT_PX, PICTURE_HEIGHT_PX, PICTURE_WIDTH_PX, panel
from shared.film_writer import ENCODING, FilmWriter, check_film_name

SLOWEST_HZ, FASTEST_HZ = 5.0, 60.0
_PANEL_FILE = "panel.ass"
_PANEL_COLOUR = "0x181a1e"


def film_drive(log_path: Path, film_path: Path, ffmpeg: Sequence[str]) -> int:
    """Film a drive log of a car or of the simulator; how many frames the film has.

    ffmpeg: the program, and what comes before it, such as `nice`. StorageError when the log has no pictures or no
    turns, or the film cannot be written.
    """
    check_film_name(film_path)
    table = read_drive(log_path)
    rate_hz = film_rate_hz(table)
    with tempfile.TemporaryDirectory(prefix="lapwing-film-") as folder:
        (Path(folder) / _PANEL_FILE).write_text(panel(table), encoding="utf-8")
        writer = FilmWriter(film_path, lambda partial: _command(ffmpeg, partial, rate_hz), Path(folder))
        frames = 0
        try:
            for jpeg in even_pictures(log_path, table.started_s, rate_hz):
                writer.feed(jpeg)
                frames += 1
            if frames == 0:
                raise StorageError(f"{log_path} holds no pictures (/camera/front), so there is nothing to film.")
        except BaseException:
            with suppress(OSError):
                writer.abandon()
            raise
        writer.close()
    return frames


def film_rate_hz(table: DriveTable) -> float:
    """The rate at which the drive decided, so that a film shows every picture once."""
    between_s = np.diff(table.columns["time_s"])
    usual_s = float(np.median(between_s)) if len(between_s) else 1.0
    return min(max(1.0 / max(usual_s, 1e-3), SLOWEST_HZ), FASTEST_HZ)


def even_pictures(log_path: Path, started_s: float, rate_hz: float) -> Iterator[bytes]:
    """The pictures at equal distances in time, from a moment of the log on: each the newest until then."""
    newest, shown = b"", 0
    for entry in DriveLogStream(log_path, {CAMERA_CHANNEL}):
        if not isinstance(entry.message, CameraFrame):
            continue
        # Half a frame of patience: a camera that is a little late must not cost its picture a place.
        while newest and (shown + 0.5) / rate_hz < entry.time_s - started_s:
            yield newest
            shown += 1
        newest = entry.message.jpeg
    if newest:
        yield newest


def _command(ffmpeg: Sequence[str], path: Path, rate_hz: float) -> list[str]:
    size = f"{PICTURE_WIDTH_PX}:{PICTURE_HEIGHT_PX}"
    below = f"pad={PICTURE_WIDTH_PX}:{PICTURE_HEIGHT_PX + PANEL_HEIGHT_PX}:0:0:color={_PANEL_COLOUR}"
    return [
        *ffmpeg, "-y", "-v", "error",
        "-f", "image2pipe", "-c:v", "mjpeg", "-framerate", f"{rate_hz:g}", "-i", "-",
        "-vf", f"scale={size}:flags=bicubic,{below},ass={_PANEL_FILE}",
        *ENCODING, str(path),
    ]  # fmt: skip
