"""The folder of drives: oldest first to go, bookmarked ones never, and none without its end after a power cut."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.drive_channels import CameraFrame
from shared.drive_log import DriveLogWriter, read_drive_log
from shared.errors import StorageError
from tests.vehicle.drive.turns import store
from vehicle.drive.drives import RESERVE_BYTES, DriveStore, RepairedDrive


def record(drives: DriveStore, name: str, *, age_s: float = 0.0, pictures: int = 10) -> Path:
    """A drive that was recorded some time ago."""
    path = drives.new_path(name)
    with DriveLogWriter(path, start_wall_ns=10**18, about={"car": "lapwing-1"}) as log:
        for number in range(pictures):
            log.write(CameraFrame(bytes(3000), number), number / 15)
    os.utime(path, (10**9 - age_s, 10**9 - age_s))
    return path


def names(drives: DriveStore) -> list[str]:
    return [drive.name for drive in drives.drives()]


def test_drives_are_listed_the_oldest_first_with_what_they_are(tmp_path: Path) -> None:
    drives = store(tmp_path)
    for name, age_s in (("new", 1), ("old", 100), ("middle", 50)):
        record(drives, name, age_s=age_s)
    listed = drives.drives()
    assert [drive.name for drive in listed] == ["old", "middle", "new"]
    summary = listed[0].summary
    assert summary is not None
    assert (summary.about, summary.is_complete, summary.started_s) == ({"car": "lapwing-1"}, True, 1e9)
    assert listed[0].size_bytes == listed[0].path.stat().st_size


def test_a_folder_that_is_not_there_holds_no_drives(tmp_path: Path) -> None:
    assert store(tmp_path / "none").drives() == []
    assert store(tmp_path / "none").repair() == []


def test_a_drive_is_deleted_with_its_mark(tmp_path: Path) -> None:
    drives = store(tmp_path)
    record(drives, "first")
    drives.bookmark("first")
    drives.delete("first")
    assert list(tmp_path.iterdir()) == []


def test_a_drive_that_is_being_recorded_is_not_deleted(tmp_path: Path) -> None:
    drives = store(tmp_path)
    with (
        DriveLogWriter(drives.new_path("now")) as log,
        pytest.raises(StorageError, match="End the recording first"),
    ):
        drives.delete("now")
    assert log.path.exists()


@pytest.mark.parametrize("name", ["../first", "", ".hidden", "a/b", "x" * 81, "two words", "-rf", "nul\0"])
def test_no_other_file_can_be_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError, match="cannot name a drive"):
        store(tmp_path).path_of(name)


def test_a_drive_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="There is no drive 'second'"):
        store(tmp_path).delete("second")


def test_the_oldest_drives_make_room(tmp_path: Path) -> None:
    all_of_them = store(tmp_path)
    sizes = [record(all_of_them, name, age_s=age).stat().st_size for name, age in (("c", 1), ("a", 3), ("b", 2))]
    drives = store(tmp_path, quota_bytes=2 * sizes[0])
    assert drives.make_room()
    assert names(drives) == ["b", "c"]
    drives = store(tmp_path, quota_bytes=2 * sizes[0] - 1)
    assert drives.make_room()
    assert names(drives) == ["c"]


def test_a_bookmarked_drive_is_never_deleted_to_make_room(tmp_path: Path) -> None:
    drives = store(tmp_path, quota_bytes=10)
    for name, age_s in (("a", 3), ("b", 2), ("c", 1)):
        record(drives, name, age_s=age_s)
    drives.bookmark("b")
    assert not drives.make_room()
    assert names(drives) == ["b"]
    drives.bookmark("b", keep=False)
    assert drives.make_room()
    assert names(drives) == []


def test_a_drive_that_is_being_recorded_is_not_deleted_to_make_room(tmp_path: Path) -> None:
    drives = store(tmp_path, quota_bytes=10)
    record(drives, "old", age_s=10)
    with DriveLogWriter(drives.new_path("now")):
        assert not drives.make_room()
    assert names(drives) == ["now"]


@pytest.mark.parametrize(("free_bytes", "left"), [(RESERVE_BYTES, ["a"]), (RESERVE_BYTES - 1, [])])
def test_drives_leave_the_rest_of_the_car_room_on_the_disk(tmp_path: Path, free_bytes: int, left: list[str]) -> None:
    drives = store(tmp_path, free_bytes=free_bytes)
    record(drives, "a")
    drives.make_room()
    assert names(drives) == left


def cut(path: Path, length: int) -> Path:
    path.write_bytes(path.read_bytes()[:length])
    return path


def test_a_drive_without_its_end_gets_one_and_keeps_its_age(tmp_path: Path) -> None:
    drives = store(tmp_path)
    path = record(drives, "cut", age_s=500, pictures=60)
    entries = read_drive_log(path).entries
    cut(path, path.stat().st_size - 2000)
    os.utime(path, (10**9, 10**9))
    (repaired,) = drives.repair()
    log = read_drive_log(path)
    assert log.is_complete
    assert repaired == RepairedDrive("cut", len(log.entries))
    assert log.entries == entries[: len(log.entries)]
    assert len(log.entries) >= 40
    assert path.stat().st_mtime == 10**9
    assert drives.repair() == []


def test_what_is_being_recorded_is_not_repaired(tmp_path: Path) -> None:
    drives = store(tmp_path)
    with DriveLogWriter(drives.new_path("now")) as log:
        log.write(CameraFrame(b"x", 1), 0.0)
        log.sync()
        assert drives.repair() == []
        assert not read_drive_log(log.path).is_complete


@pytest.mark.parametrize("content", [b"", bytes(4096), b"\x89MCAP0\r\n"])
def test_a_drive_of_which_nothing_reached_the_disk_is_removed(tmp_path: Path, content: bytes) -> None:
    drives = store(tmp_path)
    (tmp_path / "empty.mcap").write_bytes(content)
    assert drives.repair() == [RepairedDrive("empty", 0)]
    assert names(drives) == []


def test_a_strangers_file_is_listed_and_left_alone(tmp_path: Path) -> None:
    drives = store(tmp_path)
    (tmp_path / "holiday.mcap").write_bytes(b"precious pictures")
    assert drives.repair() == []
    (listed,) = drives.drives()
    assert (listed.name, listed.summary) == ("holiday", None)


def test_what_a_repair_left_half_done_is_swept_away(tmp_path: Path) -> None:
    drives = store(tmp_path)
    record(drives, "first")
    (tmp_path / ".first.mcap.0123456789ab.tmp").write_bytes(b"half")
    drives.bookmark("first")
    (tmp_path / "deleted.keep").touch()
    drives.repair()
    assert [path.name for path in tmp_path.glob("*.keep")] == ["first.keep"]
    assert [path.name for path in tmp_path.glob("*.tmp")] == []
    assert [path.name for path in tmp_path.glob(".*.tmp")] == []


def test_two_repairs_of_one_folder_do_not_meet(tmp_path: Path) -> None:
    drives = store(tmp_path)
    cut(record(drives, "cut"), 20_000)
    with drives._only_repair() as is_alone:
        assert is_alone
        assert drives.repair() == []
    assert len(drives.repair()) == 1
