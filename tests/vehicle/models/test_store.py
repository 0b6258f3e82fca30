"""Models are installed whole or not at all, and checked whenever one is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.errors import ArchiveError, LapwingError, MetadataError
from shared.model_archive import ModelArchive
from vehicle.drive.engine import open_engine
from vehicle.models.store import ModelStore

MakeArchive = Callable[..., bytes]


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", open_engine)


@pytest.fixture
def archive_file(tmp_path: Path, make_archive: MakeArchive) -> Path:
    path = tmp_path / "fast.tar.gz"
    path.write_bytes(make_archive())
    return path


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_first_model_installed_is_the_chosen_one(store: ModelStore, archive_file: Path) -> None:
    model = store.install(archive_file)
    assert (model.name, model.chosen) == ("fast", True)
    assert store.installed() == [model]
    assert store.load().sha256 == model.sha256
    assert store.load("fast").name == "fast"


def test_another_model_is_chosen_only_when_asked(
    store: ModelStore, archive_file: Path, make_archive: MakeArchive
) -> None:
    store.install(archive_file)
    other = archive_file.with_name("slow.tar.gz")
    other.write_bytes(make_archive(bias=1.0))
    assert not store.install(other).chosen
    store.choose("slow")
    assert [(model.name, model.chosen) for model in store.installed()] == [("fast", False), ("slow", True)]
    assert store.load().name == "slow"


def test_a_model_of_the_same_name_is_replaced(store: ModelStore, archive_file: Path, make_archive: MakeArchive) -> None:
    before = store.install(archive_file)
    archive_file.write_bytes(make_archive(bias=1.0))
    after = store.install(archive_file)
    assert after.sha256 != before.sha256
    assert store.installed() == [after]


@pytest.mark.parametrize("cut", [0, 10, 500])
def test_a_truncated_archive_changes_nothing(store: ModelStore, archive_file: Path, cut: int) -> None:
    store.install(archive_file)
    folder = archive_file.parent / "models"
    before = files_below(folder)
    broken = archive_file.with_name("broken.tar.gz")
    broken.write_bytes(archive_file.read_bytes()[:cut])
    with pytest.raises(ArchiveError):
        store.install(broken)
    assert files_below(folder) == before


def test_a_model_that_cannot_run_changes_nothing(
    store: ModelStore, archive_file: Path, make_archive: MakeArchive
) -> None:
    archive_file.write_bytes(make_archive(outputs=4))
    with pytest.raises(MetadataError):
        store.install(archive_file)
    assert store.installed() == []


def test_a_disk_error_while_installing_leaves_the_old_model(
    store: ModelStore, archive_file: Path, make_archive: MakeArchive
) -> None:
    before = store.install(archive_file)

    def fail(archive: ModelArchive) -> Any:
        raise ArchiveError("It does not drive")

    refusing = ModelStore(archive_file.parent / "models", fail)
    with pytest.raises(LapwingError):
        refusing.install(archive_file)
    assert store.installed() == [before]
    assert [path.name for path in (archive_file.parent / "models").iterdir() if path.name.startswith(".")] == []


def test_a_model_damaged_on_disk_is_not_loaded(store: ModelStore, archive_file: Path) -> None:
    store.install(archive_file)
    path = archive_file.parent / "models" / "fast" / "model.tar.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(ArchiveError, match="damaged"):
        store.load()


def test_before_anything_is_installed_the_shipped_model_drives(store: ModelStore, archive_file: Path) -> None:
    assert store.load().name == "default"
    store.install(archive_file)
    store.choose("fast")
    assert store.load().name == "fast"


def test_asking_for_a_model_that_is_not_there_lists_what_is(store: ModelStore, archive_file: Path) -> None:
    store.install(archive_file)
    with pytest.raises(ArchiveError, match="Installed: fast"):
        store.load("fats")
    with pytest.raises(ArchiveError, match="Installed: fast"):
        store.choose("fats")
