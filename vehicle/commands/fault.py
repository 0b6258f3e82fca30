"""`lapwing-car fault`: break a device of the emulated board, to see what the car does about it."""

from __future__ import annotations

import click

from vehicle.car_options import car_options, tell
from vehicle.emulated.camera_fault import CameraFault
from vehicle.hardware.assembly import Car


@click.command()
@click.argument("camera_fault", type=click.Choice([fault.value for fault in CameraFault]))
@car_options
def command(car: Car, camera_fault: str) -> None:
    """Let the emulated camera fail in one way; none makes it well again."""
    from vehicle.up import board_status

    now = board_status(car.folder.board_status, camera_fault=camera_fault)["camera_fault"]
    tell("The emulated camera is well." if now == CameraFault.NONE else f"The emulated camera fails: {now}.")
