"""`lapwing-car drive`: run the model."""

from __future__ import annotations

from pathlib import Path

import click

from vehicle.car_options import MODE_HELP, MODEL_HELP, MODES, RECORD_HELP, car_options, stop_on_signals, tell
from vehicle.hardware.this_car import Car


@click.command()
@click.option("--model", help=MODEL_HELP)
@click.option("--arm", is_flag=True, help="Drive as soon as everything is there, once.")
@click.option("--mode", type=click.Choice(list(MODES)), default="autonomous", show_default=True, help=MODE_HELP)
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help=RECORD_HELP)
@car_options
def command(car: Car, model: str | None, arm: bool, mode: str, record: Path | None) -> None:
    """Run the model: newest picture in, driving command out."""
    from vehicle.drive.process import run_drive

    run_drive(car, model, mode=MODES[mode] if arm else None, record=record, tell=tell, stop=stop_on_signals())
