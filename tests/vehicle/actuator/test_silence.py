"""A calibration may take the throttle's pulses away: only then, only for a while, and every end of it is neutral."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.vehicle.actuator.guard_rig import GuardedCar
from tests.vehicle.actuator.rig import NEUTRAL_US, ONE_PERIOD_S, STEERING, THROTTLE, Car
from vehicle.actuator.core import LONGEST_PRESS_S, LONGEST_SILENCE_S, TURN_S
from vehicle.actuator.esc import EscProfile
from vehicle.actuator.guard_core import LOOK_S, NEUTRAL_S
from vehicle.actuator.heartbeat import STILL_S
from vehicle.actuator.lease import LONGEST_TTL_S, Pulses
from vehicle.actuator.mode import Mode, takes_pulses
from vehicle.actuator.state import Phase
from vehicle.emulated.board import EmulatedBoard

REST, TURNING = Pulses(1600.0, NEUTRAL_US), Pulses(1600.0, 1550.0)
SILENT = Pulses(1600.0, NEUTRAL_US, silent=True)


@pytest.fixture
def car(board: EmulatedBoard, clock: Any) -> Car:
    car = Car(board, clock)
    car.core.start(clock())
    return car


@pytest.fixture
def turning(car: Car) -> Car:
    """A calibration whose wheels turn."""
    car.arm(Mode.CALIBRATION)
    car.drive(REST, 0.1)
    assert car.drive(TURNING, 1.0).throttle_us == 1550.0
    return car


@pytest.fixture
def silent(turning: Car) -> Car:
    """The same, without pulses."""
    turning.drive(SILENT, 0.5)
    assert turning.throttle_us() is None
    return turning


def test_silence_takes_the_throttle_away_and_nothing_else(turning: Car) -> None:
    began_s = turning.clock() + TURN_S
    status = turning.drive(SILENT, 4.0)
    assert (status.phase, status.silent_since_s) == (Phase.ARMED, began_s)
    assert turning.throttle_us() is None
    assert turning.board.chip.pulse_us(STEERING) == pytest.approx(1600.0, abs=3)
    status = turning.drive(REST, TURN_S)
    assert status.silent_since_s is None
    turning.drive(REST, 2 * ONE_PERIOD_S)
    assert turning.first_neutral_after(began_s) <= 4.0 + 2 * ONE_PERIOD_S
    widths_us = [change.width_us for change in turning.board.chip.settled_history() if change.channel == THROTTLE]
    assert widths_us[-2:] == [None, pytest.approx(NEUTRAL_US, abs=3)]


def test_the_wheels_turn_again_slowly_after_silence_and_never_at_once(silent: Car) -> None:
    status = silent.drive(TURNING, TURN_S)
    assert (status.silent_since_s, NEUTRAL_US < status.throttle_us < 1510.0) == (None, True)


ENDS: dict[str, Callable[[Car], object]] = {
    "its lease runs out": lambda car: car.run(LONGEST_TTL_S + TURN_S),
    "whoever drove is gone, or somebody says stop": lambda car: car.core.stop("stop", car.clock()),
    "its driver talks nonsense": lambda car: car.core.drop_lease("nonsense"),
    "a command comes late": lambda car: car.core.accept(car.lease(SILENT, issued_at_s=car.clock() - 0.06), car.clock()),
    "a command comes again": lambda car: car.core.accept(car.lease(SILENT, sequence=1), car.clock()),
    "a command is no number": lambda car: car.core.accept(car.lease(Pulses(math.nan, 1500.0, True)), car.clock()),
    "a command beyond any servo": lambda car: car.core.accept(car.lease(Pulses(1500.0, 2101.0, True)), car.clock()),
    "nobody is there": lambda car: car.core.accept(car.lease(SILENT, frame_age_s=0.31), car.clock()),
    "the actuator ends": lambda car: car.core.shut_down(car.clock()),
}


@pytest.mark.parametrize("end", list(ENDS.values()), ids=list(ENDS))
def test_however_a_silence_ends_neutral_follows_with_the_next_turn(silent: Car, end: Callable[[Car], object]) -> None:
    ended_s = silent.clock()
    end(silent)
    status = silent.run(TURN_S)
    assert (status.throttle_us, status.silent_since_s) == (NEUTRAL_US, None)
    silent.run(2 * ONE_PERIOD_S)
    assert silent.throttle_us() == pytest.approx(NEUTRAL_US, abs=3)
    assert silent.first_neutral_after(ended_s) <= LONGEST_TTL_S + 3 * ONE_PERIOD_S
    assert silent.run(1.0).phase is not Phase.ARMED


def test_a_guard_that_is_gone_ends_a_silence(board: EmulatedBoard, clock: Any) -> None:
    pair = GuardedCar(board, clock)
    calibrate(pair)
    pair.run(0.5, SILENT)  # type: ignore[arg-type]
    pair.guard_runs = False
    pair.run(0.5, SILENT)  # type: ignore[arg-type]
    assert pair.throttle_us() == pytest.approx(NEUTRAL_US, abs=3)


def test_a_guard_leaves_a_silent_owner_alone_and_says_neutral_for_a_dead_one(board: EmulatedBoard, clock: Any) -> None:
    pair = GuardedCar(board, clock)
    calibrate(pair)
    status = pair.run(4.0, SILENT)  # type: ignore[arg-type]
    assert (pair.kills, status.phase, pair.throttle_us()) == (0, Phase.ARMED, None)
    stood_at_s, pair.owner_runs = clock(), False
    pair.run(1.0)
    (neutral_s, neutral_us), (off_s, off_us) = pair.widths_since(stood_at_s)
    assert (neutral_us, off_us) == (pytest.approx(NEUTRAL_US, abs=3), None)
    assert neutral_s <= STILL_S + LOOK_S + ONE_PERIOD_S
    assert off_s - neutral_s == pytest.approx(NEUTRAL_S, abs=ONE_PERIOD_S + LOOK_S)


def calibrate(pair: GuardedCar) -> None:
    pair.run(1.3)
    pair.car.arm_at_once(Mode.CALIBRATION)
    pair.run(0.1, REST)  # type: ignore[arg-type]
    pair.run(0.5, TURNING)  # type: ignore[arg-type]
    assert pair.throttle_us() == pytest.approx(1550.0, abs=3)


def test_a_silence_of_exactly_the_longest_time_is_over(car: Car) -> None:
    car.arm(Mode.CALIBRATION)
    began_s = float(math.ceil(car.clock()))
    over_s = began_s + LONGEST_SILENCE_S
    for now_s, pulses, phase in (
        (began_s - TURN_S, REST, Phase.ARMED),
        (began_s, SILENT, Phase.ARMED),
        (math.nextafter(over_s, 0.0), SILENT, Phase.ARMED),
        (over_s, SILENT, Phase.STOPPING),
    ):
        car.clock.sleep(now_s - car.clock())
        car.core.accept(car.lease(pulses), now_s)
        status = car.core.turn(now_s)
        assert car.core.state.phase is phase, now_s
        assert (status.silent_since_s == began_s) is (pulses is SILENT and phase is Phase.ARMED)
    assert "silent" in status.reason
    car.run(2 * ONE_PERIOD_S)
    assert car.throttle_us() == pytest.approx(NEUTRAL_US, abs=3)


def test_every_silence_has_its_own_time(turning: Car) -> None:
    for between in (TURNING, REST):
        turning.drive(SILENT, LONGEST_SILENCE_S - 0.1)
        turning.drive(between, 0.5)
    assert turning.drive(SILENT, LONGEST_SILENCE_S - 0.1).phase is Phase.ARMED


def test_silence_is_no_pause_of_a_press(turning: Car) -> None:
    for _ in range(math.ceil(LONGEST_PRESS_S / 5.0)):
        turning.drive(SILENT, 4.0)
        turning.drive(TURNING, 1.0)
    assert turning.core.state.phase is not Phase.ARMED
    assert "held" in turning.core.state.reason


def test_silence_is_no_letting_go(car: Car) -> None:
    car.arm(Mode.CALIBRATION)
    status = car.drive(SILENT, 0.5)
    assert (status.throttle_us, status.silent_since_s) == (NEUTRAL_US, None)
    assert car.drive(TURNING, 0.5).throttle_us == NEUTRAL_US
    assert car.throttle_us() == pytest.approx(NEUTRAL_US, abs=3)


@pytest.mark.parametrize("mode", [mode for mode in Mode if not takes_pulses(mode)])
def test_nobody_but_a_calibration_may_ask_for_silence(car: Car, mode: Mode) -> None:
    car.arm(mode)
    status = car.drive(SILENT, 0.1)
    assert (status.silent_since_s, status.throttle_us) == (None, NEUTRAL_US)
    assert "kind" in status.refused
    assert car.throttle_us() == pytest.approx(NEUTRAL_US, abs=3)


def test_a_car_that_is_not_armed_is_never_silent(car: Car) -> None:
    car.drive(SILENT, 2.0)
    assert car.throttle_us() == pytest.approx(NEUTRAL_US, abs=3)


def test_a_silent_board_is_read_back_and_its_brown_out_is_a_fault(silent: Car) -> None:
    before = silent.board.wire.transactions
    silent.drive(SILENT, 0.5)
    assert silent.board.wire.transactions - before >= 25 + 4 * 3
    silent.board.chip.reset()
    assert silent.drive(SILENT, 0.2).phase is Phase.FAULT


def test_two_lost_words_of_a_silence_are_a_fault_and_neutral_is_tried_at_once(silent: Car) -> None:
    silent.bus.failures_left = 2
    assert silent.drive(SILENT, 2 * TURN_S).phase is Phase.FAULT
    silent.run(ONE_PERIOD_S)
    assert silent.throttle_us() == pytest.approx(NEUTRAL_US, abs=3)


@pytest.mark.parametrize("stops_without_pulses_s", [None, 0.5, "holds"])
def test_what_the_calibration_says_of_the_controller_is_in_every_status(
    board: EmulatedBoard, clock: Any, stops_without_pulses_s: Any
) -> None:
    car = Car(board, clock, esc_profile=EscProfile(stops_without_pulses_s=stops_without_pulses_s))
    car.core.start(clock())
    assert car.run(TURN_S).stops_without_pulses_s == stops_without_pulses_s
