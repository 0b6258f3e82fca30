"""Servo and speed controller behave as the ones on a car."""

from __future__ import annotations

from vehicle.emulated.esc import ARMING_S, CUT_AFTER_S, PulseLoss, SpeedController
from vehicle.emulated.servo import Servo


def armed_controller(on_loss: PulseLoss = PulseLoss.HOLD) -> SpeedController:
    controller = SpeedController(on_loss)
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


def test_a_cutting_controller_cuts_a_tenth_of_a_second_after_the_last_pulse() -> None:
    controller = armed_controller(PulseLoss.CUT)
    controller.hear(1650.0, 1.0)
    controller.hear(None, 1.0 + CUT_AFTER_S / 2)
    assert controller.drive_pulse_us == 1650.0
    controller.hear(None, 1.0 + CUT_AFTER_S)
    assert controller.drive_pulse_us is None
