"""Models are installed whole or not at all, kept with the version before, and checked whenever one is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from shared.errors import ArchiveError, LapwingError, StorageError
from vehicle.drive.installing import try_out
from vehicle.models.examine import examine
from vehicle.models.import_messages import ImportAnswer, ImportRequest
from vehicle.models.store import ModelStore

MakeArchive = Callable[..., bytes]
REQUEST = ImportRequest(name="model", size_bytes=0, readings=("camera",))


def importer(request: ImportRequest, archive: BinaryIO) -> ImportAnswer:
    return examine(request, archive, try_out, {})


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", importer, REQUEST)


@pytest.fixture
def archive_file(tmp_path: Path, make_archive: MakeArchive) -> Path:
    path = tmp_path / "fast.tar.gz"
    path.write_bytes(make_archive())
    return path


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_first_model_installed_is_the_chosen_one(store: ModelStore, archive_file: Path) -> None:
    model, answer = store.install(archive_file)
    assert (model.name, model.chosen, model.versions) == ("fast", True, 1)
    assert set(answer.engines_ms) == {"openvino", "onnxruntime"}
    assert store.installed() == [model]
    assert store.load().sha256 == store.load("fast").sha256 == model.sha256


def test_another_model_is_chosen_only_when_asked(
    store: ModelStore, archive_file: Path, make_archive: MakeArchive
) -> None:
    store.install(archive_file)
    other = archive_file.with_name("slow.tar.gz")
    other.write_bytes(make_archive(bias=1.0))
    assert not store.install(other)[0].chosen
    store.choose("slow")
    assert [(model.name, model.chosen) for model in store.installed()] == [("fast", False), ("slow", True)]
    assert store.load().name == "slow"


def test_the_version_before_is_kept_and_can_be_taken_back(
    store: ModelStore, archive_file: Path, make_archive: MakeArchive
) -> None:
    hashes = []
    for bias in (0.0, 1.0, 2.0):
        archive_file.write_bytes(make_archive(bias=bias))
        hashes.append(store.install(archive_file)[0].sha256)
    assert store.installed()[0].versions == 2
    assert store.rollback("fast").sha256 == hashes[1]
    assert store.load("fast").sha256 == hashes[1]
    assert store.rollback("fast").sha256 == hashes[2]


def test_an_archive_that_is_there_already_does_not_push_out_the_version_before(
    store: ModelStore, archive_file: Path, make_archive: MakeArchive
) -> None:
    earlier = store.install(archive_file)[0].sha256
    archive_file.write_bytes(make_archive(bias=1.0))
    for _ in range(3):
        store.install(archive_file)
    assert store.rollback("fast").sha256 == earlier


def test_an_archive_that_was_damaged_on_the_disk_is_put_right_by_the_same_one(
    store: ModelStore, archive_file: Path
) -> None:
    store.install(archive_file)
    (installed,) = archive_file.parent.glob("models/fast/*/model.tar.gz")
    installed.write_bytes(b"damaged")
    store.install(archive_file)
    assert store.load("fast").name == "fast"


def test_who_may_use_the_store_may_also_replace_what_another_one_installed(
    store: ModelStore, archive_file: Path
) -> None:
    folder = archive_file.parent / "models"
    folder.mkdir()
    folder.chmod(0o2770)
    store.install(archive_file)
    made = [path for path in folder.rglob("*") if path.is_dir()]
    assert len(made) == 2
    assert {path.stat().st_mode & 0o777 for path in made} == {0o770}
    assert (folder / ".lock").stat().st_mode & 0o040


def test_without_an_earlier_version_nothing_is_rolled_back(store: ModelStore, archive_file: Path) -> None:
    store.install(archive_file)
    with pytest.raises(ArchiveError, match="no earlier version"):
        store.rollback("fast")


def test_a_deleted_model_is_gone_and_the_shipped_one_drives(store: ModelStore, archive_file: Path) -> None:
    store.install(archive_file)
    store.delete("fast")
    assert store.installed() == []
    assert store.load().name == "default"
    with pytest.raises(ArchiveError, match="not installed"):
        store.delete("fast")


@pytest.mark.parametrize("cut", [0, 10, 500])
def test_a_refused_archive_changes_nothing(store: ModelStore, archive_file: Path, cut: int) -> None:
    store.install(archive_file)
    folder = archive_file.parent / "models"
    before = files_below(folder)
    broken = archive_file.with_name("broken.tar.gz")
    broken.write_bytes(archive_file.read_bytes()[:cut])
    with pytest.raises(ArchiveError):
        store.install(broken)
    assert files_below(folder) == before


def test_what_is_no_plain_file_is_not_read(store: ModelStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tar.gz")
    for path in (tmp_path / "pipe.tar.gz", tmp_path, tmp_path / "nothing.tar.gz"):
        with pytest.raises(LapwingError):
            store.install(path)


def test_an_importer_that_read_something_else_is_not_believed(tmp_path: Path, archive_file: Path) -> None:
    answer = ImportAnswer(sha256="0" * 64)
    store = ModelStore(tmp_path / "models", lambda request, archive: answer, REQUEST)
    with pytest.raises(ArchiveError, match="another archive"):
        store.install(archive_file)
    assert store.installed() == []


def test_what_a_killed_install_left_is_swept_up(store: ModelStore, archive_file: Path) -> None:
    leftover = archive_file.parent / "models" / ".install-killed"
    leftover.mkdir(parents=True)
    (leftover / "model.tar.gz").write_bytes(b"half")
    store.install(archive_file)
    assert not leftover.exists()
    assert [model.name for model in store.installed()] == ["fast"]


def test_a_model_damaged_on_disk_is_not_loaded(store: ModelStore, archive_file: Path) -> None:
    store.install(archive_file)
    path = archive_file.parent / "models" / "fast" / "000001" / "model.tar.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(ArchiveError, match="damaged on disk"):
        store.load()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": "slow", "sha256": "0"}'])
def test_a_damaged_record_harms_no_other_model(store: ModelStore, archive_file: Path, content: bytes) -> None:
    store.install(archive_file)
    other = archive_file.with_name("other.tar.gz")
    other.write_bytes(archive_file.read_bytes())
    store.install(other)
    (archive_file.parent / "models" / "fast" / "000001" / "record.json").write_bytes(content)
    listed = {model.name: model.problem for model in store.installed()}
    assert listed["other"] is None
    assert "Install it again" in (listed["fast"] or "")
    assert store.load("other").name == "other"
    for use in (store.load, store.choose):
        with pytest.raises(ArchiveError, match="damaged on disk"):
            use("fast")


def test_a_damaged_choice_drives_nothing_by_accident(store: ModelStore, archive_file: Path) -> None:
    store.install(archive_file)
    (archive_file.parent / "models" / ".chosen.json").write_bytes(b"{")
    assert [model.name for model in store.installed()] == ["fast"]
    with pytest.raises(StorageError, match="damaged"):
        store.load()
    store.choose("fast")
    assert store.load().name == "fast"


def test_no_name_of_a_model_is_the_name_of_anything_else(store: ModelStore, archive_file: Path) -> None:
    for name in ("chosen.json", ".chosen.json", "..", "000001", ".lock"):
        path = archive_file.with_name(name + ".tar.gz")
        path.write_bytes(archive_file.read_bytes())
        store.install(path)
    assert {model.name for model in store.installed()} == {"chosen.json", "model", "000001", "lock"}
    store.load()


def test_asking_for_a_model_that_is_not_there_lists_what_is(store: ModelStore, archive_file: Path) -> None:
    store.install(archive_file)
    for use in (store.load, store.choose, store.rollback):
        with pytest.raises(ArchiveError, match="Installed: fast"):
            use("fats")
