"""The actuator process on the emulated board: what the computer and the battery say reaches the throttle's pulse."""

from __future__ import annotations

import pytest

from shared.actions import Action
from tests.vehicle.stack import LeaseThread, Stack
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
