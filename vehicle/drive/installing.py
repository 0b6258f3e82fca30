"""Putting models on the car: the store with its importer, and what the engines learn of a model beforehand."""

from __future__ import annotations

from pathlib import Path

from shared.model_archive import ModelArchive
from vehicle.drive.engine import open_engine, usable_engines
from vehicle.drive.engine_choice import EngineWish, open_proven_engine
from vehicle.drive.trial import try_model
from vehicle.hardware.assembly import readings_on_board
from vehicle.hardware.this_car import Car
from vehicle.models.import_messages import ImportAnswer, ImportRequest
from vehicle.models.importer import Importer, ProcessImporter, ServiceImporter
from vehicle.models.store import InstalledModel, ModelStore

IMPORTER_PROGRAM = ("-m", "vehicle.cli", "import-model")


def model_store(car: Car) -> ModelStore:
    """The installed models; each is examined by a process of its own before it is let in."""
    drive = car.config.drive
    request = ImportRequest(
        name="model", size_bytes=0, readings=readings_on_board(car), engine=drive.engine, precision=drive.precision
    )
    return ModelStore(car.config.models.expanduser(), _importer(car), request)


def install(car: Car, source: Path) -> tuple[InstalledModel, ImportAnswer]:
    """Have an archive examined, take it over, and prepare the engine for it.

    ArchiveError says why not; StorageError, that it cannot be read or kept.
    """
    store = model_store(car)
    model, answer = store.install(source)
    prepare_engine(car, store.load(model.name))
    return model, answer


def prepare_engine(car: Car, archive: ModelArchive) -> None:
    """Find the faster engine and compile the model for it: the first drive need not wait."""
    drive = car.config.drive
    open_proven_engine(archive, EngineWish(drive.engine, drive.precision, drive.cache))


def try_out(archive: ModelArchive, request: ImportRequest) -> dict[str, float]:
    """The importer's trial on the engines of this computer: milliseconds of an answer, by engine."""
    usable = usable_engines(archive, request.precision)
    names: list[str] = [name for name in usable if name == request.engine] or list(usable)
    return try_model(archive, names, lambda one, name: open_engine(one, name, precision=request.precision))


def limits_in_words(limits: dict[str, bool]) -> str:
    """One sentence about what held the importer."""
    held = [name for name, holds in limits.items() if holds]
    missing = [name for name, holds in limits.items() if not holds]
    words = f"Examined in a process with limits on: {', '.join(held) or 'nothing'}."
    return f"{words} Not to be had here: {', '.join(missing)}." if missing else words


def _importer(car: Car) -> Importer:
    if car.folder.importer.is_socket():
        return ServiceImporter(car.folder.importer)
    return ProcessImporter(IMPORTER_PROGRAM)
