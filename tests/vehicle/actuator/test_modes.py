"""What the car may do in each mode it can be armed for, seen from the pins of the emulated chip."""

from __future__ import annotations

import math
from typing import Any

import pytest

from shared.actions import Action
from tests.vehicle.actuator.rig import LIMITS, NEUTRAL_US, STEERING, Car
from vehicle.actuator.core import LATCH_AFTER_S, LONGEST_PRESS_S, TURN_S
from vehicle.actuator.esc import EscProfile, Reverse
from vehicle.actuator.health import Health
from vehicle.actuator.lease import Driver, Pulses
from vehicle.actuator.limits import CALIBRATION_THROTTLE_RATE_US_PER_S
from vehicle.actuator.mode import CRAWL_SPEED_MPS, Mode, driver_of
from vehicle.actuator.state import Phase
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.esc import SpeedController


@pytest.fixture
def car(board: EmulatedBoard, clock: Any) -> Car:
    car = Car(board, clock)
    car.core.start(clock())
    return car


@pytest.mark.parametrize("mode", list(Mode))
def test_every_arming_has_a_mode_a_driver_an_epoch_of_its_own_and_a_top_speed(car: Car, mode: Mode) -> None:
    epochs = set()
    for _ in range(3):
        car.arm(mode, 0.8)
        status = car.run(TURN_S)
        assert (status.mode, status.driver, status.top_speed_mps) == (mode, driver_of(mode), 0.8)
        epochs.add(status.epoch)
        car.core.stop("next", car.clock())
    assert len(epochs) == 3
    status = car.run(TURN_S)
    assert (status.mode, status.driver, status.epoch) == (None, None, 0)


def test_a_dry_run_steers_and_its_motor_stays_off(car: Car) -> None:
    car.arm(Mode.DRY_RUN)
    status = car.drive(Action(20.0, 1.0), 1.0)
    assert status.applied == Action(20.0, 0.0)
    assert car.board.chip.pulse_us(STEERING) == pytest.approx(1700.0, abs=3)
    widths = {change.width_us for change in car.board.chip.settled_history() if change.channel != STEERING}
    assert list(widths) == [pytest.approx(NEUTRAL_US, abs=3)]


def test_crawling_is_driving_at_walking_pace_whatever_the_model_asks(car: Car) -> None:
    car.arm(Mode.CRAWL)
    assert car.drive(Action(0.0, 1.0), 1.0).applied.speed_mps == CRAWL_SPEED_MPS
    assert car.drive(Action(0.0, 0.2), 1.0).applied.speed_mps == 0.2


def test_a_phone_that_is_armed_with_the_stick_held_must_let_go_first(car: Car) -> None:
    car.arm(Mode.MANUAL)
    held = car.drive(Action(15.0, 1.0), 1.0)
    assert held.applied == Action(15.0, 0.0)
    assert held.phase is Phase.ARMED
    car.drive(Action(15.0, 0.0), 0.02)
    assert car.drive(Action(15.0, 1.0), 0.5).applied.speed_mps == 1.0


def test_a_phone_may_be_silent_for_longer_than_a_camera(car: Car) -> None:
    car.arm(Mode.MANUAL)
    car.drive(Action(0.0, 0.0), 0.02)
    assert car.drive(Action(0.0, 1.0), 0.2, frame_age_s=0.29).applied.speed_mps == 1.0
    status = car.drive(Action(0.0, 1.0), 0.02, frame_age_s=0.31)
    assert status.applied.speed_mps == 0.0
    assert status.refused == "the phone is silent"


def test_the_throttle_of_a_calibration_comes_slowly_and_goes_at_once(car: Car) -> None:
    car.arm(Mode.CALIBRATION)
    assert car.drive(Pulses(1850.0, 1700.0), 0.1).throttle_us == NEUTRAL_US  # not let go yet
    car.drive(Pulses(1850.0, NEUTRAL_US), 0.02)
    status = car.drive(Pulses(1850.0, 1700.0), 0.1)
    assert status.throttle_us == pytest.approx(NEUTRAL_US + 0.1 * CALIBRATION_THROTTLE_RATE_US_PER_S)
    assert status.steering_us == 1850.0
    assert car.drive(Pulses(1850.0, 1700.0), 1.0).throttle_us == 1700.0
    silent = car.run(0.12)
    assert (silent.steering_us, silent.throttle_us) == (1850.0, NEUTRAL_US)
    assert car.run(LATCH_AFTER_S).phase is not Phase.ARMED


def test_a_press_of_the_calibration_ends_by_itself(car: Car) -> None:
    car.arm(Mode.CALIBRATION)
    car.drive(Pulses(1500.0, NEUTRAL_US), 0.02)
    assert car.drive(Pulses(1500.0, 1550.0), LONGEST_PRESS_S - 1.0).phase is Phase.ARMED
    status = car.drive(Pulses(1500.0, 1550.0), 1.2)
    assert status.phase is not Phase.ARMED
    assert status.throttle_us == NEUTRAL_US
    assert "held" in status.reason


def test_a_press_is_as_long_as_it_is_held_and_not_as_long_as_the_calibration(car: Car) -> None:
    car.arm(Mode.CALIBRATION)
    car.drive(Pulses(1500.0, NEUTRAL_US), LONGEST_PRESS_S + 1.0)
    assert car.drive(Pulses(1500.0, 1550.0), 1.0).phase is Phase.ARMED


def test_a_press_of_exactly_the_longest_time_is_over(car: Car) -> None:
    car.arm(Mode.CALIBRATION)
    let_go_s = float(math.ceil(car.clock()))
    car.clock.sleep(let_go_s - car.clock())
    over_s = let_go_s + LONGEST_PRESS_S
    for now_s, pulse_us, phase in (
        (let_go_s, NEUTRAL_US, Phase.ARMED),
        (math.nextafter(over_s, 0.0), 1550.0, Phase.ARMED),
        (over_s, 1550.0, Phase.STOPPING),
    ):
        car.clock.sleep(now_s - car.clock())
        car.core.accept(car.lease(Pulses(1500.0, pulse_us)), now_s)
        car.core.turn(now_s)
        assert car.core.state.phase is phase, now_s


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        (Mode.CALIBRATION, Action(0.0, 0.5)),
        (Mode.AUTONOMOUS, Pulses(1500.0, 1600.0)),
        (Mode.CALIBRATION, Pulses(1500.0, 899.0)),
        (Mode.CALIBRATION, Pulses(2101.0, 1500.0)),
        (Mode.CALIBRATION, Pulses(float("nan"), 1500.0)),
    ],
)
def test_a_command_of_the_wrong_kind_or_beyond_any_servo_is_refused(
    car: Car, mode: Mode, wanted: Action | Pulses
) -> None:
    car.arm(mode)
    status = car.drive(wanted, 0.1)
    assert status.refused
    assert status.throttle_us == NEUTRAL_US


def test_a_car_that_nobody_has_calibrated_can_be_armed_for_just_that(board: EmulatedBoard, clock: Any) -> None:
    car = Car(board, clock, arming_obstacle="Nobody saw the wheels obey.")
    car.core.start(clock())
    car.run(1.1)
    assert car.core.arm(Mode.CRAWL, 1.0, clock()) == "Nobody saw the wheels obey."
    assert car.core.arm(Mode.CALIBRATION, 1.0, clock()) is None


def test_a_controller_that_needs_a_long_neutral_gets_it_after_the_start_only(board: EmulatedBoard, clock: Any) -> None:
    car = Car(board, clock, esc_profile=EscProfile(arming_s=3.0))
    car.core.start(clock())
    car.run(2.9)
    assert "3 s" in (car.core.arm(Mode.AUTONOMOUS, 1.0, clock()) or "")
    car.run(0.2)
    assert car.core.arm(Mode.AUTONOMOUS, 1.0, clock()) is None
    car.core.stop("the button", clock())
    car.run(1.3)
    assert car.core.arm(Mode.AUTONOMOUS, 1.0, clock()) is None


@pytest.mark.parametrize("double_tap", [False, True])
def test_the_car_goes_backwards_as_its_controller_wants_to_be_asked(
    board: EmulatedBoard, clock: Any, double_tap: bool
) -> None:
    board.esc = SpeedController(double_tap=double_tap)
    profile = EscProfile(reverse=Reverse.DOUBLE_TAP if double_tap else Reverse.DIRECT)
    car = Car(board, clock, limits=LIMITS.changed(max_reverse_speed_mps=0.5), esc_profile=profile)
    car.core.start(clock())

    def drive(speed_mps: float, duration_s: float) -> None:
        for _ in range(round(duration_s / TURN_S)):
            car.drive(Action(0.0, speed_mps), TURN_S)
            board.report()

    for _ in range(65):
        car.run(TURN_S)
        board.report()
    assert car.core.arm(Mode.MANUAL, 1.0, clock()) is None
    drive(0.0, 0.1)
    drive(1.0, 0.3)
    assert board.esc.drive_pulse_us == pytest.approx(1600.0, abs=3)
    drive(-0.5, 0.6)
    assert board.esc.drive_pulse_us == pytest.approx(1450.0, abs=3)


def test_a_controller_without_reverse_never_hears_a_backward_pulse(board: EmulatedBoard, clock: Any) -> None:
    profile = EscProfile(reverse=Reverse.NONE)
    car = Car(board, clock, limits=LIMITS.changed(max_reverse_speed_mps=0.5), esc_profile=profile)
    car.core.start(clock())
    car.arm(Mode.AUTONOMOUS)
    assert car.drive(Action(0.0, -0.5), 1.0).throttle_us == NEUTRAL_US


def test_a_computer_that_is_not_well_drives_at_half_speed_and_says_why(board: EmulatedBoard, clock: Any) -> None:
    now = Health()
    car = Car(board, clock, health=lambda now_s: now)
    car.core.start(clock())
    car.arm(Mode.AUTONOMOUS, 1.0)
    assert car.drive(Action(0.0, 1.0), 0.5).applied.speed_mps == 1.0
    now = Health(overheated=True)
    status = car.drive(Action(0.0, 1.0), 0.1)
    assert status.applied.speed_mps == 0.5
    assert status.warnings == ("the computer is too hot",)
    now = Health()
    assert car.drive(Action(0.0, 1.0), 0.5).applied.speed_mps == 1.0


def test_a_supply_that_dips_twice_ends_the_drive(board: EmulatedBoard, clock: Any) -> None:
    now = Health()
    car = Car(board, clock, health=lambda now_s: now)
    car.core.start(clock())
    car.arm(Mode.AUTONOMOUS, 1.0)
    for undervoltage in (True, False):
        now = Health(undervoltage=undervoltage)
        assert car.drive(Action(0.0, 1.0), 0.5).phase is Phase.ARMED
    now = Health(undervoltage=True)
    status = car.drive(Action(0.0, 1.0), 0.1)
    assert status.phase is Phase.STOPPING
    assert "battery" in status.reason


@pytest.mark.parametrize("mode", list(Mode))
def test_a_car_that_is_picked_up_stops_but_for_one_that_is_being_calibrated(
    board: EmulatedBoard, clock: Any, mode: Mode
) -> None:
    now = Health()
    car = Car(board, clock, health=lambda now_s: now)
    car.core.start(clock())
    car.arm(mode)
    now = Health(upset="the car was picked up")
    car.core.turn(clock())
    reason = "" if mode is Mode.CALIBRATION else "the car was picked up"
    assert (car.core.state.phase is Phase.ARMED, car.core.state.reason) == (mode is Mode.CALIBRATION, reason)
    car.core.stop("again", clock())
    car.run(1.3)
    assert (car.core.arm(mode, 1.0, clock()) or "") == reason


def test_who_commands_in_which_mode_is_one_of_two_sources() -> None:
    assert {mode for mode in Mode if driver_of(mode) is Driver.MANUAL} == {Mode.MANUAL, Mode.CALIBRATION}
