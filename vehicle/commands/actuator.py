"""`lapwing-car actuator`: own the servo board."""

from __future__ import annotations

import click

from vehicle.car_options import car_options, stop_on_signals
from vehicle.hardware.this_car import Car


@click.command()
@car_options
def command(car: Car) -> None:
    """Own the servo board: take leases, limit them, and say neutral when they end."""
    from vehicle.actuator.loop_log import logging_beside
    from vehicle.actuator.process import run_actuator

    with logging_beside():
        run_actuator(car, stop_on_signals())
