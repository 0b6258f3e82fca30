"""What the guard does, on a given clock: watch the owner of the bus, end one that stands still, bring the car to rest.

The order matters. The owner is killed first, stopped or not, so that it cannot write one more pulse when somebody
continues it. Then neutral, for ten pulses, because what a speed controller does with silence is its own affair.
Then every output off, said again and again until another owner takes over: nobody else is there to notice that a
word was lost.
"""

from __future__ import annotations

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


class GuardCore:
    """Watches one owner at a time. events: sentences of what happened, for whoever logs them."""

    def __init__(self, board: RestBoard, line: OutputEnable, now_s: float) -> None:
        self.events: list[str] = []
        self._board = board
        self._line = line
        self._owner: Owner | None = None
        self._page: GuardPage | None = None
        self._beat = Heartbeat(0, now_s)
        self._alone_since_s: float | None = now_s
        self._resting_since_s: float | None = None
        self._rested_at_s = float("-inf")
        self._is_off = False
        self._board_hears = self._line_works = True
        self._leaving_since_s: float | None = None

    @property
    def is_watching(self) -> bool:
        """Whether there is an owner."""
        return self._owner is not None

    def take_on(self, owner: Owner, page: GuardPage, now_s: float) -> None:
        """A new owner: from here on the board is its business, and it is watched."""
        self._owner, self._page = owner, page
        self._beat = Heartbeat(page.owner_beats, now_s)
        self._alone_since_s = self._resting_since_s = None
        self._is_off = False
        self.events.append("Watching the actuator.")

    def hung_up(self, now_s: float) -> None:
        """The owner's connection is closed: it has left, or it is dead."""
        if self._page is not None and self._page.standing is Standing.LEFT:
            self._release("The actuator has left the board at rest.")
        elif self._owner is not None:
            self._fence("The actuator is gone", now_s)

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
        if self._page is not None:
            return self._page.standing in (Standing.AT_REST, Standing.LEFT)
        return self._resting_since_s is None or self._is_off

    def look(self, now_s: float) -> None:
        """One look at the owner, and what follows from it. Call it every LOOK_S."""
        if self._page is not None:
            self._page.beat_guard(is_leaving=self._leaving_since_s is not None)
            self._beat = heard(self._beat, self._page.owner_beats, now_s)
            if self._page.standing is Standing.LEFT:
                self._release("The actuator has left the board at rest.")
            elif is_still(self._beat, now_s):
                self._fence("The actuator stands still", now_s)
            elif self._is_overdue(now_s):
                self._fence("The actuator drives on although its guard has to go", now_s)
        elif self._alone_since_s is not None and now_s - self._alone_since_s >= ALONE_S:
            self._alone_since_s = None
            self._begin_rest(now_s)
            self.events.append("No actuator is here.")
        self._rest(now_s)
        self._tend_line()

    def _is_overdue(self, now_s: float) -> bool:
        leaving_since_s = self._leaving_since_s
        return leaving_since_s is not None and now_s - leaving_since_s >= LEAVE_S and not self.is_at_rest

    def _fence(self, what: str, now_s: float) -> None:
        """End the owner, then take its place at the board."""
        owner = self._owner
        self._owner = self._page = None
        self._tend_line()
        if owner is not None:
            owner.kill()
        self._begin_rest(now_s)
        self._rest(now_s)
        self.events.append(f"{what}: killed it, and bring the car to rest.")

    def _release(self, what: str) -> None:
        self._owner = self._page = None
        self.events.append(what)

    def _begin_rest(self, now_s: float) -> None:
        self._resting_since_s, self._rested_at_s, self._is_off = now_s, float("-inf"), False

    def _rest(self, now_s: float) -> None:
        """Say neutral, later off, every REST_EVERY_S. A word that was lost is said again at the next look."""
        if self._resting_since_s is None or now_s - self._rested_at_s < REST_EVERY_S - LOOK_S / 2:
            return
        try:
            if now_s - self._resting_since_s < NEUTRAL_S:
                self._board.say_neutral()
            else:
                self._board.all_off()
                self._is_off = True
        except OSError as error:
            if self._board_hears:
                self.events.append(f"The servo board does not hear ({error}); trying on.")
            self._board_hears = False
            return
        self._rested_at_s = now_s
        if not self._board_hears:
            self._board_hears = True
            self.events.append("The servo board hears again.")

    def _tend_line(self) -> None:
        standing = None if self._page is None else self._page.standing
        try:
            if standing in (Standing.AT_REST, Standing.DRIVING):
                self._line.permit()
            else:
                self._line.forbid()
        except OSError as error:
            if self._line_works:
                self.events.append(f"The enable line cannot be driven ({error}); trying on.")
            self._line_works = False
