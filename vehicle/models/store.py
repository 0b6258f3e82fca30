"""The models of this car: every change happens whole or not at all, and what is loaded has been checked.

models/<name>/000002/model.tar.gz   the archive as it came
models/<name>/000002/record.json    version, SHA-256 of the archive
models/<name>/000001/               the version before, where rollback leads
models/.chosen.json                 which model drives next

The newest version of a model is in force. A damaged one is never passed over in silence: the car says so, and does
not drive with it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shared.atomic_files import (
    make_folder,
    read_json,
    replace_directory,
    storage_errors,
    sync_directory,
    write_json,
)
from shared.errors import ArchiveError, StorageError
from shared.model_archive import ModelArchive, archive_name, read_archive
from vehicle.models.import_messages import MOST_ARCHIVE_BYTES, ImportAnswer, ImportRequest
from vehicle.models.importer import Importer

ARCHIVE_FILE = "model.tar.gz"
RECORD_FILE = "record.json"
CHOSEN_FILE = ".chosen.json"
LOCK_FILE = ".lock"
STORE_VERSION = 1
KEPT_VERSIONS = 2
SHIPPED_MODEL = Path(__file__).with_name("default.tar.gz")  # drives until another is installed

_CHUNK_BYTES = 1 << 20
_VERSION = re.compile(r"\d{6,9}\Z")
_LEFTOVERS = (".install-*", ".deleted-*")


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """One entry of the list. chosen: the next drive uses it. versions: how many are kept.

    problem: why it cannot be loaded, None for a good one.
    """

    name: str
    sha256: str
    chosen: bool
    versions: int = 1
    problem: str | None = None


class ModelStore:
    """The models in one folder. Reading never changes anything; a missing folder is an empty store."""

    def __init__(self, folder: Path, importer: Importer, request: ImportRequest) -> None:
        """importer: examines an archive before it is let in. request: what it is asked, but for name and size."""
        self._folder = folder
        self._importer = importer
        self._request = request

    def install(self, source: Path) -> tuple[InstalledModel, ImportAnswer]:
        """Have an archive examined and take it over; the version in force becomes the one before.

        Raises:
            ArchiveError: it is refused; the sentence says why.
            StorageError: it cannot be read, or there is no room for it.
        """
        name = archive_name(source)
        with self._locked():
            self._sweep()
            with self._staging() as staging:
                sha256, size_bytes = _copy(source, staging / ARCHIVE_FILE)
                answer = self._examined(staging / ARCHIVE_FILE, name, sha256, size_bytes)
                if not self._is_in_force(name, sha256):  # else it would push out the version before
                    record = {"version": STORE_VERSION, "name": name, "sha256": sha256}
                    write_json(staging / RECORD_FILE, record)
                    self._commit(name, staging)
            if not (self._folder / CHOSEN_FILE).exists():
                self._write_choice(name)
        return self._model(name), answer

    def installed(self) -> list[InstalledModel]:
        """Every model, by name. A damaged one is listed with its problem, and harms no other."""
        try:
            names = sorted(os.listdir(self._folder))
        except FileNotFoundError:
            return []
        chosen = None
        with suppress(StorageError):  # whoever loads the chosen one is told
            chosen = self._chosen_name()
        return [self._listed(name, chosen) for name in names if self._versions(name)]

    def choose(self, name: str) -> None:
        """The model that the next drive uses."""
        model = self._model(name)
        if model.problem is not None:
            raise ArchiveError(model.problem)
        with self._locked():
            self._write_choice(name)

    def load(self, name: str | None = None) -> ModelArchive:
        """A model, its checksum found right; by default the chosen one, or else the one that came along."""
        name = name or self._chosen_name()
        if name is None:
            return read_archive(SHIPPED_MODEL)
        model = self._model(name)
        if model.problem is not None:
            raise ArchiveError(model.problem)
        content = self._newest(name)
        if hashlib.sha256(content).hexdigest() != model.sha256:
            raise ArchiveError(_damage(name, len(self._versions(name))))
        return read_archive(content, name=name)

    def rollback(self, name: str) -> InstalledModel:
        """Put the version before in force, as a new one: once more, and it is taken back."""
        with self._locked():
            self._sweep()
            versions = self._versions(self._model(name).name)
            if len(versions) < 2:
                raise ArchiveError(f"There is no earlier version of the model {name} to go back to.")
            with self._staging() as staging:
                for file in (ARCHIVE_FILE, RECORD_FILE):
                    _link_or_copy(self._folder / name / versions[-2] / file, staging / file)
                self._commit(name, staging)
        return self._model(name)

    def delete(self, name: str) -> None:
        """Every version of a model; if it was to drive next, the one that came along does."""
        with self._locked():
            self._sweep()
            model = self._model(name)
            with storage_errors(self._folder):
                if model.chosen:
                    (self._folder / CHOSEN_FILE).unlink()
                    sync_directory(self._folder)
                doomed = self._folder / f".deleted-{secrets.token_hex(4)}"
                os.rename(self._folder / name, doomed)
                sync_directory(self._folder)
                shutil.rmtree(doomed, ignore_errors=True)

    def _examined(self, path: Path, name: str, sha256: str, size_bytes: int) -> ImportAnswer:
        request = self._request.model_copy(update={"name": name, "size_bytes": size_bytes})
        with path.open("rb") as archive:
            answer = self._importer(request, archive)
        if (refusal := answer.refusal()) is not None:
            raise ArchiveError(refusal)
        if answer.sha256 != sha256:
            raise ArchiveError("The importer examined another archive than this one. Try again.")
        return answer

    def _newest(self, name: str) -> bytes:
        """The archive in force, as it lies on the disk."""
        path = self._folder / name / self._versions(name)[-1] / ARCHIVE_FILE
        with storage_errors(path, "read"):
            return path.read_bytes()

    def _is_in_force(self, name: str, sha256: str) -> bool:
        """Whether this very archive is there already, undamaged."""
        if not self._versions(name) or self._model(name).sha256 != sha256:
            return False
        with suppress(StorageError):
            return hashlib.sha256(self._newest(name)).hexdigest() == sha256
        return False

    def _commit(self, name: str, staging: Path) -> None:
        """Give a finished version its number, and let go of those that are no longer kept."""
        versions = self._versions(name)
        number = int(versions[-1]) + 1 if versions else 1
        make_folder(self._folder / name)
        self._open_to_whom_the_store_is(self._folder / name)
        replace_directory(staging, self._folder / name / f"{number:06d}")
        for old in self._versions(name)[:-KEPT_VERSIONS]:
            shutil.rmtree(self._folder / name / old, ignore_errors=True)

    def _listed(self, name: str, chosen: str | None) -> InstalledModel:
        versions = self._versions(name)
        try:
            record = read_json(self._folder / name / versions[-1] / RECORD_FILE)
        except StorageError:
            record = None
        sha256 = record.get("sha256") if isinstance(record, dict) and record.get("name") == name else None
        problem = None if isinstance(sha256, str) else _damage(name, len(versions))
        return InstalledModel(name, str(sha256 or ""), name == chosen, len(versions), problem)

    def _model(self, name: str) -> InstalledModel:
        models = self.installed()
        for model in models:
            if model.name == name:
                return model
        names = ", ".join(model.name for model in models) or "none"
        raise ArchiveError(f"The model {name!r} is not installed. Installed: {names}.")

    def _versions(self, name: str) -> list[str]:
        """Numbers of a model's versions, the newest last."""
        if name.startswith("."):
            return []
        try:
            found = [entry for entry in os.listdir(self._folder / name) if _VERSION.match(entry)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(found, key=int)

    def _chosen_name(self) -> str | None:
        """StorageError when it was chosen and nobody can read which."""
        path = self._folder / CHOSEN_FILE
        if not path.exists():
            return None
        choice = read_json(path)
        name = choice.get("name") if isinstance(choice, dict) else None
        if not isinstance(name, str):
            raise StorageError(f"{path} is damaged. Choose the model again: lapwing-car models --choose NAME")
        return name

    def _write_choice(self, name: str) -> None:
        write_json(self._folder / CHOSEN_FILE, {"version": STORE_VERSION, "name": name})

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """A folder that becomes a version, or vanishes."""
        with storage_errors(self._folder):
            folder = Path(tempfile.mkdtemp(prefix=".install-", dir=self._folder))
        try:
            self._open_to_whom_the_store_is(folder)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _open_to_whom_the_store_is(self, folder: Path) -> None:
        """Who drives, and who replaces a model, may be another user of the group than who installed it."""
        with storage_errors(folder), suppress(PermissionError):  # another one's, who made it so
            folder.chmod(self._folder.stat().st_mode & 0o777)

    def _sweep(self) -> None:
        """What a process left that was killed while it installed or deleted."""
        for pattern in _LEFTOVERS:
            for leftover in self._folder.glob(pattern):
                shutil.rmtree(leftover, ignore_errors=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One change at a time."""
        make_folder(self._folder)
        with storage_errors(self._folder):
            descriptor = os.open(self._folder / LOCK_FILE, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _damage(name: str, versions: int) -> str:
    ways = [f"Install it again: lapwing-car install {name}.tar.gz"]
    if versions > 1:
        ways.append(f"or take the version before: lapwing-car models --rollback {name}")
    return f"The model {name} was damaged on disk. {', '.join(ways)}"


def _copy(source: Path, target: Path) -> tuple[str, int]:
    """Copy piece by piece; SHA-256 and size. No link is followed, and nothing but a plain file is read."""
    digest, size_bytes = hashlib.sha256(), 0
    with storage_errors(source, "read"), _opened(source) as file, storage_errors(target), target.open("xb") as copy:
        while piece := file.read(_CHUNK_BYTES):
            size_bytes += len(piece)
            if size_bytes > MOST_ARCHIVE_BYTES:
                raise ArchiveError(f"{source} is larger than a model archive can be ({MOST_ARCHIVE_BYTES >> 20} MiB).")
            digest.update(piece)
            copy.write(piece)
    return digest.hexdigest(), size_bytes


def _opened(source: Path) -> IO[bytes]:
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    file = os.fdopen(descriptor, "rb")
    if not os.path.isfile(f"/proc/self/fd/{descriptor}"):
        file.close()
        raise ArchiveError(f"{source} is not a file. Give a model archive, NAME.tar.gz.")
    return file


def _link_or_copy(source: Path, target: Path) -> None:
    with storage_errors(target):
        try:
            os.link(source, target)
        except PermissionError:  # a file system without links says so
            shutil.copyfile(source, target)
