"""The actuator process on the emulated board: what the computer and the battery say reaches the throttle's pulse."""

from __future__ import annotations

import pytest

from shared.actions import Action
from tests.vehicle.stack import NEAR_US, NEUTRAL_US, LeaseThread, Stack
from vehicle.actuator.lease import Pulses
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.hardware.pi_health import UNDERVOLTAGE
from vehicle.runtime_folder import RuntimeFolder
from vehicle.up import board_status

pytestmark = pytest.mark.wall_clock

FLAGS = "sys/devices/platform/soc/soc:firmware/get_throttled"
SLOWED_MPS = 0.75  # half of what the settings allow by themselves


def test_a_low_supply_and_a_low_battery_halve_the_speed_while_the_car_drives(folder: RuntimeFolder) -> None:
    flags = folder.computer / FLAGS
    flags.parent.mkdir(parents=True)
    flags.write_text("0")
    stack = Stack(folder, settings=("devices.battery.gauge=ina219",))
    driver = LeaseThread(stack, Action(0.0, 1.0))

    def drives_at(speed_mps: float, because: str = "") -> bool:
        status = stack.client.status()
        return status.applied.speed_mps == speed_mps and any(because in each for each in (*status.warnings, ""))

    def throttle_us() -> float:
        width_us = stack.throttle_since(0.0)[-1][1]
        assert width_us is not None
        return width_us

    try:
        stack.wait(lambda: drives_at(1.0))
        stack.wait(lambda: throttle_us() > 1571.0)
        flags.write_text(f"{UNDERVOLTAGE:x}")
        stack.wait(lambda: drives_at(SLOWED_MPS, "supply voltage is low"))
        stack.wait(lambda: throttle_us() < 1566.0)
        flags.write_text("0")
        stack.wait(lambda: drives_at(1.0))
        board_status(folder.board_status, battery_v=6.9)
        stack.wait(lambda: drives_at(SLOWED_MPS, "almost empty"))
    finally:
        driver.end()
        stack.end()


def test_who_calibrates_takes_the_pulses_away_and_neutral_is_back_when_they_are_gone(folder: RuntimeFolder) -> None:
    stack = Stack(folder, board_options=("--esc-cuts-after", "0.2"))
    driver = LeaseThread(stack, Pulses(1600.0, NEUTRAL_US), Mode.CALIBRATION)

    def throttle_us() -> float | None:
        return stack.throttle_since(0.0)[-1][1]

    try:
        stack.wait(lambda: stack.client.status().steering_us == 1600.0)  # it was heard to let go
        driver.action = Pulses(1600.0, 1550.0)
        stack.wait(lambda: throttle_us() == pytest.approx(1550.0, abs=NEAR_US))
        driver.action = Pulses(1600.0, NEUTRAL_US, silent=True)
        stack.wait(lambda: throttle_us() is None)
        assert stack.client.status().silent_since_s is not None
        driver.end()
        stack.wait(lambda: throttle_us() == pytest.approx(NEUTRAL_US, abs=NEAR_US))
        assert stack.client.status().phase is not Phase.ARMED
    finally:
        driver.end()
        stack.end()
