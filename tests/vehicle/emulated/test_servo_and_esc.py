"""Servo and speed controller behave as the ones on a car."""

from __future__ import annotations

import pytest

from vehicle.emulated.esc import ARMING_S, SpeedController
from vehicle.emulated.servo import Servo


def armed_controller(cuts_after_s: float | None = None) -> SpeedController:
    controller = SpeedController(cuts_after_s)
    controller.hear(1500.0, 0.0)
    controller.hear(1500.0, ARMING_S)
    assert controller.armed
    return controller


def test_a_servo_stays_where_it_is_without_pulses_or_with_nonsense() -> None:
    servo = Servo()
    servo.hear(None)
    assert servo.target_pulse_us is None
    for pulse_us in (1600.0, None, 100.0, 3000.0):
        servo.hear(pulse_us)
    assert servo.target_pulse_us == 1600.0


def test_a_controller_drives_only_after_a_steady_neutral() -> None:
    controller = SpeedController()
    for step in range(100):
        controller.hear(1700.0, step * 0.02)
    assert not controller.armed
    for step in range(100):
        controller.hear(1450.0 if step % 2 else 1550.0, 2.0 + step * 0.02)
    assert not controller.armed
    for step in range(26):
        controller.hear(1502.0, 4.0 + step * 0.02)
    assert controller.armed
    controller.hear(1600.0, 5.0)
    assert controller.drive_pulse_us == 1600.0


def test_the_default_controller_holds_its_last_command_for_ever() -> None:
    controller = armed_controller()
    controller.hear(1650.0, 1.0)
    controller.hear(None, 1000.0)
    assert controller.drive_pulse_us == 1650.0


@pytest.mark.parametrize("cuts_after_s", [0.125, 3.0])
def test_a_cutting_controller_cuts_its_time_after_the_last_pulse(cuts_after_s: float) -> None:
    controller = armed_controller(cuts_after_s)
    controller.hear(1650.0, 1.0)
    controller.hear(None, 1.0 + cuts_after_s / 2)
    assert controller.drive_pulse_us == 1650.0
    controller.hear(None, 1.0 + cuts_after_s)
    assert controller.drive_pulse_us is None
    controller.hear(1600.0, 9.0)
    assert controller.drive_pulse_us == 1600.0


def test_a_double_tap_controller_goes_backwards_only_after_brake_and_neutral() -> None:
    controller = SpeedController(double_tap=True)
    heard: list[float | None] = []
    script = [(1500.0, 0.6), (1600.0, 0.2), (1400.0, 0.2), (1500.0, 0.2), (1400.0, 0.2), (1600.0, 0.2), (1400.0, 0.2)]
    now_s = 0.0
    for pulse_us, duration_s in script:
        for _ in range(round(duration_s / 0.02)):
            controller.hear(pulse_us, now_s)
            now_s += 0.02
        heard.append(controller.drive_pulse_us)
    assert heard == [1500.0, 1600.0, 1500.0, 1500.0, 1400.0, 1600.0, 1500.0]


def test_a_tap_that_is_too_short_opens_nothing() -> None:
    controller = SpeedController(double_tap=True)
    now_s = 0.0
    for pulse_us, periods in ((1500.0, 30), (1600.0, 10), (1400.0, 2), (1500.0, 10), (1400.0, 10)):
        for _ in range(periods):
            controller.hear(pulse_us, now_s)
            now_s += 0.02
    assert controller.drive_pulse_us == 1500.0
