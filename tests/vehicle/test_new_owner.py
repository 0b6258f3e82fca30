"""A car that was never calibrated, from its first start to its first arming: guard and actuator run all the time."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibration.profile_file import shipped_profile
from calibration.wizard.draft import Draft
from tests.vehicle.stack import Stack
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.calibrating.actuators import RunningActuator
from vehicle.calibrating.run import keep
from vehicle.config import CarConfig
from vehicle.hardware.this_car import Car
from vehicle.runtime_folder import RuntimeFolder
from vehicle.up import board_status

pytestmark = pytest.mark.wall_clock

NEUTRAL_US = 1520.0  # of this owner's car; the shipped profile says 1500


def test_a_new_car_is_silent_then_is_calibrated_then_arms_and_nothing_is_restarted_by_hand(
    folder: RuntimeFolder, tmp_path: Path
) -> None:
    car = Car(CarConfig(calibrations=tmp_path, starting_profile="rc_car"), folder, emulated=True)
    stack = Stack(folder, settings=(f"calibrations={tmp_path}", "starting_profile=rc_car"))
    try:
        stack.wait(lambda: stack.client.status().phase is Phase.READY)
        assert "lapwing-car calibrate" in stack.client.arm(Mode.MANUAL, 1.0)
        assert any("not calibrated yet" in warning for warning in stack.client.status().warnings)
        assert board_status(folder.board_status, since_s=0.0)["pulses"] == []

        # The wizard finds another neutral. The actuator takes it by itself; the guard ends, as a service would be
        # started again.
        draft = Draft.starting_from(shipped_profile("rc_car")).changed(neutral_us=NEUTRAL_US, rest_us=NEUTRAL_US)
        actuators = RunningActuator(car)
        link = actuators.open(draft.rest_profile())
        assert stack.guard.running.wait(10.0) == 0
        stack.start_guard()
        problem, status = stack.wait(lambda: (answer := link.arm())[0] is None and answer)
        assert problem is None
        assert status.throttle_us == NEUTRAL_US
        link.close()

        keep(car, draft)
        assert "has taken it" in actuators.end()
        with_arms = ActuatorClient(folder.actuator)
        stack.wait(lambda: with_arms.arm(Mode.MANUAL, 1.0) == "")
        widths_us = [width_us for _, width_us in stack.throttle_since(0.0) if width_us is not None]
        assert widths_us == [pytest.approx(NEUTRAL_US, abs=3.0)] * len(widths_us)
        assert widths_us
        with_arms.close()
        assert stack.actuator.running.poll() is None
    finally:
        stack.end()
