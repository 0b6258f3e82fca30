"""`lapwing-car import-model`: examine one archive, asked and answered on standard input and output."""

from __future__ import annotations

import sys

import click

from vehicle.car_options import car_options
from vehicle.hardware.this_car import Car


@click.command()
@car_options
def command(car: Car) -> None:
    """Examine one archive, asked and answered on standard input and output; started by install and by the system."""
    from vehicle.drive.installing import try_out
    from vehicle.models.examine import examine
    from vehicle.models.held import held_limits
    from vehicle.models.import_messages import read_request, write_answer

    request = read_request(sys.stdin.buffer)
    write_answer(sys.stdout.buffer, examine(request, sys.stdin.buffer, try_out, held_limits()))
