"""A log that is being written: put on the disk every two seconds, and given up when the disk takes no more."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from shared.drive_channels import CameraFrame
from shared.drive_log import DriveLogWriter
from shared.errors import StorageError
from vehicle.drive.ring import Kept

SYNC_S = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DriveFacts:
    """What a log tells of a drive besides its messages.

    about: car, driver, track, hashes, versions. attachments: whole files by name, with their media types.
    """

    about: Mapping[str, str] = field(default_factory=dict)
    attachments: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)


class OpenLog:
    """One file. is_in_store: as a drive of the store. ends_at_s: when a saved moment is over, None for a recording.

    is_closed: nothing is written any more. problem: why not, when that came early; empty otherwise.
    """

    def __init__(self, path: Path, facts: DriveFacts, *, now_s: float, wall_ns: int, is_in_store: bool) -> None:
        """StorageError when the file cannot be made, or exists already."""
        self.name = path.stem
        self.path = path
        self.is_in_store = is_in_store
        self.started_s = now_s
        self.ends_at_s: float | None = None
        self.is_closed = False
        self.problem = ""
        self._synced_s = now_s
        self._writer = DriveLogWriter(path, start_time_s=now_s, start_wall_ns=wall_ns, about=facts.about)
        try:
            for name, (media_type, data) in facts.attachments.items():
                self._writer.attach(name, media_type, data)
            self._writer.sync()
        except StorageError:
            with suppress(StorageError):
                self._writer.close()
            raise

    def write(self, entry: Kept) -> None:
        """Add one message."""
        time_s, channel, payload = entry
        if self.is_closed:
            return
        try:
            if isinstance(payload, CameraFrame):
                self._writer.write(payload, time_s)
            else:
                self._writer.write_encoded(channel, payload, time_s)
        except StorageError as error:
            self._give_up(error)

    def sync(self, now_s: float) -> None:
        """Put everything on the disk."""
        self._synced_s = now_s
        if self.is_closed:
            return
        try:
            self._writer.sync()
        except StorageError as error:
            self._give_up(error)

    def tick(self, now_s: float) -> None:
        """What time alone asks for."""
        if self.ends_at_s is not None and now_s >= self.ends_at_s:
            self.close()
        elif now_s - self._synced_s >= SYNC_S:
            self.sync(now_s)

    def close(self) -> None:
        """Write the end."""
        if self.is_closed:
            return
        self.is_closed = True
        try:
            self._writer.close()
        except StorageError as error:
            self._tell(error)

    def _give_up(self, error: StorageError) -> None:
        """With an end, if there is room for one; else the next start repairs it."""
        self._tell(error)
        self.close()

    def _tell(self, error: StorageError) -> None:
        self.problem = self.problem or str(error)
        log.warning("The recording has ended, the drive goes on: %s", error)
