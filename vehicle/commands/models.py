"""`lapwing-car models`: list, choose, roll back or delete installed models."""

from __future__ import annotations

import click

from vehicle.car_options import car_options, tell
from vehicle.hardware.this_car import Car


@click.command()
@click.option("--choose", metavar="NAME", help="The model that drives next.")
@click.option("--rollback", metavar="NAME", help="Go back to the version before; once more takes it back.")
@click.option("--delete", metavar="NAME", help="Remove a model with all its versions.")
@car_options
def command(car: Car, choose: str | None, rollback: str | None, delete: str | None) -> None:
    """List the installed models; choose the one that drives next, go back to its version before, or delete one."""
    from vehicle.drive.installing import model_store

    store = model_store(car)
    if rollback is not None:
        store.rollback(rollback)
    if delete is not None:
        store.delete(delete)
    if choose is not None:
        store.choose(choose)
    models = store.installed()
    for model in models:
        earlier = ", with a version before it" if model.versions > 1 else ""
        tell(f"{'*' if model.chosen else ' '} {model.name}  {model.problem or model.sha256[:12] + earlier}")
    if not models:
        tell("No model is installed. Install one: lapwing-car install MODEL.tar.gz")
