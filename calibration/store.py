"""The history of one car's calibration: only ever added to, so that every change can be taken back.

One file a generation, `000001.json`, `000002.json`, …, each written whole or not at all and checked by its
hash when read. The newest sound one is in force.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from calibration.profile import CalibrationProfile
from calibration.profile_file import FILE_KIND, read_profile, with_hash
from shared.atomic_files import make_folder, storage_errors, write_atomic
from shared.errors import CalibrationError

_NAME = re.compile(r"(\d{6,9})\.json\Z")


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """One generation. previous: the generation in force before it, where undo leads. reason: why saved."""

    generation: int
    profile: CalibrationProfile
    previous: int | None
    saved_at: str
    reason: str


class CalibrationStore:
    """The history in one folder. Reading never changes anything; a missing folder is an empty history."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def current(self) -> StoredProfile | None:
        """The newest generation that can be read and whose hash is right; None when there is none.

        A damaged newest one falls back to the one before it: `damaged()` tells, and the car should too.
        """
        for generation in reversed(self._generations()):
            stored = self._read_sound(generation)
            if stored is not None:
                return stored
        return None

    def history(self) -> list[StoredProfile]:
        """Every sound generation, oldest first."""
        found = [self._read_sound(generation) for generation in self._generations()]
        return [stored for stored in found if stored is not None]

    def damaged(self) -> list[int]:
        """Generations whose file cannot be read or was changed."""
        return [generation for generation in self._generations() if self._read_sound(generation) is None]

    def save(self, profile: CalibrationProfile, *, reason: str, saved_at: str) -> StoredProfile:
        """Put a profile in force. saved_at: ISO 8601 time, the caller's clock."""
        with self._locked():
            current = self.current()
            return self._append(profile, None if current is None else current.generation, saved_at, reason)

    def undo(self, *, saved_at: str) -> StoredProfile:
        """Put back what was in force before the current profile; again, and it goes further back."""
        with self._locked():
            current = self.current()
            if current is None or current.previous is None:
                raise CalibrationError("There is no earlier calibration to go back to.")
            target = self._read_sound(current.previous)
            if target is None:
                raise CalibrationError(f"Generation {current.previous} is damaged; it cannot be brought back.")
            return self._append(
                target.profile, target.previous, saved_at, f"undo: back to generation {target.generation}"
            )

    def _append(self, profile: CalibrationProfile, previous: int | None, saved_at: str, reason: str) -> StoredProfile:
        generations = self._generations()
        stored = StoredProfile(
            generation=generations[-1] + 1 if generations else 1,
            profile=profile,
            previous=previous,
            saved_at=saved_at,
            reason=reason,
        )
        values = {
            "kind": FILE_KIND,
            "profile": profile.model_dump(mode="json"),
            "history": {"previous": previous, "saved_at": saved_at, "reason": reason},
        }
        write_atomic(self._path(stored.generation), with_hash(values))
        self._open_to_group(self._path(stored.generation))
        return stored

    def _generations(self) -> list[int]:
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        return sorted(int(match[1]) for name in names if (match := _NAME.match(name)))

    def _read_sound(self, generation: int) -> StoredProfile | None:
        path = self._path(generation)
        with storage_errors(path, "read"):
            content = path.read_bytes()
        try:
            profile = read_profile(content, source=str(path), needs_hash=True)
        except CalibrationError:
            return None
        history = json.loads(content).get("history", {})
        return StoredProfile(
            generation=generation,
            profile=profile,
            previous=history.get("previous"),
            saved_at=str(history.get("saved_at", "")),
            reason=str(history.get("reason", "")),
        )

    def _path(self, generation: int) -> Path:
        return self._folder / f"{generation:06d}.json"

    def _open_to_group(self, path: Path) -> None:
        """Where the folder of all histories is a group's, what is in it is too: who drives is not who calibrates."""
        with storage_errors(path):
            is_groups = self._folder.parent.stat().st_mode & stat.S_IWGRP
            about = path.stat()
            if is_groups and about.st_uid == os.getuid() and not about.st_mode & stat.S_IWGRP:
                path.chmod(stat.S_IMODE(about.st_mode) | (about.st_mode & stat.S_IRWXU) >> 3)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, so that two never make the same generation."""
        make_folder(self._folder)
        self._open_to_group(self._folder)
        lock = self._folder / ".lock"
        with storage_errors(self._folder):
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._open_to_group(lock)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
