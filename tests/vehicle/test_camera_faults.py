"""A whole emulated car on a virtual clock: board, actuator and control loop, and a camera that fails."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks.rig.driver import SteadyPilot
from tests.vehicle.actuator.rig import NEUTRAL_US, Car
from vehicle.actuator.client import LocalActuator
from vehicle.actuator.core import TURN_S
from vehicle.actuator.state import Phase
from vehicle.drive.loop import DriveLoop
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.camera_fault import CameraFault

STALL_S, FREEZE_S = 0.250, 0.450  # from the fault to the first neutral pulse
PICTURE_S = 1 / 15


class DrivenCar(Car):
    """Pictures at 15 Hz; the loop turns as often as the actuator, half a turn later."""

    def __init__(self, board: EmulatedBoard, clock: Any) -> None:
        super().__init__(board, clock)
        self.loop = DriveLoop(board.camera, SteadyPilot(), LocalActuator(self.core, clock), clock=clock)
        self._next_picture_s = clock()

    def go(self, duration_s: float) -> None:
        for _ in range(round(duration_s / TURN_S)):
            self.core.turn(self.clock())
            self.clock.sleep(TURN_S / 2)
            if self.clock() >= self._next_picture_s:
                self._next_picture_s += PICTURE_S
                self.board.show_still()
            self.loop.turn()
            self.clock.sleep(TURN_S / 2)


@pytest.fixture
def car(board: EmulatedBoard, clock: Any) -> DrivenCar:
    car = DrivenCar(board, clock)
    car.core.start(clock())
    car.go(1.3)
    return car


@pytest.mark.parametrize(
    ("fault", "within_s"),
    [(CameraFault.STALL, STALL_S), (CameraFault.UNPLUG, STALL_S), (CameraFault.FREEZE, FREEZE_S)],
)
@pytest.mark.parametrize("phase", range(0, 100, 7))
def test_the_throttle_is_neutral_in_time_whenever_the_camera_fails(
    car: DrivenCar, fault: CameraFault, within_s: float, phase: int
) -> None:
    car.arm_at_once()
    car.go(0.3 + phase / 1000)
    assert car.throttle_us() == pytest.approx(NEUTRAL_US + 100, abs=3)
    faulted_at_s = car.clock()
    car.board.sensor.fault = fault
    car.go(1.0)
    assert 0.0 < car.first_neutral_after(faulted_at_s) <= within_s
    assert car.throttle_us() == pytest.approx(NEUTRAL_US, abs=3)
    status = car.core.status(car.clock())
    assert status.phase is not Phase.ARMED
    assert status.reason == (
        car.loop.camera_verdict.problem if fault is CameraFault.FREEZE else "the camera stands still"
    )


def test_a_short_gap_slows_the_car_and_does_not_end_the_drive(car: DrivenCar) -> None:
    car.arm_at_once()
    car.go(0.4)
    car.board.sensor.fault = CameraFault.STALL
    car.go(0.3)
    assert car.throttle_us() == pytest.approx(NEUTRAL_US, abs=3)
    car.board.sensor.fault = CameraFault.NONE
    car.go(0.3)
    assert car.core.state.phase is Phase.ARMED
    assert car.throttle_us() == pytest.approx(NEUTRAL_US + 100, abs=3)


def test_a_standing_car_stays_ready_for_a_minute_and_can_then_drive(car: DrivenCar) -> None:
    for _ in range(60):
        car.go(1.0)
        assert car.core.state.phase is Phase.READY
        assert car.loop.camera_verdict.problem == ""
    car.arm_at_once()
    car.go(1.0)
    assert car.throttle_us() == pytest.approx(NEUTRAL_US + 100, abs=3)


def test_a_car_whose_camera_froze_before_it_was_armed_does_not_move(car: DrivenCar, clock: Any) -> None:
    car.board.sensor.fault = CameraFault.FREEZE
    car.go(0.5)
    assert car.core.state.phase is Phase.READY
    armed_at_s = clock()
    car.arm_at_once()
    car.go(0.5)
    assert "frozen" in car.core.state.reason
    widths = [change.width_us for change in car.board.chip.settled_history() if change.start_s > armed_at_s]
    assert all(width_us == pytest.approx(NEUTRAL_US, abs=3) for width_us in widths)
