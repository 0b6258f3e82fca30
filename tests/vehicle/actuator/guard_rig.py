"""Owner and guard on one emulated board and one clock: what the guard's tests drive."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

import pytest

from shared.actions import Action
from tests.vehicle.actuator.rig import NEUTRAL_US, THROTTLE, Car
from vehicle.actuator.core import TURN_S, ActuatorStatus
from vehicle.actuator.guard_core import LOOK_S, GuardCore
from vehicle.actuator.guard_link import WatchedPage
from vehicle.actuator.guard_page import PAGE_BYTES, GuardPage
from vehicle.actuator.guard_watch import Standing
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C, Wire
from vehicle.hardware.guard_board import GuardBoard
from vehicle.hardware.i2c_bus import Segment
from vehicle.hardware.pca9685 import prescale_for, ticks_for

OSCILLATOR_HZ = 25e6


class Line:
    """An enable line that remembers."""

    def __init__(self) -> None:
        self.permitted: list[bool] = []

    def permit(self) -> None:
        self.permitted.append(True)

    def forbid(self) -> None:
        self.permitted.append(False)


class GuardsBus(LocalI2C):
    """The guard's own handle; it can be made to fail."""

    fails = False

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.attempts = 0

    def transfer(self, address: int, segments: Sequence[Segment]) -> bytes:
        self.attempts += 1
        if self.fails:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        return super().transfer(address, segments)


class PagedGuard:
    """The owner's view of a guard on the same page, without a socket."""

    safety_level = "L0"
    warnings: tuple[str, ...] = ()

    def __init__(self, page: GuardPage, now_s: float) -> None:
        self._watched = WatchedPage(page, now_s)

    def problem(self, now_s: float) -> str | None:
        return self._watched.problem(now_s)

    def beat(self, standing: Standing, now_s: float) -> None:
        self._watched.beat(standing, now_s)


class GuardedCar:
    """Owner and guard take turns on the clock. An owner is killed, stopped or hung by not turning any more.

    words_at_kill: what the guard had said on the bus when it killed the owner, and whether the enable line was on.
    """

    def __init__(
        self,
        board: EmulatedBoard,
        clock: Any,
        *,
        line: Line | None = None,
        neutral_first: bool = False,
        **options: Any,
    ) -> None:
        """options: of the owner's core."""
        self.board, self.clock = board, clock
        self.page = GuardPage(bytearray(PAGE_BYTES))
        self.bus = GuardsBus(board.wire)
        self.line = line or Line()
        guard_board = GuardBoard(
            self.bus,
            address=0x40,
            prescale=prescale_for(OSCILLATOR_HZ),
            neutral_ticks=ticks_for(NEUTRAL_US, OSCILLATOR_HZ),
        )
        self.guard = GuardCore(guard_board, self.line, clock(), neutral_first=neutral_first)
        self.guard_runs = self.owner_runs = True
        self.kills = 0
        self.words_at_kill: list[tuple[int, bool]] = []
        self.car = Car(board, clock, guard=PagedGuard(self.page, clock()), **options)
        self.guard.take_on(self, self.page, clock())
        self.car.core.start(clock())

    def kill(self) -> None:
        self.kills += 1
        self.words_at_kill.append((self.bus.attempts, self.line.permitted[-1]))
        self.owner_runs = False

    def run(self, duration_s: float, action: Action | None = None) -> ActuatorStatus:
        """Let both do their work; with an action, a driver renews its lease."""
        core, clock = self.car.core, self.clock
        for step in range(round(duration_s / LOOK_S)):
            clock.sleep(LOOK_S)
            if self.owner_runs and step % round(TURN_S / LOOK_S) == 0:
                if action is not None:
                    core.accept(self.car.lease(action), clock())
                core.turn(clock())
            if self.guard_runs:
                self.guard.look(clock())
        return core.status(clock())

    def arm_and_drive(self) -> None:
        self.run(1.3)
        self.car.arm_at_once()
        self.run(0.4, Action(10.0, 1.0))
        assert self.throttle_us() == pytest.approx(1600.0, abs=3)

    def throttle_us(self) -> float | None:
        return self.board.chip.pulse_us(THROTTLE)

    def widths_since(self, moment_s: float) -> list[tuple[float, float | None]]:
        history = self.board.chip.settled_history()
        return [(c.start_s - moment_s, c.width_us) for c in history if c.channel == THROTTLE and c.start_s > moment_s]
