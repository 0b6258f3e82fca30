"""What the guard does, on a given clock: watch the owner of the bus, end one that stands still, bring the car to rest.

The order matters. The owner is killed first, stopped or not, so that it cannot write one more pulse when somebody
continues it. Then neutral, for ten pulses, because what a speed controller does with silence is its own affair.
Then every output off, said again and again until another owner takes over: nobody else is there to notice that a
word was lost.

The enable line goes off before all of that. Not so with a speed controller that is known to go on with its last pulse
when it hears none: there neutral comes first, and the line stays on for as long as the board hears it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from vehicle.actuator.guard_page import GuardPage
from vehicle.actuator.guard_watch import Standing
from vehicle.actuator.heartbeat import Heartbeat, heard, is_still

LOOK_S = 0.010
REST_EVERY_S = 0.020
NEUTRAL_S = 0.2  # ten pulses
ALONE_S = 0.5  # a guard that was restarted gives a living owner this long to introduce itself
LEAVE_S = 1.0  # how long an owner may take to come to rest when the guard is asked to end
GIVE_UP_S = 3.0  # from then on nobody waits any longer for a board that does not hear


class Owner(Protocol):
    """The process that has the bus."""

    def kill(self) -> None:
        """End it whatever it is doing, and wait a moment for it to be gone."""
        ...


class RestBoard(Protocol):
    """The servo board as the guard knows it. OSError when it does not hear."""

    def say_neutral(self) -> None: ...
    def all_off(self) -> None: ...


class OutputEnable(Protocol):
    """The servo board's /OE pin, where it is wired."""

    def permit(self) -> None:
        """All is well. Said at every look: a dead-man circuit lives on that."""
        ...

    def forbid(self) -> None:
        """No pulse may leave the board."""
        ...


@dataclass(slots=True)
class _Watched:
    """The owner that has the bus, and how it beats."""

    owner: Owner
    page: GuardPage
    beat: Heartbeat


@dataclass(slots=True)
class _Resting:
    """The car is being brought to rest. heard_at_s: when the board heard that last. is_off: whether it was off.

    since_s: infinite for as long as neutral has to be heard and is not.
    """

    since_s: float
    heard_at_s: float = -math.inf
    is_off: bool = False


class GuardCore:
    """Watches one owner at a time. events: sentences of what happened, for whoever logs them."""

    def __init__(self, board: RestBoard, line: OutputEnable, now_s: float, *, neutral_first: bool = False) -> None:
        """neutral_first: the speed controller holds its last pulse: that must be neutral before the line goes off."""
        self.events: list[str] = []
        self._board = board
        self._line = line
        self._neutral_first = neutral_first
        self._watched: _Watched | None = None
        self._alone_since_s: float | None = now_s
        self._resting: _Resting | None = None
        self._board_hears = self._line_works = True
        self._leaving_since_s: float | None = None

    @property
    def is_watching(self) -> bool:
        """Whether there is an owner."""
        return self._watched is not None

    def take_on(self, owner: Owner, page: GuardPage, now_s: float) -> None:
        """A new owner: from here on the board is its business, and it is watched."""
        self._watched = _Watched(owner, page, Heartbeat(page.owner_beats, now_s))
        self._alone_since_s = self._resting = None
        self.events.append("Watching the actuator.")

    def hung_up(self, now_s: float) -> None:
        """The owner's connection is closed: it has left, or it is dead."""
        watched = self._watched
        if watched is None:
            return
        if watched.page.standing is Standing.LEFT:
            self._release()
        else:
            self._fence(watched.owner, "The actuator is gone", now_s)
            self._tend_line()

    def leave(self, now_s: float) -> None:
        """Somebody asked the guard to end. It does so when the car no longer needs it: see is_done."""
        if self._leaving_since_s is None:
            self._leaving_since_s = now_s

    def is_done(self, now_s: float) -> bool:
        """Whether a guard that was asked to end may: the car is at rest, or nothing can be done about it."""
        if self._leaving_since_s is None:
            return False
        return self.is_at_rest or now_s - self._leaving_since_s >= GIVE_UP_S

    @property
    def is_at_rest(self) -> bool:
        """By its owner, or by us."""
        if self._watched is not None:
            return self._watched.page.standing in (Standing.AT_REST, Standing.LEFT)
        return self._resting is None or self._resting.is_off

    def look(self, now_s: float) -> None:
        """One look at the owner, and what follows from it. Call it every LOOK_S."""
        watched = self._watched
        if watched is not None:
            watched.page.beat_guard(is_leaving=self._leaving_since_s is not None)
            watched.beat = heard(watched.beat, watched.page.owner_beats, now_s)
            if watched.page.standing is Standing.LEFT:
                self._release()
            elif is_still(watched.beat, now_s):
                self._fence(watched.owner, "The actuator stands still", now_s)
            elif self._is_overdue(now_s):
                self._fence(watched.owner, "The actuator drives on although its guard has to go", now_s)
        elif self._alone_since_s is not None and now_s - self._alone_since_s >= ALONE_S:
            self._alone_since_s = None
            self._resting = _Resting(now_s)
            self.events.append("No actuator is here.")
        self._rest(now_s)
        self._tend_line()

    def _is_overdue(self, now_s: float) -> bool:
        leaving_since_s = self._leaving_since_s
        return leaving_since_s is not None and now_s - leaving_since_s >= LEAVE_S and not self.is_at_rest

    def _fence(self, owner: Owner, what: str, now_s: float) -> None:
        """End the owner, then take its place at the board."""
        self._watched = None
        if not self._neutral_first:
            self._tend_line()
        owner.kill()
        self._resting = _Resting(now_s)
        self._rest(now_s)
        self.events.append(f"{what}: killed it, and bring the car to rest.")

    def _release(self) -> None:
        self._watched = None
        self.events.append("The actuator has left the board at rest.")

    def _rest(self, now_s: float) -> None:
        """Say neutral, later off, every REST_EVERY_S. A word that was lost is said again at the next look."""
        resting = self._resting
        if resting is None or now_s - resting.heard_at_s < REST_EVERY_S - LOOK_S / 2:
            return
        try:
            if now_s - resting.since_s < NEUTRAL_S:
                self._board.say_neutral()
            else:
                self._board.all_off()
                resting.is_off = True
        except OSError as error:
            if self._board_hears:
                self.events.append(f"The servo board does not hear ({error}); trying on.")
            self._board_hears = False
            if self._neutral_first and not resting.is_off:
                resting.since_s = math.inf  # silence would not stop this car: it needs ten pulses in a row
            return
        resting.since_s = min(resting.since_s, now_s)
        resting.heard_at_s = now_s
        if not self._board_hears:
            self._board_hears = True
            self.events.append("The servo board hears again.")

    def _is_permitted(self) -> bool:
        """Whether pulses may leave the board: those of a good owner, or the neutral that must be heard."""
        if self._watched is not None:
            return self._watched.page.standing in (Standing.AT_REST, Standing.DRIVING)
        resting = self._resting
        return self._neutral_first and resting is not None and not resting.is_off and resting.since_s < math.inf

    def _tend_line(self) -> None:
        try:
            if self._is_permitted():
                self._line.permit()
            else:
                self._line.forbid()
        except OSError as error:
            if self._line_works:
                self.events.append(f"The enable line cannot be driven ({error}); trying on.")
            self._line_works = False
