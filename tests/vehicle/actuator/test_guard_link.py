"""The owner's end of the line: what it makes of guards that are not there, not of its kind, or not themselves."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vehicle.actuator.guard_link import NO_GUARD, PROTOCOL_VERSION, RETRY_S, AboutGuard, GuardLink, encode_about
from vehicle.actuator.guard_page import GuardPage, make_page
from vehicle.actuator.guard_watch import Standing
from vehicle.actuator.heartbeat import STILL_S
from vehicle.runtime_folder import RuntimeFolder, listen

TICKS = 307
GOOD = AboutGuard(PROTOCOL_VERSION, TICKS, "L1", ("late",))


class ScriptedGuard:
    """A guard's socket, answered by hand."""

    def __init__(self, folder: RuntimeFolder) -> None:
        self.server = listen(folder.guard, socket.SOCK_SEQPACKET)
        self.owner: socket.socket | None = None
        self.page: GuardPage | None = None

    def answer(self, about: AboutGuard = GOOD, message: bytes | None = None) -> None:
        """Take on the owner that has knocked."""
        self.owner, _ = self.server.accept()
        hello, descriptors, _, _ = socket.recv_fds(self.owner, 4096, 2)
        assert hello
        (pidfd,) = descriptors
        assert f"Pid:\t{os.getpid()}\n" in Path(f"/proc/self/fdinfo/{pidfd}").read_text()
        os.close(pidfd)
        memory, self.page = make_page()
        socket.send_fds(self.owner, [message or encode_about(about)], [memory])
        os.close(memory)

    def close(self) -> None:
        for each in (self.owner, self.server):
            if each is not None:
                each.close()


@pytest.fixture
def guard(folder: RuntimeFolder) -> Iterator[ScriptedGuard]:
    guard = ScriptedGuard(folder)
    yield guard
    guard.close()


@pytest.fixture
def link(folder: RuntimeFolder) -> Iterator[GuardLink]:
    link = GuardLink(folder.guard, TICKS)
    yield link
    link.close()


def beat(link: GuardLink, clock: Any, times: int = 1, guard: ScriptedGuard | None = None) -> str | None:
    for _ in range(times):
        clock.sleep(0.02)
        if guard is not None and guard.page is not None:
            guard.page.beat_guard(is_leaving=False)
        link.beat(Standing.AT_REST, clock())
    return link.problem(clock())


def test_without_a_guard_it_says_which_command_starts_one_and_goes_on_knocking(
    link: GuardLink, folder: RuntimeFolder, clock: Any
) -> None:
    assert beat(link, clock, 20) == NO_GUARD
    assert "lapwing-car guard" in NO_GUARD
    guard = ScriptedGuard(folder)
    beat(link, clock, round(RETRY_S / 0.02) + 1)
    guard.answer()
    assert beat(link, clock) is None
    guard.close()


def test_a_guard_introduces_itself_and_hears_every_turn(link: GuardLink, guard: ScriptedGuard, clock: Any) -> None:
    assert (link.safety_level, link.warnings) == ("", ())
    beat(link, clock)
    guard.answer()
    assert beat(link, clock, 10, guard) is None
    assert (link.safety_level, link.warnings) == ("L1", ("late",))
    assert guard.page is not None
    assert guard.page.owner_beats == 10
    assert guard.page.standing is Standing.AT_REST


@pytest.mark.parametrize(
    "about",
    [
        AboutGuard(PROTOCOL_VERSION, TICKS + 1, "L0", ()),
        AboutGuard(PROTOCOL_VERSION + 1, TICKS, "L0", ()),
        AboutGuard(PROTOCOL_VERSION, TICKS, "L0", (), neutral_first=True),
    ],
)
def test_a_guard_that_would_say_another_neutral_or_at_another_moment_is_none(
    link: GuardLink, guard: ScriptedGuard, clock: Any, about: AboutGuard
) -> None:
    beat(link, clock)
    guard.answer(about)
    assert "another calibration" in (beat(link, clock, 3, guard) or "")


def test_a_guard_and_an_owner_that_both_say_neutral_first_agree(
    folder: RuntimeFolder, guard: ScriptedGuard, clock: Any
) -> None:
    link = GuardLink(folder.guard, TICKS, neutral_first=True)
    beat(link, clock)
    guard.answer(AboutGuard(PROTOCOL_VERSION, TICKS, "L1", (), neutral_first=True))
    assert beat(link, clock, 3, guard) is None
    link.close()


def test_a_guard_that_stands_still_is_noticed_and_forgiven_when_it_moves(
    link: GuardLink, guard: ScriptedGuard, clock: Any
) -> None:
    beat(link, clock)
    guard.answer()
    assert beat(link, clock, 2, guard) is None
    assert "stands still" in (beat(link, clock, round(STILL_S / 0.02) + 1) or "")
    assert beat(link, clock, 1, guard) is None


def test_a_guard_that_leaves_is_noticed_before_it_is_gone(link: GuardLink, guard: ScriptedGuard, clock: Any) -> None:
    beat(link, clock)
    guard.answer()
    beat(link, clock, 2, guard)
    assert guard.page is not None
    guard.page.beat_guard(is_leaving=True)
    assert "asked to end" in (link.problem(clock()) or "")


def test_a_guard_that_is_gone_is_noticed_at_the_next_turn(link: GuardLink, guard: ScriptedGuard, clock: Any) -> None:
    beat(link, clock)
    guard.answer()
    beat(link, clock, 2, guard)
    guard.close()
    guard.owner = None
    assert beat(link, clock) == NO_GUARD


@pytest.mark.skipif(os.getuid() != 0, reason="only root can listen as another user")
def test_another_users_process_is_no_guard(link: GuardLink, folder: RuntimeFolder, clock: Any) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(str(folder.guard))
        os.seteuid(65534)
        try:
            server.listen()
        finally:
            os.seteuid(0)
        assert beat(link, clock, 10) == NO_GUARD
        guest, _ = server.accept()
        with guest:
            assert guest.recv(100) == b""  # it was not even told who we are


@pytest.mark.parametrize("message", [b"{}", b"nonsense", b"[]", b'{"version": null}'])
def test_a_guard_that_talks_nonsense_is_none(link: GuardLink, guard: ScriptedGuard, clock: Any, message: bytes) -> None:
    beat(link, clock)
    guard.answer(message=message)
    assert beat(link, clock) == NO_GUARD


def test_an_owner_waits_for_a_guard_that_is_there_before_it_starts_the_board(
    link: GuardLink, guard: ScriptedGuard, clock: Any
) -> None:
    waits: list[float] = []

    def sleep(duration_s: float) -> None:
        waits.append(duration_s)
        clock.sleep(duration_s)
        if len(waits) == 3:
            guard.answer()

    link.meet(clock, sleep)
    assert len(waits) == 3
    assert link.problem(clock()) is None


def test_an_owner_waits_neither_for_no_guard_nor_for_ever(folder: RuntimeFolder, clock: Any) -> None:
    alone = GuardLink(folder.guard, TICKS)
    begun_s = clock()
    alone.meet(clock, clock.sleep)
    assert clock() == begun_s
    guard = ScriptedGuard(folder)
    clock.sleep(RETRY_S)
    alone.meet(clock, clock.sleep)  # this one never answers
    assert alone.problem(clock()) == NO_GUARD
    assert clock() - begun_s < 2.0
    alone.close()
    guard.close()
