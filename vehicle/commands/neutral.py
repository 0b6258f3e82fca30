"""`lapwing-car neutral`: bring the car to rest."""

from __future__ import annotations

import click

from vehicle.car_options import car_options, tell
from vehicle.hardware.this_car import Car


@click.command()
@car_options
def command(car: Car) -> None:
    """Bring the car to rest: by its actuator, or on the bus where no actuator has it."""
    from vehicle.actuator.neutral import bring_to_rest

    tell(bring_to_rest(car))
