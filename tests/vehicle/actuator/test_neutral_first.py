"""A speed controller that goes on with its last pulse must hear neutral before the enable line takes the pulses away.

First to the moment, on words alone; then on the emulated chip, with the line on its /OE pin and that controller behind.
"""

from __future__ import annotations

import errno
import math
from typing import Any

import pytest

from shared.actions import Action
from tests.vehicle.actuator.guard_rig import GuardedCar, Line
from tests.vehicle.actuator.rig import NEUTRAL_US, ONE_PERIOD_S, THROTTLE, Car
from vehicle.actuator.core import TURN_S
from vehicle.actuator.esc import EscProfile
from vehicle.actuator.guard_core import ALONE_S, LOOK_S, NEUTRAL_S, GuardCore
from vehicle.actuator.guard_page import PAGE_BYTES, GuardPage
from vehicle.actuator.guard_watch import SameProcess, Standing
from vehicle.actuator.heartbeat import STILL_S
from vehicle.actuator.state import STOP_HOLD_S, Phase
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.pca9685 import Pca9685Chip
from vehicle.hardware.output_enable import DeadManLine, EnableLine, GpioLine
from vehicle.hardware.pca9685 import FULL_OFF, LED0_ON_L

ASKED_S = 0.250
HOLDS = EscProfile(stops_without_pulses_s="holds")
DRIVING_US = pytest.approx(1600.0, abs=3)
RESTING_US = pytest.approx(NEUTRAL_US, abs=3)


class Told:
    """Board, line and owner of a guard that began to look at 0.0: what each was told, in that order."""

    def __init__(self, **options: bool) -> None:
        """options: of the guard."""
        self.words: list[str] = []
        self.is_deaf = False
        self.page = GuardPage(bytearray(PAGE_BYTES))
        self.guard = GuardCore(self, self, 0.0, **options)

    def say_neutral(self) -> None:
        self._hear("neutral")

    def all_off(self) -> None:
        self._hear("off")

    def permit(self) -> None:
        self.words.append("line on")

    def forbid(self) -> None:
        self.words.append("line off")

    def kill(self) -> None:
        self.words.append("kill")

    def look(self, at_s: float) -> list[str]:
        """What one look leads to."""
        self.words.clear()
        self.guard.look(at_s)
        return self.words[:]

    def hang_up(self, at_s: float) -> list[str]:
        """What the owner's death leads to."""
        self.words.clear()
        self.guard.hung_up(at_s)
        return self.words[:]

    def _hear(self, word: str) -> None:
        if self.is_deaf:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        self.words.append(word)


def just_before(moment_s: float) -> float:
    return math.nextafter(moment_s, 0.0)


def watched(**options: bool) -> Told:
    told = Told(**options or {"neutral_first": True})
    told.guard.take_on(told, told.page, 0.0)
    told.page.beat_owner(Standing.DRIVING)
    assert told.look(0.0) == ["line on"]
    return told


def test_a_controller_that_holds_hears_neutral_while_the_line_stays_on() -> None:
    assert watched().hang_up(0.0) == ["kill", "neutral", "line on"]


def test_any_other_has_its_line_off_before_the_first_word() -> None:
    told = watched(neutral_first=False)
    assert told.hang_up(0.0) == ["line off", "kill", "neutral", "line off"]
    assert told.look(0.1) == ["neutral", "line off"]


def test_an_owner_that_stands_still_ends_as_one_that_is_gone() -> None:
    assert watched().look(just_before(STILL_S)) == ["line on"]
    told = watched()
    for at_s in (0.05, 0.1):
        told.look(at_s)
    assert told.look(STILL_S) == ["kill", "neutral", "line on"]


def test_the_line_goes_off_with_the_first_off_after_ten_pulses_to_the_moment() -> None:
    told = watched()
    told.hang_up(0.0)
    assert told.look(just_before(NEUTRAL_S)) == ["neutral", "line on"]
    assert told.look(NEUTRAL_S + 0.02) == ["off", "line off"]
    told = watched()
    told.hang_up(0.0)
    assert told.look(NEUTRAL_S) == ["off", "line off"]


def test_a_dead_man_is_fed_at_every_look_of_those_ten_pulses_and_at_none_after() -> None:
    told = watched()
    told.hang_up(0.0)
    looks = [told.look(LOOK_S * look)[-1] for look in range(1, 40)]
    ten_pulses = round(NEUTRAL_S / LOOK_S) - 1
    assert looks == ["line on"] * ten_pulses + ["line off"] * (39 - ten_pulses)


def test_a_board_that_does_not_hear_neutral_has_its_line_off_at_once_and_on_again_when_it_does() -> None:
    told = watched()
    told.is_deaf = True
    assert told.hang_up(0.0) == ["kill", "line off"]
    assert told.look(LOOK_S) == ["line off"]
    told.is_deaf = False
    assert told.look(2 * LOOK_S) == ["neutral", "line on"]
    told.is_deaf = True
    assert told.look(4 * LOOK_S) == ["line off"]
    assert told.look(5 * LOOK_S) == ["line off"]
    told.is_deaf = False
    assert told.look(6 * LOOK_S) == ["neutral", "line on"]


def test_the_ten_pulses_are_ten_in_a_row() -> None:
    told = watched()
    told.is_deaf = True
    told.hang_up(0.0)
    told.is_deaf = False
    assert told.look(0.2) == ["neutral", "line on"]
    told.is_deaf = True
    told.look(0.3)
    told.is_deaf = False
    assert told.look(0.4) == ["neutral", "line on"]
    assert told.look(just_before(0.4 + NEUTRAL_S)) == ["neutral", "line on"]
    assert not told.guard.is_at_rest
    assert told.look(0.4 + NEUTRAL_S + LOOK_S + 0.005) == ["off", "line off"]
    assert told.guard.is_at_rest


def test_any_other_controller_is_given_off_when_the_board_was_deaf_for_ten_pulses() -> None:
    told = watched(neutral_first=False)
    told.is_deaf = True
    told.hang_up(0.0)
    told.look(just_before(NEUTRAL_S))
    told.is_deaf = False
    assert told.look(NEUTRAL_S) == ["off", "line off"]


def test_once_off_was_heard_a_lost_word_brings_no_pulse_back() -> None:
    told = watched()
    told.hang_up(0.0)
    told.look(NEUTRAL_S)
    told.is_deaf = True
    assert told.look(1.0) == ["line off"]
    told.is_deaf = False
    assert told.look(1.01) == ["off", "line off"]


def test_a_guard_that_finds_no_owner_says_neutral_with_the_line_on() -> None:
    told = Told(neutral_first=True)
    assert told.look(just_before(ALONE_S)) == ["line off"]
    assert told.look(ALONE_S) == ["neutral", "line on"]
    assert told.look(ALONE_S + NEUTRAL_S + LOOK_S) == ["off", "line off"]
    other = Told()
    assert other.look(ALONE_S) == ["neutral", "line off"]


@pytest.mark.parametrize("standing", list(Standing))
def test_with_an_owner_the_line_is_what_its_standing_says_whatever_the_controller(standing: Standing) -> None:
    told = watched()
    told.hang_up(0.0)
    told.guard.take_on(told, told.page, 0.1)
    told.page.beat_owner(standing)
    is_good = standing in (Standing.AT_REST, Standing.DRIVING)
    assert told.look(0.1) == ["line on" if is_good else "line off"]


class Pin(GpioLine):
    """A GPIO line on the chip's /OE pin, or on a circuit before it; it notes when its level was set."""

    def __init__(self, clock: Any, chip: Pca9685Chip | None = None) -> None:
        self._clock, self._chip = clock, chip
        self.set_at_s: list[float] = []

    def set(self, level: int) -> None:
        self.set_at_s.append(self._clock())
        if self._chip is not None:
            self._chip.set_oe(is_high=bool(level))


class WiredLine(Line):
    """A line that remembers, and is driven."""

    def __init__(self, line: EnableLine | DeadManLine) -> None:
        super().__init__()
        self._line = line

    def permit(self) -> None:
        super().permit()
        self._line.permit()

    def forbid(self) -> None:
        super().forbid()
        self._line.forbid()


class WiredCar(GuardedCar):
    """Owner, guard and chip with the line between them, and a speed controller that holds its last pulse."""

    def __init__(self, board: EmulatedBoard, clock: Any, *, neutral_first: bool = True) -> None:
        self.pin = Pin(clock, board.chip)
        self.pin.set(1)
        line = WiredLine(EnableLine(self.pin))
        profile = HOLDS if neutral_first else EscProfile()
        super().__init__(board, clock, line=line, neutral_first=neutral_first, esc_profile=profile)

    def go(self, duration_s: float, action: Action | None = None) -> None:
        """As run, with the speed controller listening."""
        for _ in range(round(duration_s / TURN_S)):
            self.run(TURN_S, action)
            self.board.report()

    def motor_us(self) -> float | None:
        """What the motor follows."""
        return self.board.esc.drive_pulse_us


@pytest.fixture
def holding(board: EmulatedBoard, clock: Any) -> WiredCar:
    return driven(WiredCar(board, clock))


def driven(car: WiredCar) -> WiredCar:
    car.go(1.3)
    car.car.arm_at_once()
    car.go(0.4, Action(10.0, 1.0))
    assert car.motor_us() == DRIVING_US
    return car


def test_on_the_chip_ten_pulses_of_neutral_come_before_the_line_and_the_motor_stands(holding: WiredCar) -> None:
    stood_at_s, holding.owner_runs = holding.clock(), False
    holding.go(1.0)
    (neutral_s, neutral_us), (off_s, off_us) = holding.widths_since(stood_at_s)
    assert [neutral_us, off_us, holding.motor_us()] == [RESTING_US, None, RESTING_US]
    assert neutral_s <= STILL_S + LOOK_S + ONE_PERIOD_S <= ASKED_S
    assert off_s - neutral_s == pytest.approx(NEUTRAL_S, abs=ONE_PERIOD_S + LOOK_S)
    assert holding.board.chip.oe_is_high
    assert holding.pin.set_at_s[-1] - stood_at_s == pytest.approx(off_s)
    assert holding.words_at_kill == [(0, True)]


def test_with_the_line_first_a_motor_that_holds_would_have_gone_on(board: EmulatedBoard, clock: Any) -> None:
    car = driven(WiredCar(board, clock, neutral_first=False))
    stood_at_s, car.owner_runs = clock(), False
    car.go(1.0)
    assert [width_us for _, width_us in car.widths_since(stood_at_s)] == [None]
    assert car.motor_us() == DRIVING_US


def test_a_bus_that_is_lost_for_long_has_the_line_off_and_stops_the_motor_when_it_is_back(holding: WiredCar) -> None:
    holding.bus.fails = True
    holding.owner_runs = False
    holding.guard.hung_up(holding.clock())
    assert holding.board.chip.oe_is_high
    holding.go(1.0)
    assert holding.motor_us() == DRIVING_US  # nothing reaches it
    holding.bus.fails = False
    holding.go(0.5)
    assert holding.motor_us() == RESTING_US
    assert holding.board.chip.oe_is_high


def test_a_dead_man_changes_its_level_without_a_pause_until_the_ten_pulses_are_said(
    board: EmulatedBoard, clock: Any
) -> None:
    pin = Pin(clock)
    pair = GuardedCar(board, clock, line=WiredLine(DeadManLine(pin)), neutral_first=True)
    pair.run(0.5)
    pair.owner_runs = False
    gone_at_s = clock()
    pair.guard.hung_up(gone_at_s)
    pair.run(1.0)
    gaps_s = [later - earlier for earlier, later in zip(pin.set_at_s, pin.set_at_s[1:], strict=False)]
    assert max(gaps_s) <= LOOK_S + 1e-9
    assert pin.set_at_s[-1] - gone_at_s == pytest.approx(NEUTRAL_S, abs=LOOK_S + 1e-9)


class Standings(SameProcess):
    """What the owner last said of itself."""

    def __init__(self) -> None:
        self.last = Standing.STARTING

    def beat(self, standing: Standing, now_s: float) -> None:
        self.last = standing


class FaultyOwner:
    """An owner that began at 0.0; says: what its guard hears after a turn at a time."""

    def __init__(self, board: EmulatedBoard, clock: Any, profile: EscProfile) -> None:
        self._standings = Standings()
        self.car = Car(board, clock, guard=self._standings, esc_profile=profile)
        self.car.core.start(0.0)

    def says(self, at_s: float) -> Standing:
        self.car.core.turn(at_s)
        return self._standings.last

    def is_off(self) -> bool:
        """Whether it has switched every output off."""
        return bool(self.car.board.chip.registers[LED0_ON_L + 4 * THROTTLE + 3] & FULL_OFF)


def test_a_fault_of_an_owner_whose_board_hears_keeps_the_line_for_ten_pulses_to_the_moment(
    board: EmulatedBoard, clock: Any
) -> None:
    owner = FaultyOwner(board, clock, HOLDS)
    owner.car.bus.failures_left = 2
    assert [owner.says(0.0), owner.says(0.0)] == [Standing.AT_REST, Standing.DRIVING]  # neutral was heard at once
    assert owner.car.core.state.phase is Phase.FAULT
    assert (owner.says(just_before(STOP_HOLD_S)), owner.is_off()) == (Standing.DRIVING, False)
    assert (owner.says(STOP_HOLD_S), owner.is_off()) == (Standing.FAULT, True)
    assert (owner.says(10.0), owner.is_off()) == (Standing.FAULT, True)


def test_a_fault_that_a_read_back_finds_keeps_the_line_too(board: EmulatedBoard, clock: Any) -> None:
    owner = FaultyOwner(board, clock, HOLDS)
    board.chip.reset()
    assert owner.says(0.25) is Standing.DRIVING
    assert owner.car.core.state.phase is Phase.FAULT
    assert owner.says(0.25 + STOP_HOLD_S + TURN_S) is Standing.FAULT


def test_a_fault_of_an_owner_whose_board_is_lost_takes_the_line_until_neutral_is_heard(
    board: EmulatedBoard, clock: Any
) -> None:
    owner = FaultyOwner(board, clock, HOLDS)
    owner.car.bus.failures_left = 5
    assert owner.says(0.0) is Standing.AT_REST
    assert {owner.says(at_s) for at_s in (0.0, 0.1, 0.2)} == {Standing.FAULT}
    assert (owner.says(just_before(0.2 + STOP_HOLD_S)), owner.is_off()) == (Standing.DRIVING, False)
    assert (owner.says(0.2 + STOP_HOLD_S), owner.is_off()) == (Standing.FAULT, True)


@pytest.mark.parametrize("profile", [EscProfile(), EscProfile(stops_without_pulses_s=0.5)])
def test_with_any_other_controller_a_fault_takes_the_line_at_once_and_off_comes_in_its_time(
    board: EmulatedBoard, clock: Any, profile: EscProfile
) -> None:
    owner = FaultyOwner(board, clock, profile)
    owner.car.bus.failures_left = 4
    assert [owner.says(at_s) for at_s in (0.0, 0.0, 0.1)] == [Standing.AT_REST, Standing.FAULT, Standing.FAULT]
    assert (owner.says(just_before(STOP_HOLD_S)), owner.is_off()) == (Standing.FAULT, False)
    assert (owner.says(STOP_HOLD_S), owner.is_off()) == (Standing.FAULT, True)


def test_a_fault_ends_with_the_motor_standing_and_the_line_off(holding: WiredCar) -> None:
    failed_at_s = holding.clock()
    holding.car.bus.failures_left = 20
    holding.go(1.5, Action(10.0, 1.0))
    assert holding.car.core.state.phase is Phase.FAULT
    assert holding.motor_us() == RESTING_US
    assert holding.board.chip.oe_is_high
    widths_us = [width_us for _, width_us in holding.widths_since(failed_at_s)]
    assert widths_us == [None, RESTING_US, None]
    assert holding.kills == 0
