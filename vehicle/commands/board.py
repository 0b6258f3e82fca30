"""`lapwing-car board`: switch on the emulated board."""

from __future__ import annotations

import time
from pathlib import Path

import click

from vehicle.car_options import car_options, stop_on_signals, tell
from vehicle.hardware.this_car import Car


@click.command()
@click.option(
    "--world",
    type=click.Path(path_type=Path),
    help="Socket of the world to drive in; without it, a still scene.",
)
@click.option("--seed", default=0, show_default=True, help="Of the camera's noise.")
@click.option(
    "--esc-cuts-after",
    "esc_cuts_after_s",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long after its last pulse the speed controller cuts the motor; without it, it holds that pulse.",
)
@car_options
def command(car: Car, world: Path | None, seed: int, esc_cuts_after_s: float | None) -> None:
    """Switch on the emulated board: chip, servo, speed controller and camera."""
    from vehicle.actuator.realtime import BOARD_PRIORITY, run_first
    from vehicle.emulated.board import EmulatedBoard
    from vehicle.emulated.board_process import BoardProcess

    run_first(BOARD_PRIORITY)  # its threads begin later and do as it does
    board = EmulatedBoard(time.monotonic, seed=seed, esc_cuts_after_s=esc_cuts_after_s)
    BoardProcess(board, car.folder, world, tell).run(stop_on_signals())
