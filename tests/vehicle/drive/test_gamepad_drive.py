"""A gamepad drives for as long as a person is certainly there, and not a moment longer than the actuator allows."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import HardwareError
from tests.vehicle.actuator.rig import Car as Rig
from vehicle.actuator.lease import Lease
from vehicle.actuator.messages import Answer, ArmRequest, Request, StopRequest
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.config import CarConfig, GamepadConfig
from vehicle.drive.api import OperatorRequest
from vehicle.drive.gamepad_drive import IDLE_S, RENEW_S, GamepadDrive, hands_on, run_gamepad
from vehicle.emulated.board import EmulatedBoard
from vehicle.hardware.protocols import PadState
from vehicle.hardware.this_car import Car
from vehicle.runtime_folder import RuntimeFolder

CONFIG = GamepadConfig(max_speed_mps=1.0, silence_s=1.0)


class Pad:
    """A pad in a hand: what it says, when it was last heard, whether it is there."""

    name = "pad"

    def __init__(self, clock: Any) -> None:
        self.clock, self.state, self.is_there = clock, PadState(), True

    def wait(self, timeout_s: float) -> PadState:
        self.clock.sleep(timeout_s)
        if not self.is_there:
            raise HardwareError("The pad is gone.")
        return self.state

    def close(self) -> None:
        """Nothing to let go of."""

    def do(self, **changes: Any) -> None:
        self.state = replace(self.state, heard_at_s=self.clock(), **changes)


class Line:
    """The actuator's core in place of its socket."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    def ask(self, request: Request) -> Answer:
        core, now_s, problem = self.rig.core, self.rig.clock(), None
        if isinstance(request, Lease):
            core.accept(request, now_s)
        elif isinstance(request, ArmRequest):
            problem = core.arm(request.mode, request.top_speed_mps, now_s)
        elif isinstance(request, StopRequest):
            core.stop(request.reason, now_s)
        return Answer(core.turn(now_s), problem)


class Driven:
    """Pad, driver and actuator on one clock."""

    def __init__(self, board: EmulatedBoard, clock: Any) -> None:
        self.rig, self.clock, self.pad = Rig(board, clock), clock, Pad(clock)
        self.told: list[str] = []
        self.drive = self.driver()
        self.rig.core.start(clock())
        self.turns(1.3)

    def driver(self) -> GamepadDrive:
        return GamepadDrive(
            self.pad, Line(self.rig), CONFIG, largest_angle_deg=20.0, clock=self.clock, tell=self.told.append
        )

    def turns(self, duration_s: float, **changes: Any) -> Any:
        """Time passes, after a change at the pad if there is one."""
        if changes:
            self.pad.do(**changes)
        for _ in range(round(duration_s / RENEW_S)):
            self.drive.turn()
            self.rig.core.turn(self.clock())
        return self.rig.core.status(self.clock())

    def arm(self) -> None:
        self.turns(0.1, arm=True)
        self.turns(0.1, arm=False)


@pytest.fixture
def car(board: EmulatedBoard, clock: Any) -> Driven:
    return Driven(board, clock)


def test_the_start_button_arms_and_then_trigger_and_stick_drive(car: Driven) -> None:
    car.arm()
    status = car.turns(0.2, dead_man=True, throttle=0.5, steering=-0.5)
    assert (status.phase, status.mode) == (Phase.ARMED, Mode.MANUAL)
    assert (status.applied.speed_mps, status.applied.steering_angle_deg) == (0.5, -10.0)


def test_without_arming_nothing_moves(car: Driven) -> None:
    status = car.turns(1.0, dead_man=True, throttle=1.0)
    assert (status.phase, status.applied.speed_mps) == (Phase.READY, 0.0)


def test_the_car_is_not_armed_with_a_trigger_pulled(car: Driven) -> None:
    status = car.turns(0.2, arm=True, throttle=0.1)
    assert status.phase is Phase.READY
    assert "Let go" in car.told[-1]


def test_a_button_that_was_down_before_we_looked_arms_nothing(car: Driven) -> None:
    car.pad.do(arm=True)
    car.drive = car.driver()
    assert car.turns(0.5).phase is Phase.READY
    car.turns(0.1, arm=False)
    assert car.turns(0.1, arm=True).phase is Phase.ARMED


def test_the_dead_man_button_permits_and_letting_go_of_it_stops_at_once(car: Driven) -> None:
    car.arm()
    assert car.turns(0.2, throttle=1.0).applied.speed_mps == 0.0
    car.turns(0.1, throttle=0.0)
    assert car.turns(0.2, dead_man=True, throttle=1.0).applied.speed_mps == 1.0
    status = car.turns(RENEW_S, dead_man=False)
    assert (status.phase, status.applied.speed_mps) == (Phase.ARMED, 0.0)


def test_a_thumb_that_rests_is_a_person_for_a_second_and_then_must_let_go(car: Driven) -> None:
    car.arm()
    assert car.turns(CONFIG.silence_s, dead_man=True, throttle=1.0).applied.speed_mps == 1.0
    status = car.turns(0.1)
    assert (status.phase, status.applied.speed_mps) == (Phase.ARMED, 0.0)
    assert car.turns(0.5, steering=0.2).applied.speed_mps == 0.0  # heard again, and still pulled
    car.turns(0.1, throttle=0.0)
    assert car.turns(0.2, throttle=0.8).applied.speed_mps == 0.8


def test_a_stick_that_moves_keeps_the_car_driving(car: Driven) -> None:
    car.arm()
    car.turns(0.1, dead_man=True, throttle=1.0)
    for step in range(10):
        assert car.turns(0.6, steering=step / 100).applied.speed_mps == 1.0


def test_the_stop_button_stops_for_good_whoever_drives(car: Driven) -> None:
    car.arm()
    car.turns(0.2, dead_man=True, throttle=1.0)
    status = car.turns(RENEW_S, stop=True)
    assert status.phase is Phase.STOPPING
    assert "STOP was pressed" in status.reason
    assert status.applied.speed_mps == 0.0
    car.turns(2.0, stop=False, throttle=0.0)
    car.rig.arm_at_once(Mode.AUTONOMOUS)
    assert car.turns(RENEW_S, stop=True).phase is Phase.STOPPING


def test_a_pad_that_is_unplugged_ends_the_drive(car: Driven) -> None:
    car.arm()
    car.turns(0.2, dead_man=True, throttle=1.0)
    car.pad.is_there = False
    with pytest.raises(HardwareError, match="gone"):
        car.drive.turn()
    status = car.rig.core.status(car.clock())
    assert (status.phase, status.reason) == (Phase.STOPPING, "the gamepad is gone")


def test_what_others_drive_does_not_stop_because_a_pad_is_unplugged(car: Driven) -> None:
    car.rig.arm_at_once(Mode.AUTONOMOUS)
    car.pad.is_there = False
    with pytest.raises(HardwareError):
        car.drive.turn()
    assert car.rig.core.state.phase is Phase.ARMED


def test_another_arming_is_not_ours_to_drive(car: Driven) -> None:
    car.arm()
    car.turns(0.1, dead_man=True, throttle=0.0)
    car.rig.core.stop("somebody else said so", car.clock())
    car.turns(2.0)
    car.rig.arm_at_once(Mode.MANUAL)
    assert car.turns(0.3, throttle=1.0).applied.speed_mps == 0.0
    assert "not armed any more: somebody else said so" in car.told[-1]


def test_an_armed_car_that_nobody_drives_is_disarmed(car: Driven) -> None:
    car.arm()
    assert car.turns(IDLE_S - 1.0).phase is Phase.ARMED
    status = car.turns(2.0)
    assert status.phase is not Phase.ARMED
    assert "nobody drove" in status.reason


def test_ending_the_driver_stops_the_car(car: Driven) -> None:
    car.arm()
    stop = threading.Event()
    stop.set()
    car.drive.run(stop)
    assert car.rig.core.state.reason == "the gamepad's driver ended"


def test_what_the_hands_do_is_shown_whoever_drives_and_told_in_the_words_of_the_log(car: Driven) -> None:
    shown: list[PadState] = []
    car.drive._shown = shown.append
    car.turns(RENEW_S, steering=0.5, throttle=-0.25, dead_man=True)
    assert hands_on("pad", shown[-1]) == OperatorRequest(0.5, -0.25, ("dead_man",), "pad")


@pytest.fixture
def waiting(folder: RuntimeFolder, clock: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What run_gamepad told, first without a pad and then without an actuator."""
    told: list[str] = []
    stop = threading.Event()
    pads = iter([HardwareError("No gamepad is connected."), HardwareError("No gamepad is connected."), Pad(clock)])

    def open_pad(car: Car) -> Pad:
        pad = next(pads, None)
        if isinstance(pad, HardwareError):
            raise pad
        if pad is None:
            stop.set()
            raise HardwareError("enough")
        return pad

    monkeypatch.setattr("vehicle.drive.gamepad_drive.RETRY_S", 0.0)
    run_gamepad(Car(CarConfig(), folder, emulated=True), told.append, stop, open_pad=open_pad)
    return told


def test_a_pad_and_an_actuator_are_waited_for_and_each_is_told_once(waiting: list[str]) -> None:
    assert waiting[0] == "No gamepad is connected."
    assert "lapwing-car actuator" in waiting[1]
    assert waiting[2:] == ["enough"]
