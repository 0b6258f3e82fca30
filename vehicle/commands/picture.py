"""`lapwing-car picture`: what the camera sees, as a file to look at: to turn it around, to focus it, to measure it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from shared.atomic_files import write_atomic
from shared.errors import HardwareError, LinkError
from vehicle.car_options import car_options, tell
from vehicle.hardware.assembly import open_camera
from vehicle.hardware.this_car import Car

TIMEOUT_S = 3.0


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=Path("picture.jpg"))
@car_options
def command(car: Car, file: Path) -> None:
    """Write what the camera sees into FILE, a JPEG."""
    jpeg = _of_the_drive(car)
    write_atomic(file, _of_the_camera(car) if jpeg is None else jpeg)
    tell(f"Written: {file}")


def _of_the_drive(car: Car) -> bytes | None:
    """The newest picture of the drive that has the camera; None where none runs."""
    from vehicle.drive.api import LONGEST_WAIT_S
    from vehicle.drive.client import DriveClient

    try:
        client = DriveClient(car.folder.drive)
    except LinkError as error:
        if isinstance(error.__cause__, PermissionError):
            raise
        return None
    with contextlib.closing(client):
        first = client.picture(wait_s=LONGEST_WAIT_S)
        # The newest one that there is may be old: of a camera that was unplugged.
        picture = None if first is None else client.picture(first.sequence, LONGEST_WAIT_S)
        if picture is None:
            problem = " ".join(client.state().missing)
            raise HardwareError(problem or "The camera gives no picture. Ask: lapwing-car doctor")
    return picture.jpeg


def _of_the_camera(car: Car) -> bytes:
    from vehicle.hardware.pictures import copy_of, jpeg_of

    with contextlib.closing(open_camera(car)) as camera:
        frame = camera.wait_newer(0, TIMEOUT_S)
        if frame is None:
            raise HardwareError(camera.problem or "The camera gives no picture. Check its cable at both ends.")
        return jpeg_of(copy_of(frame))
