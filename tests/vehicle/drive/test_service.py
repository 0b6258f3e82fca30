"""What a console may ask of a drive beside driving, and what it hears when that cannot be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.errors import ArchiveError, LinkError
from tests.vehicle.drive.test_loop import ARMED, Rig
from tests.vehicle.drive.test_senses import Rig as SeeingRig
from tests.vehicle.drive.turns import store, turn
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.drive import service as services
from vehicle.drive.api import BookmarkRequest, RecordRequest, SpeedScaleRequest
from vehicle.drive.model_choice import Installed
from vehicle.drive.pilot import ModelPilot
from vehicle.drive.ready_models import ReadyModels
from vehicle.drive.recorder import Recorder
from vehicle.drive.senses import NO_SCAN
from vehicle.drive.service import DriveService
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


def test_why_there_is_no_model_is_told_once_it_is_known(ready: ReadyModels) -> None:
    desk, tried = service(ready, None), threading.Event()
    desk.models.begin()
    ready.prepare("another", otherwise=tried.set)
    assert tried.wait(10.0)
    assert desk.why_no_model() == "No model is in place. The model another is not installed."
    with pytest.raises(LinkError, match="no actuator"):  # and not that one is being prepared
        desk.start(Mode.AUTONOMOUS)


def test_the_share_of_the_speed_is_known_and_changed_before_there_is_an_actuator(ready: ReadyModels) -> None:
    desk = DriveService(FrameSlot(), ready, NoModels(), stop_car=lambda reason: None, speed_scale=0.6)
    assert desk.report().speed_scale == 0.6
    assert desk.answer(SpeedScaleRequest(0.4))[0].problem == ""
    assert (desk.report().speed_scale, desk.speed_scale) == (0.4, 0.4)


def test_a_loop_that_stood_still_does_not_arm_for_who_was_refused(
    ready: ReadyModels, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "LOOP_TIMEOUT_S", 0.01)
    rig, desk = Rig(clock), service(ready, None)
    rig.actuator.now = replace(ARMED, phase=Phase.READY, driver=None)
    rig.picture()
    rig.loop.turn()
    desk.loop, desk.actuator_problem = rig.loop, ""
    with pytest.raises(LinkError, match="control loop does not answer"):
        desk.start(Mode.AUTONOMOUS)
    rig.loop.turn()
    assert rig.actuator.armings == []


def test_a_model_that_lacks_a_sensor_is_told_among_what_is_missing(ready: ReadyModels, clock: Any) -> None:
    rig, desk = SeeingRig(clock, "lidar"), service(ready, None)
    desk.loop, desk.actuator_problem = rig.loop, ""
    rig.scans = False
    rig.drive(0.3)
    assert desk.report().missing == (NO_SCAN,)
    assert desk.waits_for() == NO_SCAN
