"""A film that ffmpeg encodes from what is fed to it, and that appears under its name when it is whole."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from shared.atomic_files import storage_errors
from shared.errors import StorageError

MAX_BITRATE = "2500k"  # bounds the file: at most 19 MB a minute, in practice about a tenth of it
# H.264 that every player and browser shows.
ENCODING = (
    "-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-maxrate", MAX_BITRATE, "-bufsize", "5000k",
    "-pix_fmt", "yuv420p", "-threads", "1", "-movflags", "+faststart", "-f", "mp4",
)  # fmt: skip


def check_film_name(path: Path) -> None:
    """Refuse a film that would not be what its name says, before anything is driven for it."""
    if path.suffix.lower() != ".mp4":
        raise StorageError(f"{path}: films are written as .mp4. Name it {path.with_suffix('.mp4').name}.")


class FilmWriter:
    """One run of ffmpeg."""

    def __init__(self, path: Path, command: Callable[[Path], Sequence[str]], folder: Path | None = None) -> None:
        """command: what to run, given the file to write. folder: where it runs."""
        self._path = path
        self._partial = path.absolute().with_name(f".{path.name}.{os.getpid()}.part")
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        # ffmpeg's complaints go to a file: a pipe that nobody empties could stall it.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process it belongs to
        try:
            self._process = subprocess.Popen(
                command(self._partial),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
                cwd=folder,
                start_new_session=True,  # Ctrl-C is ours to handle: ffmpeg would end the file in the middle
            )
        except BaseException:
            self._complaints.close()
            raise

    def feed(self, content: bytes | memoryview) -> None:
        """Give ffmpeg more of what it reads."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(content)
        except BrokenPipeError as error:
            raise self._failure() from error

    def close(self) -> None:
        """Finish the file and put it in its place."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            finished = self._process.wait() == 0
        except BrokenPipeError:
            finished = False
        except BaseException:  # Ctrl-C while ffmpeg writes the end
            self.abandon()
            raise
        if not finished:
            raise self._failure()
        self._complaints.close()
        with storage_errors(self._path):
            self._partial.replace(self._path)

    def abandon(self) -> None:
        """End without a file; nothing of it is left behind."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None and not self._process.stdin.closed:
            with suppress(BrokenPipeError):  # what was still buffered has no reader any more
                self._process.stdin.close()
        self._complaints.close()
        with suppress(OSError):  # it may never have come to be
            self._partial.unlink()

    def _failure(self) -> StorageError:
        self._process.wait()
        self._complaints.seek(0)
        said = self._complaints.read().decode(errors="replace").strip().splitlines()
        self.abandon()
        reason = said[-1] if said else f"it ended with code {self._process.returncode}"
        return StorageError(
            f"The video {self._path} could not be written: ffmpeg says: {reason}. "
            "Check that the folder is writable and the disk has room."
        )
