"""What the core tells of itself: to whoever asks, and to the loop that must know when its next turn is due."""

from __future__ import annotations

import math
from typing import Any

import pytest

from shared.actions import STOP, Action
from tests.vehicle.actuator.rig import LIMITS, NEUTRAL_US, ONE_PERIOD_S, Car, StraightPulses
from vehicle.actuator.core import TURN_S, ActuatorCore
from vehicle.actuator.guard_watch import SameProcess
from vehicle.actuator.lease import Pulses, lapses_at_s
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.pca9685 import Pca9685Board


def test_the_status_says_when_the_registers_were_written(board: EmulatedBoard, clock: Any) -> None:
    class SlowBus(LocalI2C):
        def writeto(self, address: int, buffer: Any, **options: Any) -> None:
            clock.sleep(0.001)
            super().writeto(address, buffer, **options)

    driver = Pca9685Board(SlowBus(board.wire), sleep=clock.sleep)
    core = ActuatorCore(driver, StraightPulses(), LIMITS, new_epoch=lambda: 1, guard=SameProcess(), clock=clock)
    core.start(clock())
    began_at_s = clock()
    status = core.turn(began_at_s)
    assert status.at_s == began_at_s
    assert status.written_at_s >= began_at_s + 0.001


def test_what_the_process_and_its_guard_may_not_do_is_in_every_status(board: EmulatedBoard, clock: Any) -> None:
    class LateGuard(SameProcess):
        safety_level = "L2"
        warnings = ("the guard may come late",)

        def problem(self, now_s: float) -> str | None:
            return "it stands still"

    car = Car(board, clock, guard=LateGuard(), warnings=("the actuator may come late",))
    car.core.start(clock())
    status = car.run(TURN_S)
    assert status.warnings == ("the actuator may come late", "the guard may come late")
    assert (status.safety_level, status.guard) == ("L2", "it stands still")
    other = Car(board, clock)
    other.core.start(clock())
    assert other.run(TURN_S).guard == ""


def test_a_core_counts_its_turns_and_says_when_it_wrote_from_its_start_on(board: EmulatedBoard, clock: Any) -> None:
    car, began_s = Car(board, clock), clock()
    car.core.start(began_s)
    status = car.core.status(clock())
    assert (status.turns, status.written_at_s) == (0, began_s)
    status = car.run(3 * TURN_S)
    assert (status.turns, status.written_at_s) == (3, clock())


def test_what_is_asked_and_until_when_is_known_until_the_stop(board: EmulatedBoard, clock: Any) -> None:
    driving = Car(board, clock)
    driving.core.start(clock())
    driving.arm()
    assert (driving.core.asked, driving.core.lapses_at_s) == (None, math.inf)
    lease = driving.lease(Action(10.0, 1.0))
    driving.core.accept(lease, driving.clock())
    assert driving.core.asked == Action(10.0, 1.0)
    assert driving.core.lapses_at_s == lapses_at_s(lease)
    driving.core.stop("the button", driving.clock())
    assert (driving.core.asked, driving.core.lapses_at_s) == (None, math.inf)


def test_a_command_to_a_car_that_is_not_armed_is_refused_by_name(board: EmulatedBoard, clock: Any) -> None:
    car = Car(board, clock)
    car.core.start(clock())
    assert car.core.accept(car.lease(Action(10.0, 1.0)), clock()) is False
    assert car.core.status(clock()).refused == "the car is not armed"


def test_the_stop_latches_at_the_very_end_of_half_a_second(board: EmulatedBoard, clock: Any) -> None:
    car = Car(board, clock)
    car.core.start(clock())
    car.run(1.3)
    clock.now_s = 128.0  # from here on, times are exact
    car.arm_at_once()
    assert car.core.turn(math.nextafter(128.5, 0.0)).phase is Phase.ARMED
    assert car.core.turn(128.5).phase is Phase.STOPPING


def test_after_exactly_ten_pulses_of_neutral_a_fault_is_silent(board: EmulatedBoard, clock: Any) -> None:
    car = Car(board, clock)
    car.core.start(0.0)
    car.bus.failures_left = 2
    for at_s, phase, throttle_us in (
        (0.0, Phase.SAFE, NEUTRAL_US),
        (0.0, Phase.FAULT, NEUTRAL_US),
        (math.nextafter(0.2, 0.0), Phase.FAULT, NEUTRAL_US),
        (0.2, Phase.FAULT, None),
    ):
        assert car.core.turn(at_s).phase is phase
        clock.sleep(2 * ONE_PERIOD_S)
        assert car.throttle_us() == (throttle_us and pytest.approx(throttle_us, abs=3))


def test_what_an_earlier_drive_applied_is_not_told_of_a_calibration(board: EmulatedBoard, clock: Any) -> None:
    car = Car(board, clock, limits=LIMITS.changed(steering_rate_dps=10.0))
    car.core.start(clock())
    car.arm()
    assert car.drive(Action(20.0, 0.5), 3.0).applied == Action(20.0, 0.5)
    car.core.stop("enough", clock())
    assert car.run(1.3).applied.steering_angle_deg > 5.0  # the wheels turn back slowly
    car.arm_at_once(Mode.CALIBRATION)
    assert car.drive(Pulses(1500.0, NEUTRAL_US), TURN_S).applied == STOP
