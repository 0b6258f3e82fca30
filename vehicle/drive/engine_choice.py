"""Which engine runs a model here: each is tried in a process of its own, and the faster one is remembered.

<cache>/engines.json   by model, engines' versions and precision: which one, and how long each took
<cache>/compiled/      OpenVINO's compiled models
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.atomic_files import make_folder, read_json, storage_errors, sync_tree, write_json
from shared.errors import ArchiveError, StorageError
from shared.model_archive import ModelArchive
from vehicle.drive.engine import Engine, Precision, open_engine, usable_engines
from vehicle.drive.engine_probe import Probe, probe_engine

CHOICES_FILE = "engines.json"
COMPILED_FOLDER = "compiled"
CHOICES_VERSION = 1
MOST_CHOICES = 32
MOST_COMPILED = 16

Prober = Callable[[ModelArchive, str, Precision, Path | None], Probe]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineWish:
    """What a person asks of the engine. name: None for the faster one. cache: None for the user's cache folder."""

    name: str | None = None
    precision: Precision = "float32"
    cache: Path | None = None

    @property
    def folder(self) -> Path:
        return (self.cache or default_cache(dict(os.environ))).expanduser()


def default_cache(environment: Mapping[str, str]) -> Path:
    """The folder that systemd gives a service, or else the user's own."""
    if given := environment.get("CACHE_DIRECTORY"):
        return Path(given.partition(":")[0])
    return Path(environment.get("XDG_CACHE_HOME") or "~/.cache") / "lapwing"


def open_proven_engine(archive: ModelArchive, wish: EngineWish, probe: Prober = probe_engine) -> Engine:
    """The model on the engine that runs it best here, after that one ran it in a process of its own.

    ArchiveError when none can.
    """
    folder = wish.folder
    cache: Path | None = folder / COMPILED_FOLDER
    try:
        make_folder(folder / COMPILED_FOLDER)
        known = _read_choices(folder)
    except StorageError as error:
        log.warning("What is learnt of the engines is not kept: %s", error)
        known, cache = {}, None
    key = _key(archive, wish)
    if (chosen := _remembered(known.get(key))) is None:
        choice = _measured(archive, wish, cache, probe)
        chosen = choice["engine"]
        if cache is not None:
            _remember(folder, {**known, key: choice})
    return open_engine(archive, chosen, precision=wish.precision, cache=cache)


def _measured(archive: ModelArchive, wish: EngineWish, cache: Path | None, probe: Prober) -> dict[str, Any]:
    """Try every engine in question; what to remember of it. ArchiveError when none of them can run the model."""
    usable = usable_engines(archive, wish.precision)
    # An engine that was asked for and cannot run such a model at all is no reason not to drive.
    names = [name for name in usable if name == wish.name] or usable
    probes = [probe(archive, name, wish.precision, cache) for name in names]
    for failed in (found for found in probes if found.median_ms is None):
        log.warning("%s does not run the model %s: it %s", failed.engine, archive.name, failed.problem)
    times_ms = {found.engine: found.median_ms for found in probes if found.median_ms is not None}
    if not times_ms:
        refusal = next((found.problem for found in probes if found.answered), None)
        reasons = "; ".join(f"{found.engine} {found.problem}" for found in probes)
        raise ArchiveError(refusal or f"No engine runs the model {archive.name} on this computer: {reasons}.")
    chosen = min(times_ms, key=lambda name: times_ms[name])
    log.info("%s runs the model %s, %.2f ms an answer", chosen, archive.name, times_ms[chosen])
    return {"engine": chosen, "median_ms": times_ms}


def _remembered(choice: Any) -> str | None:
    """The engine of an entry, None for anything that is not an entry."""
    engine = choice.get("engine") if isinstance(choice, dict) else None
    return engine if engine in ("openvino", "onnxruntime") else None


def _read_choices(folder: Path) -> dict[str, Any]:
    path = folder / CHOICES_FILE
    if not path.exists():
        return {}
    try:
        content = read_json(path)
    except StorageError as error:
        log.warning("The engines are measured again: %s", error)
        return {}
    is_ours = isinstance(content, dict) and content.get("version") == CHOICES_VERSION
    choices = content.get("choices") if is_ours else None
    return choices if isinstance(choices, dict) else {}


def _remember(folder: Path, choices: dict[str, Any]) -> None:
    """The compiled models first: what engines.json names must be whole on the disk after a power cut."""
    try:
        with storage_errors(folder):
            _forget_oldest(folder / COMPILED_FOLDER)
            sync_tree(folder / COMPILED_FOLDER)
        newest = dict(list(choices.items())[-MOST_CHOICES:])
        write_json(folder / CHOICES_FILE, {"version": CHOICES_VERSION, "choices": newest})
    except StorageError as error:
        log.warning("What is learnt of the engines is not kept: %s", error)


def _forget_oldest(compiled: Path) -> None:
    files = sorted(compiled.glob("*.blob"), key=lambda path: path.stat().st_mtime)
    for path in files[:-MOST_COMPILED]:
        path.unlink(missing_ok=True)


def _key(archive: ModelArchive, wish: EngineWish) -> str:
    """Another model, another version of an engine or another wish: measured again."""
    versions = [f"{name}-{_version(name)}" for name in ("openvino", "onnxruntime")]
    return " ".join([archive.model_sha256, *versions, wish.precision, wish.name or "any", os.uname().machine])


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
