"""`lapwing-car calibrate`: find out what this car's pulses do, step by step, with its wheels lifted."""

from __future__ import annotations

from pathlib import Path

import click

from vehicle.car_options import car_options, options_of, stop_on_signals, tell
from vehicle.hardware.this_car import Car


@click.command()
@click.option(
    "--from",
    "start",
    metavar="NAME|FILE",
    help="Begin with a shipped profile (deepracer, rc_car) or a file. [default: the calibration in force]",
)
@click.option("--fresh", is_flag=True, help="Forget a calibration that was begun and not kept.")
@click.option(
    "--world", type=click.Path(path_type=Path), help="Of the emulated car: socket of a world that runs already."
)
@car_options
def command(car: Car, start: str | None, fresh: bool, world: Path | None) -> None:
    """Calibrate this car in the terminal. A control that moves something is held; let go, and it stops."""
    from vehicle.calibrating.run import calibrate

    calibrate(car, start, options_of, tell, stop_on_signals(), fresh=fresh, world=world)
