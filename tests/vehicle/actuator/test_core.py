"""The actuator's turn, seen from the pins of the emulated chip on a clock of its own."""

from __future__ import annotations

import math
from typing import Any

import pytest

from shared.actions import Action
from shared.errors import HardwareError
from tests.vehicle.actuator.rig import LIMITS, NEUTRAL_US, ONE_PERIOD_S, STEERING, Car, StraightPulses
from vehicle.actuator.core import TURN_S, ActuatorCore
from vehicle.actuator.guard_watch import SameProcess
from vehicle.actuator.lease import LONGEST_TTL_S, Driver, Lease
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.pca9685 import Pca9685Board


@pytest.fixture
def car(board: EmulatedBoard, clock: Any) -> Car:
    car = Car(board, clock)
    car.core.start(clock())
    return car


@pytest.fixture
def driving(car: Car) -> Car:
    car.run(1.1)
    assert car.core.arm(Mode.AUTONOMOUS, 1.0, car.clock()) is None
    car.drive(Action(10.0, 1.0), 0.5)
    assert car.throttle_us() == pytest.approx(1600.0, abs=3)
    return car


def test_building_a_core_moves_nothing_and_starting_it_says_neutral(board: EmulatedBoard, clock: Any) -> None:
    car = Car(board, clock)
    clock.sleep(1.0)
    assert board.chip.settled_history() == []
    car.core.start(clock())
    clock.sleep(0.1)
    assert car.throttle_us() == pytest.approx(NEUTRAL_US, abs=3)
    assert board.chip.pulse_us(STEERING) == pytest.approx(1500.0, abs=3)


def test_a_command_reaches_the_pulses_and_what_was_applied_comes_back(driving: Car) -> None:
    status = driving.drive(Action(-20.0, 0.5), 0.1)
    assert status.applied == Action(-20.0, 0.5)
    assert driving.board.chip.pulse_us(STEERING) == pytest.approx(1300.0, abs=3)
    assert driving.throttle_us() == pytest.approx(1550.0, abs=3)


def test_commands_of_a_car_that_is_not_armed_move_nothing(car: Car) -> None:
    car.drive(Action(20.0, 1.0), 2.0)
    assert {change.width_us for change in car.board.chip.settled_history()} == {car.throttle_us()}


def test_the_car_cannot_be_armed_before_neutral_was_held_for_a_second(car: Car) -> None:
    car.run(0.9)
    assert "neutral" in (car.core.arm(Mode.AUTONOMOUS, 1.0, car.clock()) or "")
    car.run(0.2)
    assert car.core.arm(Mode.AUTONOMOUS, 1.0, car.clock()) is None


@pytest.mark.parametrize("top_speed_mps", [0.0, -1.0, math.inf, math.nan])
def test_a_top_speed_that_is_none_arms_nothing(car: Car, top_speed_mps: float) -> None:
    car.run(1.1)
    assert "top speed" in (car.core.arm(Mode.AUTONOMOUS, top_speed_mps, car.clock()) or "")
    assert car.core.state.phase is Phase.READY


@pytest.mark.parametrize(("sequence", "is_taken"), [(-1, False), (0, True), (1, True)])
def test_the_commands_of_an_arming_are_counted_from_nought(car: Car, sequence: int, is_taken: bool) -> None:
    car.arm()
    assert car.core.accept(car.lease(Action(10.0, 1.0), sequence=sequence), car.clock()) is is_taken


def test_a_car_that_must_not_be_armed_never_is(board: EmulatedBoard, clock: Any) -> None:
    driver = Pca9685Board(LocalI2C(board.wire), sleep=clock.sleep)
    core = ActuatorCore(
        driver,
        StraightPulses(),
        LIMITS,
        new_epoch=lambda: 1,
        guard=SameProcess(),
        arming_obstacle="Nobody saw the wheels obey.",
    )
    core.start(clock())
    clock.sleep(5.0)
    assert core.turn(clock()).phase is Phase.READY
    assert core.arm(Mode.MANUAL, 1.0, clock()) == "Nobody saw the wheels obey."
    assert core.turn(clock()).phase is Phase.READY


def test_the_model_drives_no_faster_than_its_own_top_speed_nor_the_limit(driving: Car) -> None:
    assert driving.drive(Action(0.0, 5.0), 0.5).applied.speed_mps == 1.0
    driving.core.stop("next", driving.clock())
    driving.run(1.5)
    driving.core.arm(Mode.AUTONOMOUS, 4.0, driving.clock())
    assert driving.drive(Action(0.0, 5.0), 0.5).applied.speed_mps == 1.5


def test_the_speed_grows_by_the_time_between_turns(board: EmulatedBoard, clock: Any) -> None:
    limits = LIMITS.changed(acceleration_mps2=2.0)
    driver = Pca9685Board(LocalI2C(board.wire), sleep=clock.sleep)
    core = ActuatorCore(driver, StraightPulses(), limits, new_epoch=lambda: 1, guard=SameProcess())
    core.start(clock())
    clock.sleep(1.1)
    core.turn(clock())
    assert core.arm(Mode.AUTONOMOUS, 1.0, clock()) is None
    speeds_mps = []
    for sequence in range(1, 4):
        clock.sleep(TURN_S)
        now_s = clock()
        core.accept(Lease(1, Driver.AUTONOMOUS, sequence, now_s, 0.1, Action(0.0, 1.0), now_s), now_s)
        speeds_mps.append(core.turn(now_s).applied.speed_mps)
    assert speeds_mps == pytest.approx([0.04, 0.08, 0.12])


def test_the_board_is_read_back_ten_times_a_second_and_not_more(car: Car) -> None:
    before = car.board.wire.transactions
    car.run(2.0)
    writes, reads_a_check = 100, 3
    assert car.board.wire.transactions - before - writes == pytest.approx(20 * reads_a_check, abs=3)


def test_silence_is_neutral_within_the_life_of_a_lease(driving: Car) -> None:
    silent_from_s = driving.clock()
    status = driving.run(0.2)
    assert driving.first_neutral_after(silent_from_s) <= LONGEST_TTL_S + TURN_S + ONE_PERIOD_S
    assert status.phase is Phase.ARMED
    assert status.applied.steering_angle_deg == 10.0  # the wheels are held, only the motor stops


def test_a_short_silence_is_forgiven_and_half_a_second_latches(driving: Car) -> None:
    driving.run(0.3)
    assert driving.drive(Action(10.0, 1.0), 0.1).applied.speed_mps == 1.0
    status = driving.run(0.7)
    assert status.phase is not Phase.ARMED
    assert status.reason == "the command expired"
    status = driving.drive(Action(10.0, 1.0), 2.0)
    assert status.applied.speed_mps == 0.0


@pytest.mark.parametrize(
    "changes",
    [
        {"action": Action(float("nan"), 1.0)},
        {"action": Action(0.0, float("inf"))},
        {"action": Action(0.0, 16.0)},
        {"sequence": 1},
        {"epoch": 3},
        {"driver": Driver.MANUAL},
        {"ttl_s": 5.0},
        {"frame_age_s": 0.2},
    ],
)
def test_a_refused_command_is_neutral_at_once_not_the_last_one(driving: Car, changes: dict[str, Any]) -> None:
    refused_at_s = driving.clock()
    values = {"action": Action(10.0, 1.0), **changes}
    assert not driving.core.accept(driving.lease(**values), driving.clock())
    driving.core.turn(driving.clock())
    driving.run(0.06)
    assert driving.first_neutral_after(refused_at_s) <= ONE_PERIOD_S


def test_frames_that_grow_old_stop_the_car_although_commands_keep_coming(driving: Car) -> None:
    stood_still_at_s = driving.clock()
    for _ in range(40):
        driving.clock.sleep(TURN_S)
        age_s = driving.clock() - stood_still_at_s + 0.03
        driving.core.accept(driving.lease(Action(10.0, 1.0), frame_age_s=age_s), driving.clock())
        driving.core.turn(driving.clock())
    assert driving.first_neutral_after(stood_still_at_s) <= 0.170 + TURN_S + ONE_PERIOD_S
    assert driving.core.state.phase is not Phase.ARMED
    assert "camera" in driving.core.state.reason


def test_every_arming_is_a_new_epoch_and_old_commands_are_void(driving: Car) -> None:
    old = driving.lease(Action(10.0, 1.0))
    driving.core.stop("the button", driving.clock())
    driving.run(1.5)
    driving.core.arm(Mode.AUTONOMOUS, 1.0, driving.clock())
    assert driving.core.state.epoch != old.epoch
    assert not driving.core.accept(old, driving.clock())
    assert driving.run(0.1).applied.speed_mps == 0.0


def test_stop_is_neutral_with_the_next_turn_and_the_wheels_come_back_later(driving: Car) -> None:
    stopped_at_s = driving.clock()
    driving.core.stop("the button", driving.clock())
    driving.core.turn(driving.clock())
    assert driving.run(0.04).applied == Action(10.0, 0.0)
    assert driving.first_neutral_after(stopped_at_s) <= ONE_PERIOD_S
    assert driving.run(0.3).applied == Action(0.0, 0.0)


def test_one_lost_transaction_is_forgiven_and_two_are_a_fault_that_latches(driving: Car) -> None:
    driving.bus.failures_left = 1
    assert driving.drive(Action(10.0, 1.0), 0.2).phase is Phase.ARMED
    driving.bus.failures_left = 2
    failed_at_s = driving.clock()
    status = driving.drive(Action(10.0, 1.0), 0.2)
    assert status.phase is Phase.FAULT
    assert "wires" in status.reason
    assert driving.first_neutral_after(failed_at_s) <= 0.1
    driving.run(1.0)
    assert driving.throttle_us() is None  # after neutral came silence
    assert "fault" in (driving.core.arm(Mode.AUTONOMOUS, 1.0, driving.clock()) or "")


def test_lost_transactions_with_good_ones_between_them_are_noise_however_many(driving: Car) -> None:
    for _ in range(10):
        driving.bus.failures_left = 1
        assert driving.drive(Action(10.0, 1.0), 0.06).phase is Phase.ARMED
    assert driving.throttle_us() == pytest.approx(1600.0, abs=3)


def test_a_board_that_does_not_keep_its_first_pulse_is_refused(
    board: EmulatedBoard, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    car = Car(board, clock)
    write_pulses = Pca9685Board.write_pulses

    def write_and_dip(driver: Pca9685Board, steering_us: float, throttle_us: float) -> None:
        write_pulses(driver, steering_us, throttle_us)
        board.chip.reset()

    monkeypatch.setattr(Pca9685Board, "write_pulses", write_and_dip)
    with pytest.raises(HardwareError, match="battery"):
        car.core.start(clock())
    assert car.core.state.phase is Phase.BOOT


@pytest.mark.parametrize("answers", range(15))
def test_a_board_that_falls_silent_while_it_starts_is_a_sentence(
    board: EmulatedBoard, clock: Any, answers: int
) -> None:
    car = Car(board, clock)
    car.bus.failures_after = answers
    with pytest.raises(HardwareError, match=r"[Cc]heck its"):
        car.core.start(clock())


def test_after_a_fault_was_cleared_one_lost_transaction_is_forgiven_again(driving: Car) -> None:
    driving.bus.failures_left = 2
    driving.drive(Action(10.0, 1.0), 0.2)
    driving.core.clear_fault(driving.clock())
    driving.bus.failures_left = 1
    assert driving.run(1.2).phase is Phase.READY


def test_a_brown_out_of_the_board_is_a_fault_within_two_checks(driving: Car) -> None:
    driving.board.chip.reset()
    status = driving.drive(Action(10.0, 1.0), 0.2)
    assert status.phase is Phase.FAULT
    assert "battery" in status.reason


def test_a_cleared_fault_leads_back_over_neutral_to_ready(driving: Car) -> None:
    driving.board.chip.reset()
    driving.run(0.5)
    driving.core.clear_fault(driving.clock())
    assert driving.run(1.2).phase is Phase.READY
    assert driving.throttle_us() == pytest.approx(NEUTRAL_US, abs=3)


def test_the_way_out_is_neutral_then_silence(driving: Car) -> None:
    left_at_s = driving.clock()
    driving.core.shut_down(driving.clock())
    driving.clock.sleep(0.2)
    assert driving.first_neutral_after(left_at_s) <= ONE_PERIOD_S
    driving.core.go_silent(driving.clock())
    assert driving.throttle_us() is None


def test_a_pulse_map_that_goes_mad_is_a_fault_and_no_pulse_leaves_its_range(driving: Car) -> None:
    class MadPulses(StraightPulses):
        def throttle_pulse_us(self, speed_mps: float, *, top_speed_mps: float) -> float:
            return NEUTRAL_US + 10_000.0 * speed_mps

    driving.core._pulses = MadPulses()
    mad_from_s = driving.clock()
    status = driving.drive(Action(10.0, 1.0), 0.1)
    assert status.phase is Phase.FAULT
    assert driving.first_neutral_after(mad_from_s) <= TURN_S + ONE_PERIOD_S  # said in the very turn
    widths = [change.width_us for change in driving.board.chip.settled_history()]
    assert all(width_us is None or 700 <= width_us <= 2300 for width_us in widths)
