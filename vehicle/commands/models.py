"""`lapwing-car models`: list or choose installed models."""

from __future__ import annotations

import click

from vehicle.car_options import car_options, tell
from vehicle.hardware.assembly import Car


@click.command()
@click.option("--choose", metavar="NAME", help="The model that drives next.")
@car_options
def command(car: Car, choose: str | None) -> None:
    """List the installed models, or choose the one that drives next."""
    from vehicle.drive.process import model_store

    store = model_store(car)
    if choose is not None:
        store.choose(choose)
    for model in store.installed():
        tell(f"{'*' if model.chosen else ' '} {model.name}  {model.sha256[:12]}")
    if not store.installed():
        tell("No model is installed. Install one: lapwing-car install MODEL.tar.gz")
