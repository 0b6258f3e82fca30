"""The models of this car: one folder each, written whole or not at all, checked whenever one is loaded.

models/<name>/model.tar.gz   the archive as it came
models/<name>/model.json     version, name, SHA-256 of the archive
models/chosen.json           which one drives next
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared.atomic_files import read_json, replace_directory, storage_errors, write_atomic, write_json
from shared.errors import ArchiveError, StorageError
from shared.model_archive import ModelArchive, archive_name, read_archive

ARCHIVE_FILE = "model.tar.gz"
RECORD_FILE = "model.json"
CHOSEN_FILE = "chosen.json"
STORE_VERSION = 1
SHIPPED_MODEL = Path(__file__).with_name("default.tar.gz")  # drives until another is installed
LARGEST_ARCHIVE_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """One entry of the list. chosen: the next drive uses it."""

    name: str
    sha256: str
    chosen: bool


class ModelStore:
    """try_out: runs a model once before it is let in; raises a LapwingError for one that cannot drive this
    car.
    """

    def __init__(self, folder: Path, try_out: Callable[[ModelArchive], object]) -> None:
        self._folder = folder
        self._try_out = try_out

    def install(self, source: Path) -> InstalledModel:
        """Check an archive and take it over; a model of the same name is replaced, at once.

        ArchiveError says why not.
        """
        if source.is_file() and source.stat().st_size > LARGEST_ARCHIVE_BYTES:
            raise ArchiveError(f"{source} is larger than a model archive can be.")
        with storage_errors(source, "read"):
            content = source.read_bytes()
        archive = read_archive(content, name=archive_name(source))
        self._try_out(archive)
        final = self._folder / archive.name
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".install-", dir=self._folder))
        try:
            write_atomic(temporary / ARCHIVE_FILE, content)
            record = {"version": STORE_VERSION, "name": archive.name, "sha256": archive.sha256}
            write_json(temporary / RECORD_FILE, record)
            replace_directory(temporary, final)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        if self._chosen_name() is None:
            self.choose(archive.name)
        return InstalledModel(archive.name, archive.sha256, chosen=self._chosen_name() == archive.name)

    def installed(self) -> list[InstalledModel]:
        """Every model, by name. A folder without a good record is not listed."""
        chosen = self._chosen_name()
        models = []
        for record_path in sorted(self._folder.glob(f"[!.]*/{RECORD_FILE}")):
            try:
                record = read_json(record_path)
            except StorageError:
                continue
            if isinstance(record, dict) and record.get("name") == record_path.parent.name:
                name = record["name"]
                models.append(InstalledModel(name, str(record.get("sha256")), chosen=name == chosen))
        return models

    def choose(self, name: str) -> None:
        """The model that the next drive uses."""
        self._record(name)
        write_json(self._folder / CHOSEN_FILE, {"version": STORE_VERSION, "name": name})

    def load(self, name: str | None = None) -> ModelArchive:
        """A model, its checksum found right; by default the chosen one, or else the one that came along."""
        name = name or self._chosen_name()
        if name is None:
            return read_archive(SHIPPED_MODEL)
        record = self._record(name)
        path = self._folder / name / ARCHIVE_FILE
        with storage_errors(path, "read"):
            content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != record.sha256:
            raise ArchiveError(f"The model {name} was damaged on disk. Install it again: lapwing-car install")
        return read_archive(content, name=name)

    def _record(self, name: str) -> InstalledModel:
        found = [model for model in self.installed() if model.name == name]
        if not found:
            names = ", ".join(model.name for model in self.installed()) or "none"
            raise ArchiveError(f"The model {name!r} is not installed. Installed: {names}.")
        return found[0]

    def _chosen_name(self) -> str | None:
        path = self._folder / CHOSEN_FILE
        if not path.exists():
            return None
        chosen = read_json(path)
        name = chosen.get("name") if isinstance(chosen, dict) else None
        return name if isinstance(name, str) and (self._folder / name / RECORD_FILE).exists() else None
