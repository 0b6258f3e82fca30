"""`lapwing-car install`: put a model on the car."""

from __future__ import annotations

from pathlib import Path

import click

from vehicle.car_options import car_options, tell
from vehicle.hardware.this_car import Car


@click.command()
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@car_options
def command(car: Car, archive: Path) -> None:
    """Check a model archive and put it on the car."""
    from vehicle.drive.installing import install, limits_in_words

    model, answer = install(car, archive)
    tell(limits_in_words(answer.limits))
    tell(
        f"Installed {model.name}."
        + (" It drives next." if model.chosen else f" Choose it: lapwing-car models --choose {model.name}")
    )
