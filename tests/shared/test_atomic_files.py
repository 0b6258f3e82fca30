"""Files and folders appear whole or not at all, and storage errors say what to do."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import shared.atomic_files as atomic_files
from shared.atomic_files import (
    check_writable,
    read_json,
    replace_directory,
    replacing,
    storage_errors,
    write_atomic,
    write_json,
)
from shared.errors import StorageError


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


class OperatingSystem:
    """The `os` module with one call that fails as on a full or broken disk, and a record of the calls."""

    def __init__(self, failing: str = "", code: int = 0) -> None:
        self.calls: list[str] = []
        self._failing, self._code = failing, code

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in {"open", "fsync", "replace", "rename", "fdopen"}:
            return real

        def call(*arguments: Any, **keywords: Any) -> Any:
            self.calls.append(name)
            if name == self._failing:
                raise OSError(self._code, os.strerror(self._code))
            return real(*arguments, **keywords)

        return call


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], OperatingSystem]:
    def install(name: str, code: int) -> OperatingSystem:
        system = OperatingSystem(name, code)
        monkeypatch.setattr(atomic_files, "os", system)
        return system

    return install


@pytest.mark.parametrize("content", [b"\x00\xff", "text", b"", "grün"])
def test_a_file_is_written_and_nothing_else_is_left(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")
    write_atomic(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert names(tmp_path) == ["file"]


def test_the_content_is_on_the_disk_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, failing: Callable[[str, int], OperatingSystem]
) -> None:
    system = failing("", 0)
    write_atomic(tmp_path / "file", b"new")
    assert system.calls == ["open", "fdopen", "fsync", "replace", "open", "fsync"]


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "the disk is full. Free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission is denied"),
        (errno.EIO, "the disk reports an error"),
    ],
)
def test_a_failed_write_keeps_the_old_file_and_says_what_to_do(
    tmp_path: Path, failing: Callable[[str, int], OperatingSystem], call: str, code: int, advice: str
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    failing(call, code)
    with pytest.raises(StorageError, match=advice) as caught:
        write_atomic(path, "new")
    assert str(path) in str(caught.value)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_full_device_is_told_as_a_full_disk() -> None:
    with pytest.raises(StorageError, match=r"Cannot write /dev/full: the disk is full"):  # noqa: SIM117
        with storage_errors(Path("/dev/full")), Path("/dev/full").open("wb", buffering=0) as file:
            file.write(b"x")


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the folder does not exist"):
        write_atomic(tmp_path / "none" / "file", "x")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no such file"), storage_errors(tmp_path / "none", "read"):
        (tmp_path / "none").read_bytes()


def test_a_file_that_could_not_be_written_is_told_beforehand() -> None:
    with pytest.raises(StorageError, match="Cannot write /proc/result"):  # the folder is there, but takes none
        check_writable(Path("/proc/result.json"))


def test_a_file_that_can_be_written_has_its_folder_and_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.json"
    check_writable(path)
    assert names(tmp_path / "new") == []
    path.write_text("old")
    check_writable(path)
    assert (names(tmp_path / "new"), path.read_text()) == (["result.json"], "old")


def test_an_interrupted_block_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def interrupted() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_planted_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "file").symlink_to(tmp_path / "secret")
    write_atomic(tmp_path / "file", "new")
    assert (tmp_path / "secret").read_text() == "secret"
    assert not (tmp_path / "file").is_symlink()


def test_the_mode_is_the_one_asked_for(tmp_path: Path) -> None:
    write_atomic(tmp_path / "key", "x", mode=0o600)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_json_is_read_back_as_written(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None], "a": "grün"}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    assert list(json.loads((tmp_path / "x.json").read_text())) == ["b", "a"]


def test_json_without_a_number_for_it_is_refused_before_the_file_is_touched(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", 1)
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", float("nan"))
    assert read_json(tmp_path / "x.json") == 1


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_damaged_json_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(StorageError, match="is damaged"):
        read_json(tmp_path / "x.json")
    with pytest.raises(StorageError, match="Cannot read"):
        read_json(tmp_path / "none.json")


def folder(path: Path, text: str) -> Path:
    (path / "inner").mkdir(parents=True)
    (path / "inner" / "file").write_text(text)
    return path


def test_a_folder_gets_its_name_when_it_is_finished(tmp_path: Path) -> None:
    replace_directory(folder(tmp_path / "tmp", "new"), tmp_path / "final")
    assert names(tmp_path) == ["final"]
    assert (tmp_path / "final" / "inner" / "file").read_text() == "new"


def test_a_folder_of_that_name_is_replaced(tmp_path: Path) -> None:
    folder(tmp_path / "final", "old")
    (tmp_path / "final" / "more").write_text("x")
    replace_directory(folder(tmp_path / "tmp", "new"), tmp_path / "final")
    assert names(tmp_path) == ["final"]
    assert names(tmp_path / "final") == ["inner"]
    assert (tmp_path / "final" / "inner" / "file").read_text() == "new"


def test_a_folder_is_replaced_where_names_cannot_be_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class OldLibrary:
        """A C library without renameat2."""

    monkeypatch.setattr(atomic_files.ctypes, "CDLL", lambda *_, **__: OldLibrary())
    test_a_folder_of_that_name_is_replaced(tmp_path)


def test_a_folder_that_cannot_be_synced_does_not_get_its_name(
    tmp_path: Path, failing: Callable[[str, int], OperatingSystem]
) -> None:
    folder(tmp_path / "final", "old")
    folder(tmp_path / "tmp", "new")
    failing("fsync", errno.ENOSPC)
    with pytest.raises(StorageError, match="the disk is full"):
        replace_directory(tmp_path / "tmp", tmp_path / "final")
    assert (tmp_path / "final" / "inner" / "file").read_text() == "old"
    shutil.rmtree(tmp_path / "tmp")


def test_a_file_system_that_cannot_sync_folders_is_still_written_to(
    tmp_path: Path, failing: Callable[[str, int], OperatingSystem]
) -> None:
    (tmp_path / "inner").mkdir()
    failing("fsync", errno.EINVAL)
    atomic_files.sync_directory(tmp_path)
