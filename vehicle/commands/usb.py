"""`lapwing-car usb`: install the models on a USB stick and join the network it names."""

from __future__ import annotations

from pathlib import Path

import click

from vehicle.car_options import car_options, tell
from vehicle.hardware.this_car import Car


@click.command()
@click.argument("stick", type=click.Path(exists=True, file_okay=False, path_type=Path))
@car_options
def command(car: Car, stick: Path) -> None:
    """Install the models on a mounted USB stick and join the network it names; the result is written to it."""
    from vehicle.drive.installing import install, limits_in_words
    from vehicle.models.usb_stick import take_in, write_result
    from vehicle.models.wifi_file import run_command

    lines = take_in(stick, lambda archive: limits_in_words(install(car, archive)[1].limits), run_command)
    for line in lines:
        tell(line)
    write_result(stick, lines)
