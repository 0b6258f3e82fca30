"""The calibration history: only added to, undone step by step, and safe against damage and power cuts."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from calibration.profile import CalibrationProfile
from calibration.store import CalibrationStore
from shared.errors import CalibrationError, StorageError


@pytest.fixture
def store(tmp_path: Path) -> CalibrationStore:
    return CalibrationStore(tmp_path / "calibration")


def save(store: CalibrationStore, *names: str) -> None:
    for name in names:
        store.save(CalibrationProfile(car_id=name), reason=f"made {name}", saved_at="2026-01-01T12:00:00Z")


def in_force(store: CalibrationStore) -> str:
    current = store.current()
    assert current is not None
    return current.profile.car_id


def undo(store: CalibrationStore) -> str:
    return store.undo(saved_at="2026-01-02T12:00:00Z").profile.car_id


def test_without_a_folder_there_is_no_calibration_and_none_is_made(store: CalibrationStore, tmp_path: Path) -> None:
    assert store.current() is None
    assert store.history() == []
    assert not list(tmp_path.iterdir())


def test_the_newest_is_in_force_and_all_are_kept(store: CalibrationStore, tmp_path: Path) -> None:
    save(store, "a", "b", "c")
    assert in_force(store) == "c"
    assert [stored.profile.car_id for stored in store.history()] == ["a", "b", "c"]
    assert [stored.reason for stored in store.history()] == ["made a", "made b", "made c"]
    assert CalibrationStore(tmp_path / "calibration").history() == store.history()


def test_undo_goes_back_step_by_step_and_loses_nothing(store: CalibrationStore) -> None:
    save(store, "a", "b", "c")
    assert [undo(store), undo(store)] == ["b", "a"]
    with pytest.raises(CalibrationError, match="no earlier calibration"):
        undo(store)
    save(store, "d")
    assert undo(store) == "a"
    names = [stored.profile.car_id for stored in store.history()]
    assert names == ["a", "b", "c", "b", "a", "d", "a"]


def test_there_is_nothing_to_undo_at_first(store: CalibrationStore) -> None:
    with pytest.raises(CalibrationError, match="no earlier calibration"):
        undo(store)
    save(store, "a")
    with pytest.raises(CalibrationError, match="no earlier calibration"):
        undo(store)


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff\xff", b"half", b"no hash"])
def test_a_damaged_newest_one_falls_back_and_is_told(store: CalibrationStore, tmp_path: Path, damage: bytes) -> None:
    save(store, "a", "b")
    newest = tmp_path / "calibration" / "000002.json"
    whole = newest.read_bytes()
    newest.write_bytes({b"half": whole[:200], b"no hash": whole.replace(b"sha256", b"sha257")}.get(damage, damage))
    assert in_force(store) == "a"
    assert store.damaged() == [2]
    save(store, "c")
    assert in_force(store) == "c"
    assert undo(store) == "a"
    assert store.damaged() == [2]


def test_a_history_entry_changed_by_hand_does_not_count(store: CalibrationStore, tmp_path: Path) -> None:
    save(store, "a", "b")
    newest = tmp_path / "calibration" / "000002.json"
    newest.write_text(newest.read_text().replace('"previous": 1', '"previous": 2'))
    assert in_force(store) == "a"


def test_when_all_are_damaged_nothing_is_in_force(store: CalibrationStore, tmp_path: Path) -> None:
    save(store, "a")
    (tmp_path / "calibration" / "000001.json").write_bytes(b"{")
    assert store.current() is None


def test_what_a_power_cut_leaves_behind_is_not_a_generation(store: CalibrationStore, tmp_path: Path) -> None:
    save(store, "a")
    folder = tmp_path / "calibration"
    (folder / ".000002.json.0123456789ab.tmp").write_text("half")
    (folder / "000002.json.bak").write_text("other")
    (folder / "notes.txt").write_text("mine")
    assert in_force(store) == "a"
    save(store, "b")
    assert [stored.generation for stored in store.history()] == [1, 2]


def test_two_writers_never_make_the_same_generation(store: CalibrationStore, tmp_path: Path) -> None:
    def work(name: str) -> None:
        other = CalibrationStore(tmp_path / "calibration")
        for number in range(5):
            save(other, f"{name}{number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = store.history()
    assert [stored.generation for stored in history] == list(range(1, 16))
    assert [stored.previous for stored in history] == [None, *range(1, 15)]


@pytest.mark.parametrize(("folder_mode", "is_shared"), [(0o2770, True), (0o755, False)])
def test_a_history_in_a_groups_folder_is_the_groups_whatever_the_umask(
    tmp_path: Path, folder_mode: int, is_shared: bool
) -> None:
    tmp_path.chmod(folder_mode)
    before = os.umask(0o077)
    try:
        save(CalibrationStore(tmp_path / "board"), "one")
    finally:
        os.umask(before)
    for path, rights in ((tmp_path / "board", 0o070), (tmp_path / "board/000001.json", 0o060)):
        assert path.stat().st_mode & 0o077 == (rights if is_shared else 0)
    assert (tmp_path / "board/.lock").stat().st_mode & 0o077 == (0o060 if is_shared else 0)


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        save(CalibrationStore(tmp_path / "file" / "calibration"), "a")
