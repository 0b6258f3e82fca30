"""Every store opens after a power cut with what it had acknowledged; and a careless one is caught."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.atomic_files import read_json
from tests.benchmarks.power_cut import STORES, Done, Store, try_store


@pytest.mark.parametrize("name", STORES)
def test_a_power_cut_loses_nothing_that_was_acknowledged(name: str) -> None:
    assert try_store(name, STORES[name], 60) == {"corrupt": 0, "lost": 0, "states": 60}


def look(folder: Path) -> object:
    path = folder / "value.json"
    return read_json(path) if path.exists() else None


def write_in_place(folder: Path, done: Done) -> None:
    for value in range(3):
        (folder / "value.json").write_text(json.dumps({"value": value}))
        done()


def rename_without_sync(folder: Path, done: Done) -> None:
    for value in range(3):
        (folder / "new").write_text(json.dumps({"value": value}))
        (folder / "new").rename(folder / "value.json")
        done()


@pytest.mark.parametrize("use", [write_in_place, rename_without_sync])
def test_a_store_that_does_not_sync_is_caught(use: object) -> None:
    counts = try_store("careless", Store(use, look), 100)  # type: ignore[arg-type]
    assert counts["lost"] > 0
    assert counts["corrupt"] > 0
