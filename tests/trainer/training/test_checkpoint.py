"""Checkpoints are whole or not there, and say so when someone touched them."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path

import numpy as np
import pytest

from shared import atomic_files
from shared.errors import RunError, StorageError
from trainer.training.checkpoint import (
    Checkpoint,
    drop_newer,
    find_checkpoint,
    list_checkpoints,
    read_checkpoint,
    read_weights,
    write_checkpoint,
)


def sample(steps: int = 100, **changes: object) -> Checkpoint:
    rng = np.random.default_rng(steps)
    checkpoint = Checkpoint(
        steps=steps,
        weights={"policy_head.weight": rng.standard_normal((3, 4)).astype(np.float32)},
        parts={
            "optimiser": {"steps": np.array(7), "first_moment": rng.standard_normal(12)},
            "simulator": {"car.x": rng.standard_normal(2), "draw": np.zeros(2, dtype=[("road", "f8")])},
        },
        reward_states=[b"\x80opaque", None, b""],
        progress={"episodes": 3, "elapsed_s": 1.5},
        positions={"metrics/episodes.jsonl": 12},
        best_steps=steps,
        evaluation={"progress_percent": 99.0},
    )
    return dataclasses.replace(checkpoint, **changes)  # type: ignore[arg-type]


def folder_of(run: Path) -> Path:
    (run / "checkpoints").mkdir(parents=True, exist_ok=True)
    return run / "checkpoints"


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    written = sample()
    read = read_checkpoint(write_checkpoint(folder_of(tmp_path), written))
    assert read.parts.keys() == written.parts.keys()
    for part, arrays in written.parts.items():
        for name, array in arrays.items():
            assert read.parts[part][name].dtype == array.dtype
            assert np.array_equal(read.parts[part][name], array)
    assert np.array_equal(read.weights["policy_head.weight"], written.weights["policy_head.weight"])
    for name in ("steps", "reward_states", "progress", "positions", "best_steps", "evaluation"):
        assert getattr(read, name) == getattr(written, name)


def test_the_same_training_writes_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_checkpoint(folder_of(tmp_path / name), sample()) for name in "ab")
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes()


def test_the_three_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    for steps in (100, 200, 300, 1000, 2000, 3000):
        write_checkpoint(folder_of(tmp_path), sample(steps, best_steps=200 if steps >= 200 else None))
    assert list_checkpoints(tmp_path) == [200, 1000, 2000, 3000]


def test_best_last_and_steps_are_found(tmp_path: Path) -> None:
    for steps in (90, 200, 1000):
        write_checkpoint(folder_of(tmp_path), sample(steps, best_steps=90))
    assert find_checkpoint(tmp_path, "best").name == "90"
    assert find_checkpoint(tmp_path, "last").name == "1000"
    assert find_checkpoint(tmp_path, "200").name == "200"


def test_without_an_evaluation_yet_the_best_is_the_last(tmp_path: Path) -> None:
    write_checkpoint(folder_of(tmp_path), sample(100, best_steps=None))
    assert find_checkpoint(tmp_path, "best").name == "100"


@pytest.mark.parametrize(
    ("which", "words"),
    [("7", "no checkpoint 7. There are: 100."), ("bets", "best, last or a number of steps")],
)
def test_what_is_not_there_is_refused_with_what_is(tmp_path: Path, which: str, words: str) -> None:
    write_checkpoint(folder_of(tmp_path), sample())
    with pytest.raises(RunError, match=words):
        find_checkpoint(tmp_path, which)


def test_a_run_without_checkpoints_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no checkpoint yet"):
        find_checkpoint(tmp_path, "last")


@pytest.mark.parametrize("name", ["weights.npz", "state.npz", "rewards.npz", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "flipped"])
def test_a_damaged_newest_checkpoint_is_passed_over(tmp_path: Path, name: str, damage: str) -> None:
    for steps in (100, 200):
        write_checkpoint(folder_of(tmp_path), sample(steps, best_steps=200 if steps == 200 else 100))
    file = tmp_path / "checkpoints" / "200" / name
    content = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 0x40
        file.write_bytes(content)
    assert find_checkpoint(tmp_path, "last").name == "100"
    assert find_checkpoint(tmp_path, "best").name == "100"
    with pytest.raises(RunError):
        read_checkpoint(tmp_path / "checkpoints" / "200")
    with pytest.raises(RunError):
        read_weights(tmp_path / "checkpoints" / "200")


def test_an_altered_manifest_is_refused(tmp_path: Path) -> None:
    path = write_checkpoint(folder_of(tmp_path), sample(100))
    manifest = atomic_files.read_json(path / "manifest.json")
    atomic_files.write_json(path / "manifest.json", {**manifest, "steps": 101})
    with pytest.raises(RunError, match="altered"):
        read_checkpoint(path)


def test_a_full_disk_leaves_the_last_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path)
    write_checkpoint(folder, sample(100))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="disk is full"):
        write_checkpoint(folder, sample(200))
    monkeypatch.undo()
    assert os.listdir(folder) == ["100"]
    assert find_checkpoint(tmp_path, "last").name == "100"
    assert atomic_files.read_json(folder / "100" / "manifest.json")["steps"] == 100


def test_what_a_killed_writer_left_is_swept_away(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / ".50.abcd.new").mkdir()
    write_checkpoint(folder, sample(100))
    assert os.listdir(folder) == ["100"]


def test_a_run_that_goes_back_forgets_what_came_after(tmp_path: Path) -> None:
    for steps in (100, 200, 300):
        write_checkpoint(folder_of(tmp_path), sample(steps))
    drop_newer(tmp_path, 200)
    assert list_checkpoints(tmp_path) == [100, 200]
