"""A recorded drive can be read back, and nothing that the recorder does holds the loop."""

from __future__ import annotations

import threading
from base64 import b64decode
from pathlib import Path

import pytest
import simplejpeg

from shared.drive_channels import CameraFrame, Command, DriveEvent, ModelInput, OperatorInput, SystemSample
from shared.drive_log import DriveLog, read_drive_log
from shared.errors import ActionError, StorageError
from tests.vehicle.drive.turns import store, turn
from vehicle.drive import recorder as recorders
from vehicle.drive.open_log import DriveFacts
from vehicle.drive.recorder import MOST_PICTURES, Recorder

GREY = 200


def only_log(folder: Path) -> DriveLog:
    (path,) = folder.glob("*.mcap")
    return read_drive_log(path)


def pictures(log: DriveLog) -> list[CameraFrame]:
    return [entry.message for entry in log.of(CameraFrame) if isinstance(entry.message, CameraFrame)]


def test_a_drive_is_read_back_as_it_was(tmp_path: Path) -> None:
    with Recorder(store(tmp_path), facts=DriveFacts({"model": "tiny"})) as recorder:
        assert recorder.begin("drive") == "drive"
        for sequence in range(1, 11):
            recorder.record(turn(sequence, level=GREY))
        recorder.end()
    log = only_log(tmp_path)
    assert log.is_complete
    assert log.about == {"model": "tiny"}
    assert [frame.sequence for frame in pictures(log)] == list(range(1, 11))
    assert abs(int(simplejpeg.decode_jpeg(pictures(log)[0].jpeg).mean()) - GREY) <= 1
    assert len(log.of(Command)) == 10


def test_the_picture_is_the_one_of_the_decision_although_its_memory_is_used_again(tmp_path: Path) -> None:
    with Recorder(store(tmp_path)) as recorder:
        recorder.begin("drive")
        taken = turn(1, level=GREY)
        recorder.record(taken)
        assert taken.decision is not None
        taken.decision.frame.image[:] = 0
        for values in taken.decision.observation.values():
            values[:] = 99
    log = only_log(tmp_path)
    assert simplejpeg.decode_jpeg(pictures(log)[0].jpeg).mean() > GREY - 5
    (seen,) = log.of(ModelInput)
    assert isinstance(seen.message, ModelInput)
    assert b64decode(seen.message.grey_base64 or "") == bytes([1]) * 120 * 160


class StuckThread:
    """Holds the recorder's thread until it is let go, as a disk does that thinks."""

    def __init__(self, recorder: Recorder) -> None:
        self._may_go = threading.Event()
        self._thread = threading.Thread(target=lambda: recorder._ask(self._may_go.wait))
        self._thread.start()

    def let_go(self) -> None:
        self._may_go.set()
        self._thread.join()


def test_what_the_disk_cannot_take_is_left_out_and_counted_pictures_before_commands(tmp_path: Path) -> None:
    with Recorder(store(tmp_path)) as recorder:
        recorder.begin("drive")
        stuck = StuckThread(recorder)
        for sequence in range(1, 3 * MOST_PICTURES + 1):
            recorder.record(turn(sequence))
        stuck.let_go()
        recorder.end()
        status = recorder.status()
    log = only_log(tmp_path)
    assert len(pictures(log)) == MOST_PICTURES
    assert len(log.of(Command)) == 3 * MOST_PICTURES
    assert (status.pictures_left_out, status.turns_left_out) == (2 * MOST_PICTURES, 0)


def test_turns_are_left_out_only_when_very_many_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorders, "MOST_TURNS", 50)
    with Recorder(store(tmp_path)) as recorder:
        recorder.begin("drive")
        stuck = StuckThread(recorder)
        for sequence in range(60):
            recorder.record(turn(sequence))
        stuck.let_go()
        status = recorder.status()
    assert 9 <= status.turns_left_out <= 11
    assert len(only_log(tmp_path).of(Command)) == 60 - status.turns_left_out


def test_the_status_tells_what_is_recorded(tmp_path: Path) -> None:
    with Recorder(store(tmp_path)) as recorder:
        assert recorder.status().name is None
        recorder.begin("drive")
        recorder.record(turn(1))
        status = recorder.status()
        assert (status.name, status.problem) == ("drive", "")
        assert status.size_bytes > 0
        recorder.end()
        assert recorder.status().name is None


def test_why_it_cannot_record_reaches_the_one_who_asked(tmp_path: Path) -> None:
    (tmp_path / "drive.mcap").write_bytes(b"precious")
    with Recorder(store(tmp_path)) as recorder, pytest.raises(StorageError, match="File exists"):
        recorder.begin(path=tmp_path / "drive.mcap")
    assert (tmp_path / "drive.mcap").read_bytes() == b"precious"


def test_a_bookmark_saves_and_keeps_the_last_half_minute(tmp_path: Path) -> None:
    drives = store(tmp_path)
    with Recorder(drives) as recorder:
        recorder.record(turn(1))
        recorder.bookmark("the fast corner")
    (drive,) = drives.drives()
    assert drive.is_bookmarked
    (entry,) = only_log(tmp_path).of(DriveEvent)
    assert entry.message == DriveEvent("bookmark", "the fast corner")


def test_a_drive_that_ends_by_an_error_is_saved_with_its_reason(tmp_path: Path) -> None:
    def drive() -> None:
        with Recorder(store(tmp_path)) as recorder:
            recorder.record(turn(1))
            raise ActionError("the model answered NaN")

    with pytest.raises(ActionError):
        drive()
    (entry,) = only_log(tmp_path).of(DriveEvent)
    assert entry.message == DriveEvent("fault", "the model answered NaN")


def test_what_others_add_is_in_the_log(tmp_path: Path) -> None:
    stick = OperatorInput(0.5, -0.25, ("A",), "phone")
    with Recorder(store(tmp_path)) as recorder:
        recorder.begin("drive")
        recorder.add(stick)
    assert [entry.message for entry in only_log(tmp_path).entries] == [stick]


def test_samples_are_asked_for_while_nothing_else_happens(tmp_path: Path) -> None:
    asked = threading.Event()

    def samples(now_s: float, jitter_p99_ms: float | None) -> list[tuple[float, SystemSample]]:
        asked.set()
        return [(now_s, SystemSample(cpu_percent=12.0, loop_jitter_p99_ms=jitter_p99_ms))]

    with Recorder(store(tmp_path), samples=samples) as recorder:  # type: ignore[arg-type]
        recorder.begin("drive")
        assert asked.wait(5.0)
    assert SystemSample(cpu_percent=12.0) in [entry.message for entry in only_log(tmp_path).entries]


def test_another_model_is_told_by_the_next_log(tmp_path: Path) -> None:
    with Recorder(store(tmp_path), facts=DriveFacts({"model": "first"})) as recorder:
        recorder.describe(DriveFacts({"model": "second"}))
        recorder.begin("drive")
    assert only_log(tmp_path).about == {"model": "second"}
