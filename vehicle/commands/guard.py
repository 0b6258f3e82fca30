"""`lapwing-car guard`: watch over the actuator."""

from __future__ import annotations

import os
import sys

import click

from vehicle.car_options import car_options
from vehicle.hardware.this_car import Car


@click.command()
@car_options
def command(car: Car) -> None:
    """Watch over the actuator: end it when it stands still, and bring the car to rest in its place."""
    from vehicle.hardware.assembly import guard_arguments
    from vehicle.hardware.this_car import load_profile

    car.folder.create()
    arguments = guard_arguments(car, load_profile(car))
    # It becomes a program that has loaded nothing but the standard library: what works with less breaks less.
    os.execv(sys.executable, [sys.executable, "-m", "vehicle.actuator.guard", *arguments])
