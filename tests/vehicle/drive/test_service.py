"""What a console may ask of a drive beside driving, and what it hears when that cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shared.errors import ArchiveError
from tests.vehicle.drive.turns import store, turn
from vehicle.drive.api import BookmarkRequest, RecordRequest
from vehicle.drive.pilot import ModelPilot
from vehicle.drive.ready_models import ReadyModels
from vehicle.drive.recorder import Recorder
from vehicle.drive.service import DriveService, Installed
from vehicle.hardware.frame_slot import FrameSlot


class NoModels:
    """A store without any."""

    def installed(self) -> list[Installed]:
        return []

    def choose(self, name: str) -> None:
        raise ArchiveError(f"The model {name} is not installed.")


def no_pilot(name: str) -> ModelPilot:
    raise ArchiveError(f"The model {name} is not installed.")


@pytest.fixture
def ready() -> Iterator[ReadyModels]:
    with closing(ReadyModels(no_pilot)) as ready:
        yield ready


def service(ready: ReadyModels, recorder: Recorder | None) -> DriveService:
    return DriveService(FrameSlot(), ready, NoModels(), stop_car=lambda reason: None, recorder=recorder)


def test_a_bookmark_saves_the_last_half_minute_for_good_though_nothing_is_recorded(
    tmp_path: Path, ready: ReadyModels
) -> None:
    drives = store(tmp_path)
    with Recorder(drives) as recorder:
        for sequence in range(1, 6):
            recorder.record(turn(sequence))
        answer, _ = service(ready, recorder).answer(BookmarkRequest("it hit the cone"))
        assert answer.problem == ""
    (drive,) = drives.drives()
    assert drive.is_bookmarked
    assert b"it hit the cone" in drive.path.read_bytes()


def test_a_bookmark_marks_the_drive_that_is_being_recorded(tmp_path: Path, ready: ReadyModels) -> None:
    drives = store(tmp_path)
    with Recorder(drives) as recorder:
        desk = service(ready, recorder)
        assert desk.answer(RecordRequest(is_on=True))[0].problem == ""
        name = desk.report().recording
        assert "End that first" in desk.answer(RecordRequest(is_on=True, name="first"))[0].problem
        assert desk.answer(RecordRequest(is_on=True, name=name))[0].problem == ""
        desk.answer(BookmarkRequest())
        assert desk.answer(RecordRequest(is_on=False))[0].problem == ""
        assert desk.report().recording is None
    assert name in [drive.name for drive in drives.drives() if drive.is_bookmarked]


def test_a_recording_has_the_name_that_was_asked_for(tmp_path: Path, ready: ReadyModels) -> None:
    with Recorder(store(tmp_path)) as recorder:
        desk = service(ready, recorder)
        assert desk.answer(RecordRequest(is_on=True, name="first"))[0].problem == ""
        assert desk.report().recording == "first"


def test_a_drive_without_a_recorder_says_so(ready: ReadyModels) -> None:
    for request in (BookmarkRequest(), RecordRequest(is_on=True), RecordRequest(is_on=False)):
        assert service(ready, None).answer(request)[0].problem == "This drive has no recorder."
