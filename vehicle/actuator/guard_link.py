"""The owner's end of the line to its guard: introduces itself, beats, and knows when nobody is there.

While the car can drive, nothing here ever waits. A guard that is gone is looked for again at every tenth of a
second, so that one that was restarted finds its owner; until then the car is not armed.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vehicle.actuator.guard_page import GuardPage, open_page
from vehicle.actuator.guard_watch import Standing
from vehicle.actuator.heartbeat import Heartbeat, heard, is_still
from vehicle.runtime_folder import peer_user_id

RETRY_S = 0.1
MEET_S, MEET_EVERY_S = 1.0, 0.005
PROTOCOL_VERSION = 2
LONGEST_MESSAGE_BYTES = 4096
NO_GUARD = "Nobody guards the servo board. Start the guard: lapwing-car guard"


@dataclass(frozen=True, slots=True)
class AboutGuard:
    """What a guard says of itself. warnings: such as that it may not run before other programs.

    neutral_first: whether it says neutral before it switches the enable line off.
    """

    version: int
    neutral_ticks: int
    safety_level: str
    warnings: tuple[str, ...]
    neutral_first: bool = False


class WatchedPage:
    """A guard as its shared page shows it."""

    def __init__(self, page: GuardPage, now_s: float) -> None:
        self._page = page
        self._guard_beat = Heartbeat(page.guard_beats, now_s)

    def beat(self, standing: Standing, now_s: float) -> None:
        """Count one more turn, and look whether the guard counts too."""
        self._page.beat_owner(standing)
        self._guard_beat = heard(self._guard_beat, self._page.guard_beats, now_s)

    def problem(self, now_s: float) -> str | None:
        """Why this guard is none; None when it is."""
        if self._page.guard_is_leaving:
            return "The guard of the servo board was asked to end. Start it again: lapwing-car guard"
        if is_still(self._guard_beat, now_s):
            return "The guard of the servo board stands still. Restart it: lapwing-car guard"
        return None


class GuardLink:
    """A GuardWatch over the guard's socket.

    neutral_ticks: what this owner calls neutral; neutral_first: whether it must be heard before the enable line is
    switched off. The guard must agree on both.
    """

    def __init__(self, path: Path, neutral_ticks: int, *, neutral_first: bool = False) -> None:
        self._path = path
        self._neutral = (neutral_ticks, neutral_first)
        self._socket: socket.socket | None = None
        self._about: AboutGuard | None = None
        self._watched: WatchedPage | None = None
        self._tried_at_s = float("-inf")

    @property
    def safety_level(self) -> str:
        """What the guard can do about a dead computer; empty without a guard."""
        return self._about.safety_level if self._about is not None else ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the guard has to say to a person."""
        return self._about.warnings if self._about is not None else ()

    def meet(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        """Before the board is started: a guard that is bringing it to rest must first hear that it has an owner.

        The only place where somebody waits for a guard, and not for long; without one the board is started too.
        """
        deadline_s = clock() + MEET_S
        while True:
            self.beat(Standing.STARTING, clock())
            if self._socket is None or self._about is not None or clock() >= deadline_s:
                return
            sleep(MEET_EVERY_S)

    def problem(self, now_s: float) -> str | None:
        """Why the car must not drive; None while a guard of the right kind watches."""
        if self._about is None or self._watched is None:
            return NO_GUARD
        neutral = (self._about.neutral_ticks, self._about.neutral_first)
        if self._about.version != PROTOCOL_VERSION or neutral != self._neutral:
            return "The guard was started for another calibration. Restart it: lapwing-car guard"
        return self._watched.problem(now_s)

    def beat(self, standing: Standing, now_s: float) -> None:
        """One turn was completed; a guard that came or went meanwhile is noticed."""
        if self._socket is None and now_s - self._tried_at_s >= RETRY_S:
            self._tried_at_s = now_s
            self._introduce()
        if self._socket is not None:
            self._listen(now_s)
        if self._watched is not None:
            self._watched.beat(standing, now_s)

    def close(self) -> None:
        """Hang up. An owner that has not left the board at rest counts as dead."""
        if self._socket is not None:
            self._socket.close()
        self._socket = self._about = self._watched = None

    def _introduce(self) -> None:
        """Knock, and hand over a hold on this very process: a number could be another process tomorrow."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        connection.setblocking(False)
        try:
            connection.connect(str(self._path))
            if peer_user_id(connection) not in (os.getuid(), 0):
                raise PermissionError("somebody else's process is no guard")
            ourselves = os.pidfd_open(os.getpid())
            try:
                socket.send_fds(connection, [encode_hello(*self._neutral)], [ourselves])
            finally:
                os.close(ourselves)
        except OSError:
            connection.close()
            return
        self._socket = connection

    def _listen(self, now_s: float) -> None:
        """The guard speaks once, to introduce itself; after that only its end is to be heard."""
        assert self._socket is not None
        try:
            message, descriptors, _, _ = socket.recv_fds(self._socket, LONGEST_MESSAGE_BYTES, 1)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        with contextlib.ExitStack() as exits:
            for descriptor in descriptors:
                exits.callback(os.close, descriptor)
            try:
                about = _read_about(message)
                self._watched = WatchedPage(open_page(descriptors[0]), now_s)
                self._about = about
            except (OSError, ValueError, KeyError, TypeError, IndexError):
                self.close()


def encode_hello(neutral_ticks: int, neutral_first: bool) -> bytes:
    """The owner's one message."""
    hello = {"version": PROTOCOL_VERSION, "neutral_ticks": neutral_ticks, "neutral_first": neutral_first}
    return json.dumps(hello).encode()


def neutral_in(hello: bytes) -> tuple[int, bool]:
    """An owner's neutral_ticks and neutral_first.

    ValueError, KeyError, TypeError, OverflowError or RecursionError for nonsense.
    """
    values = json.loads(hello)
    return int(values["neutral_ticks"]), bool(values["neutral_first"])


def encode_about(about: AboutGuard) -> bytes:
    """The guard's one message."""
    return json.dumps(
        {
            "version": about.version,
            "neutral_ticks": about.neutral_ticks,
            "safety_level": about.safety_level,
            "warnings": about.warnings,
            "neutral_first": about.neutral_first,
        }
    ).encode()


def _read_about(message: bytes) -> AboutGuard:
    values: dict[str, Any] = json.loads(message)
    return AboutGuard(
        int(values["version"]),
        int(values["neutral_ticks"]),
        str(values["safety_level"]),
        tuple(str(warning) for warning in values["warnings"]),
        bool(values["neutral_first"]),
    )
