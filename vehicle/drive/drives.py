"""The folder of recorded drives: list, keep, delete, make room, and end what a power cut left without its end.

A drive is NAME.mcap. An empty file NAME.keep beside it says that it is bookmarked: nothing but a person deletes it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from shared.atomic_files import storage_errors, sync_directory
from shared.drive_log import LogSummary, claimed_log, repair_drive_log, summarise_drive_log
from shared.errors import StorageError
from vehicle.hardware.this_car import Car

SUFFIX, KEEP_SUFFIX = ".mcap", ".keep"
GIGABYTE = 1_000_000_000
# The models, the calibration and the system live on the same card, and must always find room.
RESERVE_BYTES = 500_000_000
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}\Z")
_LEFT_BY_A_REPAIR = f".*{SUFFIX}.*.tmp"  # as shared.atomic_files names what is not whole yet

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredDrive:
    """One drive of the folder. summary: None where the file is no drive log. changed_s: since 1970."""

    name: str
    path: Path
    size_bytes: int
    changed_s: float
    is_bookmarked: bool
    is_being_written: bool
    summary: LogSummary | None


@dataclass(frozen=True, slots=True)
class RepairedDrive:
    """What became of a drive without its end. messages: how many were saved; 0: it held none and was removed."""

    name: str
    messages: int


class DriveStore:
    """One folder. Any number of processes may use it at once; what is being written is left alone."""

    def __init__(self, folder: Path, quota_bytes: int, *, free_bytes: Callable[[Path], int] | None = None) -> None:
        """quota_bytes: of all drives together. free_bytes: of the disk that a folder is on."""
        self.folder = folder
        self._quota_bytes = quota_bytes
        self._free_bytes = free_bytes or (lambda path: shutil.disk_usage(path).free)

    def drives(self) -> list[StoredDrive]:
        """Every drive, the oldest first."""
        return [self._described(path) for path in self._paths()]

    def path_of(self, name: str) -> Path:
        """The file of a drive; StorageError when there is none of that name."""
        path = self._path(name)
        if not path.is_file():
            raise StorageError(f"There is no drive '{name}' in {self.folder}. See: lapwing-car drives list")
        return path

    def new_path(self, name: str) -> Path:
        """Where a new drive of this name goes; where it is taken, with a number behind it."""
        with storage_errors(self.folder, "create"):
            self.folder.mkdir(parents=True, exist_ok=True)
        path, number = self._path(name), 2
        while path.exists():
            path, number = self._path(f"{name}-{number}"), number + 1
        return path

    def bookmark(self, name: str, *, keep: bool = True) -> None:
        """Keep a drive whatever the quota says, or (keep=False) no longer."""
        mark = self.path_of(name).with_suffix(KEEP_SUFFIX)
        with storage_errors(mark):
            if keep:
                mark.touch()
            else:
                mark.unlink(missing_ok=True)
            sync_directory(self.folder)

    def delete(self, name: str) -> None:
        """Remove a drive; StorageError while it is being recorded."""
        with claimed_log(path := self.path_of(name)) as is_ours:
            if not is_ours:
                raise StorageError(f"The drive '{name}' is being recorded. End the recording first.")
            self._remove(path)

    def make_room(self) -> bool:
        """Delete the oldest drives that are not bookmarked until quota and disk allow more.

        Whether there is room now.
        """
        with storage_errors(self.folder, "create"):
            self.folder.mkdir(parents=True, exist_ok=True)
        paths = self._paths()
        used_bytes = sum(_size(path) for path in paths)
        for path in paths:
            if self._has_room(used_bytes):
                return True
            used_bytes -= self._given_up(path)
        return self._has_room(used_bytes)

    def repair(self) -> list[RepairedDrive]:
        """End every drive that has no end; one repair at a time in a folder. The original stays until it is done."""
        if not self.folder.is_dir():
            return []
        with self._only_repair() as is_alone:
            if not is_alone:
                return []
            for left in self.folder.glob(_LEFT_BY_A_REPAIR):
                left.unlink(missing_ok=True)
            for mark in self.folder.glob(f"*{KEEP_SUFFIX}"):
                if not mark.with_suffix(SUFFIX).exists():  # the power went while the drive was being deleted
                    mark.unlink(missing_ok=True)
            return [repaired for path in self._paths() if (repaired := self._repaired(path)) is not None]

    def _repaired(self, path: Path) -> RepairedDrive | None:
        try:
            with claimed_log(path) as is_ours:
                if not is_ours:
                    return None
                if _was_never_begun(path):
                    self._remove(path)
                    return RepairedDrive(path.stem, 0)
                if summarise_drive_log(path).is_complete:
                    return None
                return self._ended(path)
        except StorageError as error:
            log.warning("The drive %s was not repaired: %s", path.stem, error)
            return None

    def _ended(self, path: Path) -> RepairedDrive:
        changed_ns = path.stat().st_mtime_ns
        repair = repair_drive_log(path)
        if repair.messages == 0:
            self._remove(path)
        else:
            os.utime(path, ns=(changed_ns, changed_ns))  # its age decides when it is deleted
        return RepairedDrive(path.stem, repair.messages)

    @contextmanager
    def _only_repair(self) -> Iterator[bool]:
        """Whether nobody else repairs in this folder; nobody does while the block runs."""
        with storage_errors(self.folder):
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(folder)

    def _described(self, path: Path) -> StoredDrive:
        summary, is_busy = None, False
        with suppress(StorageError), claimed_log(path) as is_ours:
            is_busy = not is_ours
            summary = summarise_drive_log(path)
        is_kept = path.with_suffix(KEEP_SUFFIX).exists()
        return StoredDrive(path.stem, path, _size(path), _changed_s(path), is_kept, is_busy, summary)

    def _paths(self) -> list[Path]:
        """The oldest first. By the time of the last change: the clock of a Pi without a network may say anything
        when a drive begins."""
        if not self.folder.is_dir():
            return []
        paths = [path for path in self.folder.glob(f"[!.]*{SUFFIX}") if path.is_file()]
        return sorted(paths, key=lambda path: (_changed_s(path), path.name))

    def _path(self, name: str) -> Path:
        if not _NAME.match(name):
            raise StorageError(f"{name!r} cannot name a drive. Use up to 80 letters, digits, dots, dashes and _.")
        return self.folder / f"{name}{SUFFIX}"

    def _has_room(self, used_bytes: int) -> bool:
        return used_bytes <= self._quota_bytes and self._free_bytes(self.folder) >= RESERVE_BYTES

    def _given_up(self, path: Path) -> int:
        """Delete a drive unless somebody wants it kept or writes it; the bytes that this gave back."""
        size_bytes = _size(path)
        if path.with_suffix(KEEP_SUFFIX).exists() or not path.exists():
            return 0
        with claimed_log(path) as is_ours:
            if not is_ours:
                return 0
            self._remove(path)
        log.warning("The drive %s was deleted to make room for new ones.", path.stem)
        return size_bytes

    def _remove(self, path: Path) -> None:
        with storage_errors(path, "delete"):
            path.unlink(missing_ok=True)
            path.with_suffix(KEEP_SUFFIX).unlink(missing_ok=True)
            sync_directory(self.folder)


def drive_store(car: Car) -> DriveStore:
    """The drives of this car."""
    settings = car.config.record
    return DriveStore(settings.folder.expanduser(), round(settings.quota_gb * GIGABYTE))


def name_now(wall_ns: int, ending: str = "") -> str:
    """A name that says when, in this computer's time zone."""
    stamp = time.strftime("%Y-%m-%d-%H%M%S", time.localtime(wall_ns / 1e9))
    return f"{stamp}-{ending}" if ending else stamp


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # deleted by another process just now
        return 0


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _was_never_begun(path: Path) -> bool:
    """Whether the power went before a first byte of the file was on the disk: nothing, or zeros, is there."""
    with storage_errors(path, "read"), path.open("rb") as file:
        return not any(file.read(8))
