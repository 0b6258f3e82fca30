"""Owner and guard on one emulated board and one clock: whatever happens to either, the car comes to rest."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from shared.actions import Action
from tests.vehicle.actuator.guard_rig import GuardedCar, GuardsBus, Line
from tests.vehicle.actuator.rig import NEUTRAL_US, ONE_PERIOD_S, THROTTLE, Car
from vehicle.actuator.core import TURN_S
from vehicle.actuator.guard_core import (
    ALONE_S,
    GIVE_UP_S,
    LEAVE_S,
    LOOK_S,
    NEUTRAL_S,
    REST_EVERY_S,
    GuardCore,
)
from vehicle.actuator.guard_page import PAGE_BYTES, GuardPage
from vehicle.actuator.guard_watch import SameProcess, Standing
from vehicle.actuator.heartbeat import STILL_S
from vehicle.actuator.state import Phase
from vehicle.emulated.board import EmulatedBoard
from vehicle.hardware.guard_board import GuardBoard

ASKED_S = 0.250


@pytest.fixture
def pair(board: EmulatedBoard, clock: Any) -> GuardedCar:
    return GuardedCar(board, clock)


@pytest.fixture
def driving(pair: GuardedCar) -> GuardedCar:
    pair.arm_and_drive()
    return pair


def test_an_owner_that_stands_still_is_killed_then_neutral_then_off(driving: GuardedCar) -> None:
    stood_at_s, driving.owner_runs = driving.clock(), False
    driving.run(1.0)
    assert driving.kills == 1
    changes = driving.widths_since(stood_at_s)
    assert [width_us for _, width_us in changes] == [pytest.approx(NEUTRAL_US, abs=3), None]
    assert changes[0][0] <= STILL_S + LOOK_S + ONE_PERIOD_S
    assert changes[0][0] <= ASKED_S
    assert changes[1][0] - changes[0][0] == pytest.approx(NEUTRAL_S, abs=ONE_PERIOD_S + LOOK_S)


def test_before_its_first_word_on_the_bus_the_guard_switches_the_line_off_and_kills_the_owner(
    driving: GuardedCar,
) -> None:
    driving.owner_runs = False
    driving.run(1.0)
    assert driving.words_at_kill == [(0, False)]
    assert driving.bus.attempts > 0


def test_an_owner_that_is_gone_is_noticed_at_the_very_next_look(driving: GuardedCar) -> None:
    died_at_s, driving.owner_runs = driving.clock(), False
    driving.guard.hung_up(driving.clock())
    driving.run(0.1)
    ((after_s, width_us),) = driving.widths_since(died_at_s)
    assert width_us == pytest.approx(NEUTRAL_US, abs=3)
    assert after_s <= LOOK_S + ONE_PERIOD_S
    assert driving.kills == 1  # its connection may be closed while it lives


def test_an_owner_that_works_is_left_alone_however_long(driving: GuardedCar) -> None:
    status = driving.run(20.0, Action(-5.0, 0.7))
    assert driving.kills == 0
    assert status.phase is Phase.ARMED
    assert status.applied == Action(-5.0, 0.7)


def test_what_a_killed_owner_left_in_the_bus_is_wiped_again_and_again(driving: GuardedCar) -> None:
    driving.owner_runs = False
    driving.run(1.0)
    for _ in range(3):
        driving.board.chip.write(0x40, bytes((0x06, 0, 0, 0x48, 0x01)))
        driving.board.chip.stop()
        driving.run(REST_EVERY_S + LOOK_S)
        assert driving.throttle_us() is None


def test_resting_goes_on_until_another_owner_comes_and_ends_then(driving: GuardedCar) -> None:
    driving.owner_runs = False
    driving.run(5.0)
    before = driving.bus.attempts
    driving.run(1.0)
    assert driving.bus.attempts - before == pytest.approx(1.0 / REST_EVERY_S, abs=2)
    driving.guard.take_on(driving, driving.page, driving.clock())
    driving.owner_runs = True
    before = driving.bus.attempts
    driving.run(1.0)
    assert driving.bus.attempts == before


def test_an_owner_that_left_the_board_at_rest_is_not_missed(driving: GuardedCar) -> None:
    driving.car.core.stop("the end", driving.clock())
    driving.run(0.5)
    driving.car.core.shut_down(driving.clock())
    driving.car.core.go_silent(driving.clock())
    driving.owner_runs = False
    before = driving.bus.attempts
    driving.run(1.0)
    driving.guard.hung_up(driving.clock())
    driving.run(1.0)
    assert driving.kills == 0
    assert driving.bus.attempts == before


def test_an_owner_that_cannot_reach_its_board_is_no_dead_owner_but_no_car_at_rest_either(driving: GuardedCar) -> None:
    driving.car.bus.failures_left = 99
    driving.owner_runs = False
    for _ in range(20):
        with pytest.raises(OSError, match="Remote"):
            driving.car.core.shut_down(driving.clock())
        driving.run(TURN_S)
    assert driving.kills == 0
    driving.guard.leave(driving.clock())
    assert not driving.guard.is_done(driving.clock())


def test_a_guard_that_stands_still_stops_the_car_and_nothing_arms_it_again(driving: GuardedCar) -> None:
    stood_at_s, driving.guard_runs = driving.clock(), False
    status = driving.run(0.5, Action(10.0, 1.0))
    assert status.phase is not Phase.ARMED
    assert "guard" in status.reason
    ((after_s, width_us),) = driving.widths_since(stood_at_s)
    assert width_us == pytest.approx(NEUTRAL_US, abs=3)
    assert after_s <= ASKED_S
    driving.run(2.0)
    assert "guard" in driving.car.arming_problem()
    driving.guard_runs = True
    driving.run(0.1)
    assert driving.car.arming_problem() == ""


def test_without_a_guard_the_car_is_never_armed(pair: GuardedCar) -> None:
    pair.guard_runs = False
    pair.run(2.0)
    assert "guard" in pair.car.arming_problem()


def test_a_guard_that_is_asked_to_end_waits_for_the_car_to_come_to_rest(driving: GuardedCar) -> None:
    driving.guard.leave(driving.clock())
    assert not driving.guard.is_done(driving.clock())
    status = driving.run(0.5, Action(10.0, 1.0))
    assert "asked to end" in status.reason
    assert driving.throttle_us() == pytest.approx(NEUTRAL_US, abs=3)
    assert driving.guard.is_done(driving.clock())
    assert driving.kills == 0


def test_an_owner_that_drives_on_when_its_guard_has_to_go_is_ended(driving: GuardedCar) -> None:
    driving.guard.leave(driving.clock())
    driving.owner_runs = False
    for _ in range(round((LEAVE_S + 0.5) / LOOK_S)):
        driving.page.beat_owner(Standing.DRIVING)  # it lives, and heeds nothing
        driving.run(LOOK_S)
    assert driving.kills == 1
    assert driving.throttle_us() is None
    assert driving.guard.is_done(driving.clock())


def test_a_guard_without_an_owner_gives_one_half_a_second_and_then_brings_the_car_to_rest(
    board: EmulatedBoard, clock: Any
) -> None:
    board.chip.load(b"\x20\x04\xe2\xe4\xe8\xe0" + bytes((0, 0, 0x80, 0x01)) + bytes(244) + b"\x79\x00")
    clock.sleep(0.1)
    assert board.chip.pulse_us(THROTTLE) == pytest.approx(1875, abs=3)  # it was left driving
    bus = GuardsBus(board.wire)
    guard = GuardCore(GuardBoard(bus, address=0x40, prescale=121, neutral_ticks=307), Line(), clock())
    for _ in range(round((ALONE_S + NEUTRAL_S + 0.1) / LOOK_S)):
        clock.sleep(LOOK_S)
        assert bus.attempts == 0 or clock() - 100.1 >= ALONE_S
        guard.look(clock())
    widths = [change.width_us for change in board.chip.settled_history() if change.channel == THROTTLE]
    assert widths[1:] == [pytest.approx(1498.0, abs=3), None]


def test_on_a_chip_that_lost_its_rate_the_guard_says_off_and_not_a_wrong_neutral(driving: GuardedCar) -> None:
    driving.board.chip.reset()
    driving.board.chip.write(0x40, bytes((0x00, 0x20)))
    driving.board.chip.write(0x40, bytes((0x06, 0, 0, 0x48, 0x01)))
    driving.board.chip.stop()
    driving.clock.sleep(0.1)
    lost_at_s, driving.owner_runs = driving.clock(), False
    driving.guard.hung_up(driving.clock())
    driving.run(1.0)
    assert {width_us for _, width_us in driving.widths_since(lost_at_s - 1e-6)} == {None}


def test_a_bus_that_fails_is_tried_until_it_works(driving: GuardedCar) -> None:
    driving.bus.fails = True
    driving.owner_runs = False
    driving.run(1.0)
    driving.bus.fails = False
    driving.run(LOOK_S)
    assert driving.throttle_us() is None
    assert next(event for event in driving.guard.events if "hear" in event).startswith("The servo board does not")
    assert "The servo board hears again." in driving.guard.events


def test_a_guard_asked_to_end_does_not_wait_for_ever_for_a_board_that_is_gone(driving: GuardedCar) -> None:
    driving.bus.fails = True
    driving.owner_runs = False
    driving.guard.leave(driving.clock())
    driving.run(GIVE_UP_S - 0.1)
    assert not driving.guard.is_done(driving.clock())
    driving.run(0.2)
    assert driving.guard.is_done(driving.clock())
    assert not driving.guard.is_at_rest


def test_the_enable_line_is_on_only_while_a_good_owner_is_watched(pair: GuardedCar) -> None:
    assert pair.line.permitted == []
    pair.run(0.1)
    assert set(pair.line.permitted) == {True}
    pair.arm_and_drive()
    assert set(pair.line.permitted) == {True}
    pair.line.permitted.clear()
    pair.owner_runs = False
    pair.run(STILL_S + 3 * LOOK_S)
    forbidden = pair.line.permitted.index(False)
    assert forbidden * LOOK_S <= STILL_S + LOOK_S
    assert set(pair.line.permitted[forbidden:]) == {False}


@pytest.mark.parametrize("standing", list(Standing))
def test_the_enable_line_is_on_from_the_first_neutral_that_was_read_back_to_the_last(
    pair: GuardedCar, standing: Standing
) -> None:
    pair.owner_runs = False
    pair.page.beat_owner(standing)
    pair.guard.look(pair.clock())
    assert pair.line.permitted == [standing in (Standing.AT_REST, Standing.DRIVING)]


def test_the_owner_says_that_it_starts_until_its_neutral_was_read_back(board: EmulatedBoard, clock: Any) -> None:
    said: list[tuple[Standing, int]] = []

    class Listener(SameProcess):
        def beat(self, standing: Standing, now_s: float) -> None:
            said.append((standing, board.wire.transactions))

    Car(board, clock, guard=Listener()).core.start(clock())
    (starting, nothing_yet), (at_rest, all_of_it) = said
    assert (starting, nothing_yet, at_rest) == (Standing.STARTING, 0, Standing.AT_REST)
    assert all_of_it == board.wire.transactions


def test_a_fault_of_the_owner_switches_the_enable_line_off(driving: GuardedCar) -> None:
    driving.car.bus.failures_left = 4
    driving.run(0.1, Action(10.0, 1.0))
    assert driving.car.core.state.phase is Phase.FAULT
    assert driving.line.permitted[-1] is False
    assert driving.kills == 0


def test_a_line_that_cannot_be_driven_keeps_nothing_from_its_work(driving: GuardedCar) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    driving.line.permit = driving.line.forbid = fail  # type: ignore[method-assign]
    stood_at_s, driving.owner_runs = driving.clock(), False
    driving.run(1.0)
    assert driving.widths_since(stood_at_s)[-1][1] is None
    assert driving.kills == 1


def test_nonsense_on_the_page_counts_as_a_fault() -> None:
    memory = bytearray(PAGE_BYTES)
    page = GuardPage(memory)
    memory[8] = 77
    assert page.standing is Standing.FAULT
