"""When the guard acts, to the moment, and what it says of it."""

from __future__ import annotations

import errno
import math

import pytest

from tests.vehicle.actuator.guard_rig import Line
from vehicle.actuator.guard_core import ALONE_S, GIVE_UP_S, LEAVE_S, NEUTRAL_S, GuardCore
from vehicle.actuator.guard_page import PAGE_BYTES, GuardPage
from vehicle.actuator.guard_watch import Standing
from vehicle.actuator.heartbeat import STILL_S

WATCHING = "Watching the actuator."
LEFT = "The actuator has left the board at rest."
GONE = "The actuator is gone: killed it, and bring the car to rest."
STILL = "The actuator stands still: killed it, and bring the car to rest."
DRIVES_ON = "The actuator drives on although its guard has to go: killed it, and bring the car to rest."
SILENT_BOARD = "The servo board does not hear ([Errno 121] Remote I/O error); trying on."
HEARS_AGAIN = "The servo board hears again."
BROKEN_LINE = "The enable line cannot be driven ([Errno 5] Input/output error); trying on."


class RestingBoard:
    """Remembers the words it heard; it can be made deaf."""

    is_deaf = False

    def __init__(self) -> None:
        self.heard: list[str] = []

    def say_neutral(self) -> None:
        self._hear("neutral")

    def all_off(self) -> None:
        self._hear("off")

    def _hear(self, word: str) -> None:
        if self.is_deaf:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        self.heard.append(word)


class BrokenLine:
    """An enable line that nobody can drive."""

    def permit(self) -> None:
        raise OSError(errno.EIO, "Input/output error")

    def forbid(self) -> None:
        raise OSError(errno.EIO, "Input/output error")


class Guarded:
    """A guard that began to look at 0.0, and its owner, which does what it is told to do here."""

    def __init__(self) -> None:
        self.board, self.page = RestingBoard(), GuardPage(bytearray(PAGE_BYTES))
        self.guard = GuardCore(self.board, Line(), 0.0)
        self.kills = 0

    def kill(self) -> None:
        self.kills += 1

    def take_on(self, at_s: float) -> None:
        self.guard.take_on(self, self.page, at_s)


@pytest.fixture
def alone() -> Guarded:
    return Guarded()


@pytest.fixture
def watched(alone: Guarded) -> Guarded:
    alone.take_on(0.0)
    return alone


@pytest.fixture
def bereft(watched: Guarded) -> Guarded:
    watched.guard.hung_up(0.0)
    return watched


def just_before(moment_s: float) -> float:
    return math.nextafter(moment_s, 0.0)


def test_a_guard_watches_from_the_owners_coming_to_its_end(alone: Guarded) -> None:
    assert not alone.guard.is_watching
    alone.take_on(0.0)
    assert alone.guard.is_watching
    assert alone.guard.events == [WATCHING]
    alone.guard.hung_up(1.0)
    assert not alone.guard.is_watching


def test_a_guard_that_is_alone_waits_half_a_second_to_the_moment_and_says_once_that_nobody_came(
    alone: Guarded,
) -> None:
    alone.guard.look(just_before(ALONE_S))
    assert (alone.board.heard, alone.guard.events) == ([], [])
    alone.guard.look(ALONE_S)
    assert alone.board.heard == ["neutral"]
    alone.guard.look(ALONE_S + 1.0)
    assert alone.guard.events == ["No actuator is here."]


def test_an_owner_that_never_says_a_word_has_its_time_from_its_coming_on(alone: Guarded) -> None:
    alone.guard.look(0.25)
    alone.page.beat_owner(Standing.DRIVING)
    alone.take_on(0.25)
    for at_s in (0.3, 0.35, just_before(0.25 + STILL_S)):
        alone.guard.look(at_s)
        assert alone.kills == 0
    alone.guard.look(0.25 + STILL_S)
    assert alone.kills == 1
    assert alone.guard.events == [WATCHING, STILL]


def test_an_owner_that_hangs_up_is_replaced_without_waiting_for_a_look(watched: Guarded) -> None:
    watched.page.beat_owner(Standing.DRIVING)
    watched.guard.hung_up(0.001)
    assert watched.kills == 1
    assert watched.board.heard == ["neutral"]
    assert watched.guard.events == [WATCHING, GONE]


def test_who_hangs_up_when_nobody_is_watched_any_more_changes_nothing(bereft: Guarded) -> None:
    bereft.guard.hung_up(0.1)
    assert (bereft.kills, bereft.board.heard, bereft.guard.events) == (1, ["neutral"], [WATCHING, GONE])


@pytest.mark.parametrize("is_seen_first", [True, False])
def test_an_owner_that_left_is_let_go_whether_that_is_seen_or_its_line_closes_first(
    watched: Guarded, is_seen_first: bool
) -> None:
    watched.page.beat_owner(Standing.LEFT)
    if is_seen_first:
        watched.guard.look(0.01)
    else:
        watched.guard.hung_up(0.01)
    assert not watched.guard.is_watching
    watched.guard.look(10.0)
    watched.guard.hung_up(10.0)
    assert watched.guard.events == [WATCHING, LEFT]
    assert (watched.kills, watched.board.heard) == (0, [])


def test_a_second_owner_that_is_lost_is_given_the_whole_rest_again(bereft: Guarded) -> None:
    bereft.guard.look(NEUTRAL_S)
    assert bereft.board.heard == ["neutral", "off"]
    assert bereft.guard.is_at_rest
    bereft.take_on(NEUTRAL_S)
    bereft.guard.hung_up(NEUTRAL_S)
    assert bereft.board.heard == ["neutral", "off", "neutral"]
    assert not bereft.guard.is_at_rest


@pytest.mark.parametrize(("at_s", "words"), [(just_before(0.015), 1), (0.015, 2)])
def test_rest_is_said_again_when_the_next_look_would_be_late(bereft: Guarded, at_s: float, words: int) -> None:
    bereft.guard.look(at_s)
    assert bereft.board.heard == ["neutral"] * words


@pytest.mark.parametrize(("at_s", "word"), [(just_before(NEUTRAL_S), "neutral"), (NEUTRAL_S, "off")])
def test_after_ten_pulses_to_the_moment_neutral_becomes_off(bereft: Guarded, at_s: float, word: str) -> None:
    bereft.guard.look(at_s)
    assert bereft.board.heard == ["neutral", word]
    assert bereft.guard.is_at_rest == (word == "off")


def test_a_guard_that_nobody_asked_to_end_is_never_done(bereft: Guarded) -> None:
    bereft.guard.look(NEUTRAL_S)
    assert bereft.guard.is_at_rest
    assert not bereft.guard.is_done(1000.0)


def test_an_owner_has_a_second_to_the_moment_to_come_to_rest_when_its_guard_has_to_go(watched: Guarded) -> None:
    watched.guard.leave(0.0)
    for at_s, kills in ((just_before(LEAVE_S), 0), (LEAVE_S, 1)):
        watched.page.beat_owner(Standing.DRIVING)
        watched.guard.look(at_s)
        assert watched.kills == kills
    assert watched.guard.events == [WATCHING, DRIVES_ON]


def test_a_deaf_board_is_given_up_three_seconds_after_the_guard_was_asked_to_end(watched: Guarded) -> None:
    watched.board.is_deaf = True
    watched.guard.hung_up(0.0)
    watched.guard.leave(0.0)
    assert not watched.guard.is_done(just_before(GIVE_UP_S))
    assert watched.guard.is_done(GIVE_UP_S)


def test_each_time_a_board_goes_deaf_and_hears_again_is_told_once(bereft: Guarded) -> None:
    now_s = 0.0
    for is_deaf in (True, False, True, False):
        bereft.board.is_deaf = is_deaf
        for _ in range(3):
            now_s += 0.02
            bereft.guard.look(now_s)
    assert bereft.guard.events == [WATCHING, GONE, SILENT_BOARD, HEARS_AGAIN, SILENT_BOARD, HEARS_AGAIN]


def test_a_line_that_cannot_be_driven_is_told_once() -> None:
    guard = GuardCore(RestingBoard(), BrokenLine(), 0.0)
    for look in range(3):
        guard.look(0.01 * look)
    assert guard.events == [BROKEN_LINE]
