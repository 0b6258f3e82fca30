"""The tail light shows its colour, and neither the throttle nor the steering notices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.errors import HardwareError
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.pca9685 import Pca9685Board
from vehicle.hardware.protocols import Colour
from vehicle.hardware.tail_light import ServoBoardLight, SysfsLight

OUTPUTS = (2, 3, 4)


@pytest.mark.parametrize("colour", Colour)
def test_outputs_of_the_servo_board_are_on_or_off_and_never_flicker(
    board: EmulatedBoard, servo_board: Pca9685Board, clock: Any, colour: Colour
) -> None:
    servo_board.start()
    servo_board.write_pulses(1450.0, 1550.0)
    clock.sleep(0.1)
    light = ServoBoardLight(LocalI2C(board.wire), address=0x40, channels=OUTPUTS)
    before = [change for change in board.chip.settled_history() if change.channel < 2]
    for shown in (*Colour, colour):
        light.show(shown)
    clock.sleep(0.1)
    period_us = 4096 * board.chip.tick_us
    assert [board.chip.pulse_us(output) for output in OUTPUTS] == [period_us if on else None for on in colour.value]
    assert [change for change in board.chip.settled_history() if change.channel < 2] == before
    servo_board.check()  # the board is as its owner left it


def test_switching_the_board_off_darkens_the_light_too(
    board: EmulatedBoard, servo_board: Pca9685Board, clock: Any
) -> None:
    servo_board.start()
    ServoBoardLight(LocalI2C(board.wire), address=0x40, channels=OUTPUTS).show(Colour.YELLOW)
    servo_board.all_off()
    clock.sleep(0.1)
    assert [board.chip.pulse_us(output) for output in OUTPUTS] == [None, None, None]


def test_leds_of_the_kernel_are_as_bright_as_they_get(tmp_path: Path) -> None:
    for name, brightest in (("r", 255), ("g", 1), ("b", 7)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "max_brightness").write_text(f"{brightest}\n")
        (tmp_path / name / "brightness").write_text("0\n")
    light = SysfsLight(("r", "g", "b"), tmp_path)
    shown = {}
    for colour in Colour:
        light.show(colour)
        shown[colour.name] = [(tmp_path / name / "brightness").read_text() for name in "rgb"]
    assert shown["YELLOW"] == ["255", "1", "0"]
    assert shown["BLUE"] == ["0", "0", "7"]
    assert shown["DARK"] == ["0", "0", "0"]


def test_an_led_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"no LED r, g, b.*devices\.tail_light\.leds"):
        SysfsLight(("r", "g", "b"), tmp_path)
