"""A training on disk, whole: everything a resumed run needs to write the bytes it would have written anyway.

    checkpoints/<steps>/
        weights.npz    the network, by parameter name
        state.npz      optimiser, random generators, cars and their counters, level, opponents, `<part>.<name>` each
        rewards.npz    state of each car's reward module, opaque bytes, by car
        manifest.json  steps, counters, which checkpoint is the best so far, SHA-256 of everything

Plain arrays and JSON: reading one runs nothing of it. A checkpoint appears under its name complete or not
at all. The three newest and the best are kept.
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.atomic_files import make_folder, read_json, replace_directory, storage_errors, write_json
from shared.errors import RunError, StorageError

CHECKPOINT_VERSION = 2
KEPT_NEWEST = 3
WEIGHTS, STATE, REWARDS, MANIFEST = "weights.npz", "state.npz", "rewards.npz", "manifest.json"

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """A training between two updates.

    steps: of all cars together; names the checkpoint. weights: the network's parameters by name. parts: the
    state of every other part of the training, by part. reward_states: of each car's reward module; None
    where there is none. progress: counters of the loop. positions: lengths of the run's growing files.
    best_steps: the checkpoint of the best evaluation so far; evaluation: figures of the one made here, if
    one was.
    """

    steps: int
    weights: Arrays
    parts: Mapping[str, Arrays]
    reward_states: Sequence[bytes | None]
    progress: Mapping[str, Any]
    positions: Mapping[str, int] = field(default_factory=dict)
    best_steps: int | None = None
    evaluation: Mapping[str, float] = field(default_factory=dict)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write folder/<steps>, complete and on the disk when this returns, then drop the ones no longer kept.

    Raises:
        StorageError: disk full or closed; everything that was there is still there.
    """
    final = folder / str(checkpoint.steps)
    temporary = folder / f".{checkpoint.steps}.{secrets.token_hex(4)}.new"
    with storage_errors(final):
        for leftover in folder.glob(".*.new"):  # of a process that was killed while it wrote
            shutil.rmtree(leftover, ignore_errors=True)
        make_folder(folder)
        temporary.mkdir()
        try:
            _write_files(temporary, checkpoint)
            replace_directory(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    _drop_old(folder, checkpoint.best_steps)
    return final


def read_checkpoint(path: Path) -> Checkpoint:
    """Read and verify one checkpoint.

    Raises:
        RunError: a file is missing or is not the one that was written.
    """
    manifest = _verified_manifest(path)
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    for name, array in _read_arrays(path / STATE).items():
        part, _, key = name.partition(".")
        parts.setdefault(part, {})[key] = array
    states = {int(car): array.tobytes() for car, array in _read_arrays(path / REWARDS).items()}
    return Checkpoint(
        steps=manifest["steps"],
        weights=_read_arrays(path / WEIGHTS),
        parts=parts,
        reward_states=[states.get(car) for car in range(manifest["reward_modules"])],
        progress=manifest["progress"],
        positions=manifest["positions"],
        best_steps=manifest["best_steps"],
        evaluation=manifest["evaluation"],
    )


def read_weights(path: Path) -> dict[str, NDArray[Any]]:
    """The network's parameters alone, verified like the rest."""
    _verified_manifest(path)
    return _read_arrays(path / WEIGHTS)


def list_checkpoints(run_path: Path) -> list[int]:
    """Steps of every checkpoint in a run's folder, oldest first, whole or not."""
    return sorted(int(path.name) for path in (run_path / "checkpoints").glob("[0-9]*") if path.name.isdigit())


def find_checkpoint(run_path: Path, which: str = "best") -> Path:
    """The folder of a run's "best", "last" or "<steps>" checkpoint.

    A damaged newest one is passed over for the newest that is whole; so is a damaged best one.

    Raises:
        RunError: there is none, or not that one; the message lists what there is.
    """
    folder = run_path / "checkpoints"
    steps = list_checkpoints(run_path)
    if which.isdigit():
        if int(which) not in steps:
            raise RunError(f"Run '{run_path.name}' has no checkpoint {which}. {_there_are(steps)}")
        _verified_manifest(folder / which)
        return folder / which
    if which not in ("best", "last"):
        raise RunError(f"'{which}' is not a checkpoint. Choose best, last or a number of steps. {_there_are(steps)}")
    whole = [path for path in (folder / str(s) for s in reversed(steps)) if is_whole(path)]
    if not whole:
        raise RunError(f"Run '{run_path.name}' has no checkpoint yet. Train it first: lapwing train")
    if which == "best":
        best_steps = read_json(whole[0] / MANIFEST)["best_steps"]
        best = folder / str(best_steps)
        if best_steps is not None and best in whole:
            return best
    return whole[0]


def is_whole(path: Path) -> bool:
    """Whether every file of a checkpoint is the one that was written."""
    try:
        _verified_manifest(path)
    except RunError:
        return False
    return True


def _write_files(folder: Path, checkpoint: Checkpoint) -> None:
    state = {f"{part}.{key}": array for part, arrays in checkpoint.parts.items() for key, array in arrays.items()}
    rewards = {
        str(car): np.frombuffer(blob, dtype=np.uint8)
        for car, blob in enumerate(checkpoint.reward_states)
        if blob is not None
    }
    hashes = {
        name: _write_arrays(folder / name, arrays)
        for name, arrays in ((WEIGHTS, checkpoint.weights), (STATE, state), (REWARDS, rewards))
    }
    manifest = {
        "version": CHECKPOINT_VERSION,
        "steps": checkpoint.steps,
        "best_steps": checkpoint.best_steps,
        "evaluation": dict(checkpoint.evaluation),
        "progress": dict(checkpoint.progress),
        "positions": dict(checkpoint.positions),
        "reward_modules": len(checkpoint.reward_states),
        "sha256": hashes,
    }
    write_json(folder / MANIFEST, {**manifest, "seal": _seal(manifest)})


def _seal(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of everything else that the manifest says."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _write_arrays(path: Path, arrays: Arrays) -> str:
    """Write one file of arrays; return its SHA-256."""
    content = io.BytesIO()
    np.savez(content, **dict(arrays))  # type: ignore[arg-type]
    path.write_bytes(content.getbuffer())
    return hashlib.sha256(content.getbuffer()).hexdigest()


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise RunError(f"{path} is damaged ({error}). Use another checkpoint of the run.") from error


def _verified_manifest(path: Path) -> dict[str, Any]:
    """manifest.json, if every file has the hash it names; else RunError."""
    try:
        manifest: dict[str, Any] = read_json(path / MANIFEST)
    except StorageError as error:
        raise RunError(f"Checkpoint {path} is not complete ({error}). Use another one of the run.") from error
    if manifest.get("version") != CHECKPOINT_VERSION:
        raise RunError(
            f"Checkpoint {path} has version {manifest.get('version')}; this program "
            f"reads {CHECKPOINT_VERSION}. Use the program that wrote it."
        )
    if manifest.pop("seal", None) != _seal(manifest):
        raise RunError(f"{path / MANIFEST} was altered. Use another checkpoint of the run.")
    for name, expected in manifest["sha256"].items():
        file = path / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != expected:
            raise RunError(f"{file} is damaged or missing. Use another checkpoint of the run.")
    return manifest


def _drop_old(folder: Path, best_steps: int | None) -> None:
    steps = list_checkpoints(folder.parent)
    for old in steps[:-KEPT_NEWEST]:
        if old != best_steps:
            shutil.rmtree(folder / str(old), ignore_errors=True)


def drop_newer(run_path: Path, steps: int) -> None:
    """Remove what lies after the checkpoint that a run goes on from."""
    for newer in list_checkpoints(run_path):
        if newer > steps:
            shutil.rmtree(run_path / "checkpoints" / str(newer), ignore_errors=True)


def _there_are(steps: Sequence[int]) -> str:
    return f"There are: {', '.join(map(str, steps))}." if steps else "There are none yet."
