"""The power goes while a store is written: what is left must be what was before or what came after, never less.

Every store is used as the programs use it, its file operations are recorded, and states of the disk that a power cut
may leave are opened by the store again. What had been acknowledged must be there.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from calibration.profile_file import shipped_profile
from calibration.store import CalibrationStore
from shared.atomic_files import make_folder
from shared.drive_channels import CameraFrame
from shared.drive_log import DriveLogWriter, read_drive_log, repair_drive_log
from shared.errors import LapwingError
from tests.benchmarks.harness import Benchmark, Context
from tests.benchmarks.rig.crash_disk import Crash, Operation, Recorder, crashes
from trainer.training.checkpoint import Checkpoint, find_checkpoint, read_checkpoint, write_checkpoint
from vehicle.drive.engine_choice import _read_choices, _remember
from vehicle.models.import_messages import ImportAnswer, ImportRequest
from vehicle.models.store import SHIPPED_MODEL, ModelStore

STATES, FULL_STATES = 1_000, 10_000
MEMORY_FOLDER = Path("/dev/shm")
FAILURES = ("corrupt", "lost")
Done = Callable[[], None]


@dataclass(frozen=True)
class Store:
    """use: changes the store in a folder, and says after each change that it was acknowledged. look: what a program
    sees of it; raises a LapwingError for what is damaged. may_be: whether it may see this after a power cut, given
    what it saw at the last acknowledgement and will see at the next one (None: there is none).
    """

    use: Callable[[Path, Done], None]
    look: Callable[[Path], Any]
    may_be: Callable[[Any, Any, Any], bool] = lambda seen, last, following: seen in (last, following)


def run(context: Context) -> Mapping[str, float]:
    """Failures by kind, over all stores, and how many states were opened."""
    states = (FULL_STATES if context.full else STATES) // len(STORES)
    counts: Counter[str] = Counter(dict.fromkeys((*FAILURES, "states"), 0))
    for name in STORES:
        counts.update(context.store.part(name, lambda n=name: try_store(n, STORES[n], states)))
        context.say(f"{name}: {counts['states']} states, {counts['corrupt']} corrupt, {counts['lost']} lost")
    figures = {name: float(count) for name, count in counts.items()}
    return {"failures": figures["corrupt"] + figures["lost"], **figures}


def try_store(name: str, store: Store, states: int) -> dict[str, int]:
    """Record a life of the store again and again, and open so many states of the disk that it may leave."""
    counts: Counter[str] = Counter(dict.fromkeys((*FAILURES, "states"), 0))
    chance = random.Random(name)
    where = MEMORY_FOLDER if os.access(MEMORY_FOLDER, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="lapwing-power-", dir=where) as folder:
        while counts["states"] < states:
            operations = record(store, Path(folder) / "live")
            for crash in crashes(operations, chance, states - counts["states"]):
                counts["states"] += 1
                failure = open_after(store, crash, operations, Path(folder) / "after")
                if failure is not None:
                    counts[failure[0]] += 1
                    print(f"  {name}: {failure[0]}: {failure[1]}: {crash}", flush=True)
    return dict(counts)


def record(store: Store, folder: Path) -> list[Operation]:
    """Everything that a life of the store does to the disk, from an empty folder on."""
    folder.mkdir()
    recorder = Recorder(folder)
    try:
        with recorder.recording():
            recorder.done(store.look(folder))
            store.use(folder, lambda: recorder.done(store.look(folder)))
    finally:
        shutil.rmtree(folder)
    return recorder.operations


def open_after(store: Store, crash: Crash, operations: Sequence[Operation], folder: Path) -> tuple[str, str] | None:
    """What is wrong with a state of the disk and how; None for a good one."""
    crash.disk(operations).write_to(folder)
    last = crash.acknowledged(operations)[-1:] or [None]
    following = [one.data for one in operations[crash.after :] if one.kind == "done"][:1] or [None]
    try:
        seen = store.look(folder)
    except LapwingError as error:
        return "corrupt", str(error)
    finally:
        shutil.rmtree(folder)
    if crash.after == 0 or store.may_be(seen, last[0], following[0]):
        return None
    return "lost", f"{seen!r:.200} is neither {last[0]!r:.200} nor {following[0]!r:.200}"


def use_models(folder: Path, done: Done) -> None:
    """Install, replace, choose, roll back, delete."""
    store = _models(folder)
    incoming = Path(tempfile.mkdtemp(prefix="lapwing-incoming-"))
    try:
        for size_bytes, name in enumerate(("fast", "slow", "fast", "fast"), 2000):  # an archive that is there stays
            path = incoming / f"{name}.tar.gz"
            path.write_bytes(SHIPPED_MODEL.read_bytes()[:size_bytes])
            store.install(path)
            done()
    finally:
        shutil.rmtree(incoming)
    for change in (lambda: store.choose("slow"), lambda: store.rollback("fast"), lambda: store.delete("slow")):
        change()
        done()


def look_at_models(folder: Path) -> Any:
    """What is installed, and that every archive is the one that was acknowledged."""
    seen = {}
    for model in _models(folder).installed():
        if model.problem is not None:
            raise LapwingError(model.problem)
        newest = max((folder / "car" / "models" / model.name).glob("0*"))
        if hashlib.sha256((newest / "model.tar.gz").read_bytes()).hexdigest() != model.sha256:
            raise LapwingError(f"the archive of {model.name} is not the one of its record")
        seen[model.name] = newest.name
    return seen


def _models(folder: Path) -> ModelStore:
    def importer(request: ImportRequest, archive: BinaryIO) -> ImportAnswer:
        return ImportAnswer(sha256=hashlib.sha256(archive.read()).hexdigest())

    request = ImportRequest(name="model", size_bytes=0, readings=("camera",))
    return ModelStore(folder / "car" / "models", importer, request)


def use_calibrations(folder: Path, done: Done) -> None:
    """Save, save, undo."""
    store, profile = CalibrationStore(folder / "car" / "calibration"), shipped_profile("emulated")
    for number in range(3):
        changed = profile.changed(car_id=f"car {number}")
        store.save(changed, reason="test", saved_at="2026-01-01T00:00:00Z")
        done()
    store.undo(saved_at="2026-01-01T00:00:00Z")
    done()


def look_at_calibrations(folder: Path) -> Any:
    """The profile in force."""
    store = CalibrationStore(folder / "car" / "calibration")
    if damaged := store.damaged():
        raise LapwingError(f"generations {damaged} are damaged")
    current = store.current()
    return None if current is None else (current.generation, current.profile.sha256())


def use_checkpoints(folder: Path, done: Done) -> None:
    """Five of a training; the oldest are dropped on the way."""
    for steps in range(100, 600, 100):
        weights = {"layer": np.full(50, steps, dtype=np.float32)}
        checkpoint = Checkpoint(steps, weights, {"rng": {"state": np.arange(5)}}, [b"x", None], {"updates": steps})
        write_checkpoint(folder / "run" / "checkpoints", checkpoint)
        done()


def look_at_checkpoints(folder: Path) -> Any:
    """The newest, read whole."""
    if not any((folder / "run" / "checkpoints").glob("[0-9]*")):
        return None
    checkpoint = read_checkpoint(find_checkpoint(folder / "run", "last"))
    if float(checkpoint.weights["layer"][0]) != checkpoint.steps:
        raise LapwingError("the weights are another checkpoint's")
    return checkpoint.steps


def use_engine_memory(folder: Path, done: Done) -> None:
    """Learn of three models, each with a compiled one."""
    cache = folder / "cache"
    make_folder(cache / "compiled")
    known: dict[str, Any] = {}
    for number in range(3):
        (cache / "compiled" / f"{number}.blob").write_bytes(bytes([number]) * 100)
        known[f"model {number}"] = {"engine": "openvino", "median_ms": {"openvino": 1.0}}
        _remember(cache, known)
        done()


def look_at_engine_memory(folder: Path) -> Any:
    """Which models are known, each with its compiled one whole."""
    known = sorted(_read_choices(folder / "cache"))
    for name in known:
        number = int(name.rpartition(" ")[2])
        blob = folder / "cache" / "compiled" / f"{number}.blob"
        if not blob.exists() or blob.read_bytes() != bytes([number]) * 100:
            raise LapwingError(f"the compiled model of {name} is damaged")
    return known


def use_drive_log(folder: Path, done: Done) -> None:
    """A drive that is synced now and then, and closed."""
    with DriveLogWriter(folder / "drive.mcap", about={"car": "emulated"}) as log:
        for turn in range(48):
            log.write(CameraFrame(bytes([turn]) * 9000, turn), turn / 15)
            if turn % 12 == 11:
                log.sync()
                done()
    done()


def look_at_drive_log(folder: Path) -> Any:
    """How many pictures can be read, before and after the log is repaired, each as it was written."""
    path = folder / "drive.mcap"
    if not path.exists() or path.stat().st_size < 8:
        return 0
    with tempfile.TemporaryDirectory() as elsewhere:  # looking at a store changes nothing of it
        copy = Path(shutil.copy(path, elsewhere))
        repair_drive_log(copy)
        logs = [read_drive_log(path), read_drive_log(copy)]
    for log in logs:
        for number, entry in enumerate(log.entries):
            if entry.message != CameraFrame(bytes([number]) * 9000, number):
                raise LapwingError(f"picture {number} is not the one that was written")
    if len(logs[0].entries) != len(logs[1].entries):
        raise LapwingError("the repair lost pictures")
    return len(logs[0].entries)


def log_may_be(seen: int, last: int | None, following: int | None) -> bool:
    """All that was on the disk, and perhaps more."""
    return (last or 0) <= seen <= 48


STORES: Mapping[str, Store] = {
    "models": Store(use_models, look_at_models),
    "calibration": Store(use_calibrations, look_at_calibrations),
    "checkpoints": Store(use_checkpoints, look_at_checkpoints),
    "engine memory": Store(use_engine_memory, look_at_engine_memory),
    "drive log": Store(use_drive_log, look_at_drive_log, log_may_be),
}

BENCHMARK = Benchmark(
    name="power-cut",
    asked={"failures": ("<=", 0.0)},
    short=f"{STATES:,} states of {len(STORES)} stores, about 1 minute",
    full=f"{FULL_STATES:,} states of {len(STORES)} stores, about 5 minutes",
    run=run,
)
