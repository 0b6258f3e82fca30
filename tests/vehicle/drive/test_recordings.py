"""Recording on and off, and the half minute that is saved when something happens; all on a virtual clock."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.drive_channels import CameraFrame, Command, DriveEvent, DriveState
from shared.drive_log import DriveLog, read_drive_log
from shared.errors import StorageError
from tests.vehicle.drive.turns import ARMED, PERIOD_S, STOPPED, state_change, store, turn
from vehicle.actuator.state import Phase
from vehicle.drive.drives import DriveStore
from vehicle.drive.open_log import DriveFacts
from vehicle.drive.recordings import ROOM_S, Recordings
from vehicle.drive.turn_messages import TurnMessages

WALL_NS = 1_764_000_000 * 10**9


class Rig:
    """A car's recordings, fed with turns at 15 Hz."""

    def __init__(self, clock: Any, drives: DriveStore, facts: DriveFacts | None = None) -> None:
        self.clock, self.store = clock, drives
        self.recordings = Recordings(drives, clock=clock, wall_ns=lambda: WALL_NS, facts=facts)
        self._messages = TurnMessages()
        self._sequence = 0

    def drive(self, duration_s: float, status: Any = ARMED) -> None:
        for _ in range(round(duration_s / PERIOD_S)):
            self.clock.sleep(PERIOD_S)
            self._sequence += 1
            jpeg = self._sequence.to_bytes(4, "little") * 100
            self.recordings.take(self._messages.of(turn(self._sequence, status, at_s=self.clock()), jpeg))
            self.recordings.tick()

    def stop(self, status: Any = STOPPED) -> None:
        self.recordings.take(self._messages.of(state_change(status, self.clock()), None))

    def logs(self) -> dict[str, DriveLog]:
        return {drive.name: read_drive_log(drive.path) for drive in self.store.drives()}

    def only_log(self) -> DriveLog:
        (log,) = self.logs().values()
        return log


@pytest.fixture
def make_rig(clock: Any, tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """A car's recordings; what is still being written at the end of the test is ended."""
    with ExitStack() as exits:

        def make(facts: DriveFacts | None = None, **options: int) -> Rig:
            rig = Rig(clock, store(tmp_path / "drives", **options), facts)
            exits.callback(rig.recordings.close)
            return rig

        yield make


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig()


def sequences(log: DriveLog) -> list[int]:
    return [entry.message.sequence for entry in log.of(CameraFrame) if isinstance(entry.message, CameraFrame)]


def events(log: DriveLog) -> list[str]:
    return [entry.message.kind for entry in log.of(DriveEvent) if isinstance(entry.message, DriveEvent)]


def test_only_what_happens_between_begin_and_end_is_recorded(rig: Rig) -> None:
    rig.drive(2.0)
    name = rig.recordings.begin("first")
    rig.drive(2.0)
    rig.recordings.end()
    rig.drive(2.0)
    assert name == "first"
    log = rig.only_log()
    assert log.is_complete
    assert sequences(log) == list(range(31, 61))
    assert len(log.of(Command)) == 30


def test_a_recording_is_named_by_the_time_and_never_replaces_another(rig: Rig) -> None:
    names = []
    for _ in range(2):
        names.append(rig.recordings.begin())
        rig.drive(0.2)
        rig.recordings.end()
    assert names[0].startswith("2025-11-2")
    assert names[1] == f"{names[0]}-2"


def test_times_count_from_the_wall_clock_at_the_beginning(rig: Rig) -> None:
    rig.recordings.begin("drive")
    began_s = rig.clock()
    rig.drive(1.0)
    rig.recordings.end()
    first = rig.only_log().of(CameraFrame)[0]
    assert first.time_s - WALL_NS / 1e9 == pytest.approx(began_s + PERIOD_S - began_s, abs=1e-6)


def test_a_log_tells_what_the_drive_was(make_rig: Callable[..., Rig]) -> None:
    facts = DriveFacts({"car": "lapwing-1", "model": "fast"}, {"car.toml": ("application/toml", b"# car")})
    rig = make_rig(facts)
    rig.recordings.begin("drive")
    rig.recordings.end()
    assert rig.only_log().about == facts.about
    assert rig.only_log().attachments == {"car.toml": b"# car"}


def test_two_recordings_at_once_are_refused_by_name(rig: Rig) -> None:
    rig.recordings.begin("first")
    with pytest.raises(StorageError, match="'first' is being recorded already"):
        rig.recordings.begin("second")


def test_a_recording_may_go_to_a_file_of_its_own_which_is_never_overwritten(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.mcap"
    rig.recordings.begin(path=path)
    rig.drive(0.5)
    rig.recordings.end()
    assert len(sequences(read_drive_log(path))) == 8
    with pytest.raises(StorageError):
        rig.recordings.begin(path=path)
    assert rig.recordings.recording is None


def test_a_stop_saves_the_last_half_minute_although_nobody_recorded(rig: Rig) -> None:
    rig.drive(40.0)
    rig.stop()
    ((name, log),) = rig.logs().items()
    assert name.endswith("-stop")
    assert sequences(log)[-1] == 600
    assert 448 <= len(sequences(log)) <= 450
    assert events(log) == ["stop"]


def test_a_saved_moment_is_on_the_disk_before_it_is_over_and_shows_the_car_come_to_rest(rig: Rig) -> None:
    rig.drive(1.0)
    rig.stop()
    assert len(sequences(rig.only_log())) == 15
    rig.drive(3.0, STOPPED)
    log = rig.only_log()
    assert log.is_complete
    assert 44 <= len(sequences(log)) <= 46


@pytest.mark.parametrize("is_moment", [False, True])
def test_every_log_begins_with_the_state_that_the_car_was_in(rig: Rig, is_moment: bool) -> None:
    rig.drive(40.0)
    if is_moment:
        rig.recordings.take([(rig.clock(), DriveEvent("bookmark"))])
    else:
        rig.recordings.begin("drive")
    rig.drive(3.0)
    rig.recordings.end()
    entry = rig.only_log().entries[0]
    assert entry.message == DriveState("armed", "autonomous", True, "", 4)
    assert entry.time_s <= min(other.time_s for other in rig.only_log().entries)


def test_a_fault_is_named(rig: Rig) -> None:
    rig.drive(1.0)
    rig.stop(replace(STOPPED, phase=Phase.FAULT, reason="the board does not answer"))
    ((name, log),) = rig.logs().items()
    assert name.endswith("-fault")
    assert [entry.message.text for entry in log.of(DriveEvent)] == ["the board does not answer"]  # type: ignore[union-attr]


def test_a_second_event_belongs_to_the_same_moment(rig: Rig) -> None:
    rig.drive(1.0)
    rig.stop()
    rig.drive(1.0, STOPPED)
    rig.recordings.take([(rig.clock(), DriveEvent("bookmark", "look"))])
    rig.drive(3.0, STOPPED)
    assert events(rig.only_log()) == ["stop", "bookmark"]
    assert rig.store.drives()[0].is_bookmarked


def test_a_bookmark_while_recording_keeps_the_recording_and_saves_nothing_beside_it(rig: Rig) -> None:
    rig.recordings.begin("drive")
    rig.drive(1.0)
    rig.recordings.take([(rig.clock(), DriveEvent("bookmark"))])
    rig.recordings.end()
    (drive,) = rig.store.drives()
    assert (drive.name, drive.is_bookmarked) == ("drive", True)


def test_what_a_young_recording_lacks_of_the_half_minute_is_saved_too(rig: Rig) -> None:
    rig.drive(10.0)
    rig.recordings.begin("drive")
    rig.drive(1.0)
    rig.stop()
    rig.recordings.close()
    logs = rig.logs()
    assert len(logs) == 2
    assert sorted(len(sequences(log)) for log in logs.values()) == [15, 165]


def test_the_moment_of_an_event_is_on_the_disk_at_once_in_a_recording(rig: Rig) -> None:
    rig.recordings.begin("drive")
    rig.drive(1.0)
    rig.stop()
    log = rig.only_log()
    assert not log.is_complete
    assert (events(log), sequences(log)[-1]) == (["stop"], 15)


def test_every_two_seconds_all_is_on_the_disk(rig: Rig) -> None:
    rig.recordings.begin("drive")
    rig.drive(2.1)
    assert len(sequences(rig.only_log())) >= 30


def test_an_ordinary_event_saves_nothing(rig: Rig) -> None:
    rig.drive(1.0)
    rig.recordings.take([(rig.clock(), DriveEvent("lap", "first", 17.0))])
    assert rig.logs() == {}


@contextmanager
def full_disk(left_bytes: int, path: Path) -> Iterator[None]:
    """No file grows beyond the size of this one by more than left_bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + left_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("left_bytes", [100, 20_000])
def test_a_full_disk_ends_the_recording_and_not_the_drive_and_is_told(rig: Rig, left_bytes: int) -> None:
    rig.recordings.begin("drive")
    rig.drive(0.5)
    with full_disk(left_bytes, rig.store.path_of("drive")):
        rig.drive(10.0)
        assert rig.recordings.recording is None
        assert "Cannot write" in rig.recordings.problem
    rig.stop()
    assert any(name.endswith("-stop") for name in rig.logs())


def test_a_disk_without_room_refuses_a_recording_and_says_what_to_do(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(free_bytes=1000)
    with pytest.raises(StorageError, match="lapwing-car drives delete"):
        rig.recordings.begin()
    rig.drive(1.0)
    rig.stop()
    assert "no room" in rig.recordings.problem
    assert rig.logs() == {}


def test_a_recording_that_outgrows_the_quota_ends(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(quota_bytes=40_000)
    rig.recordings.begin("drive")
    rig.drive(10.0 + ROOM_S)
    assert rig.recordings.recording is None
    assert "no room" in rig.recordings.problem
    assert rig.only_log().is_complete
