"""`lapwing-car gamepad`: drive by a gamepad that is connected to the car."""

from __future__ import annotations

import click

from vehicle.car_options import car_options, stop_on_signals, tell
from vehicle.hardware.this_car import Car


@click.command()
@car_options
def command(car: Car) -> None:
    """Drive by a gamepad: start arms, the right shoulder button held permits, the triggers drive, B or O stops."""
    from vehicle.drive.gamepad_drive import run_gamepad

    run_gamepad(car, tell, stop_on_signals())
