"""What reward functions print, appended to the run's log: so much per second, so much per run, never more."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from shared.atomic_files import storage_errors

BYTES_PER_SECOND = 65_536.0
BURST_BYTES = 262_144.0
PREFIX = b"reward| "


class OutputLog:
    """Appends prefixed lines to a log file, opened with the first of them. path None: kept nowhere."""

    def __init__(self, path: Path | None, limit_mb: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._left = limit_mb * 1e6
        self._monotonic = monotonic
        self._budget = BURST_BYTES
        self._at_s = monotonic()
        self._dropped = 0

    def write(self, text: bytes) -> None:
        """Keep what the limits leave of it; what was dropped is counted in the log."""
        if self._path is None or not text:
            return
        now_s = self._monotonic()
        self._budget = min(BURST_BYTES, self._budget + (now_s - self._at_s) * BYTES_PER_SECOND)
        self._at_s = now_s
        lines = b"".join(PREFIX + line + b"\n" for line in text.splitlines())
        if len(lines) > min(self._budget, self._left):
            self._dropped += len(text)
            return
        if self._dropped:
            lines = PREFIX + b"(%d bytes of output were dropped)\n" % self._dropped + lines
            self._dropped = 0
        self._budget -= len(lines)
        self._left -= len(lines)
        with storage_errors(self._path), self._path.open("ab") as file:
            file.write(lines)

    def close(self) -> None:
        """Say what the limits kept out."""
        if self._dropped and self._path is not None and self._path.parent.is_dir():
            with storage_errors(self._path), self._path.open("ab") as file:
                file.write(PREFIX + b"(%d bytes of output were dropped)\n" % self._dropped)
            self._dropped = 0
