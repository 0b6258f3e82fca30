"""`lapwing-car drives`: list, export, keep, delete and repair the recorded drives."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vehicle.car_options import car_options, tell
from vehicle.hardware.this_car import Car

if TYPE_CHECKING:
    from vehicle.drive.drives import DriveStore, StoredDrive

NO_FFMPEG = (
    "This car has no ffmpeg to make a film with. Install it: sudo apt install ffmpeg. "
    "Or film the drive on your workstation: lapwing drives export DRIVE.mcap -o DRIVE.mp4"
)


@click.group()
def command() -> None:
    """The recorded drives of this car."""


@command.command(name="list")
@car_options
def list_drives(car: Car) -> None:
    """List the drives, the oldest first; * is never deleted to make room."""
    drives = _store(car).drives()
    for drive in drives:
        tell(_line(drive))
    if not drives:
        tell(f"No drive is recorded in {_store(car).folder}. Record one: lapwing-car up --record NAME")


@command.command()
@click.argument("name")
@click.option(
    "-o", "output", type=click.Path(dir_okay=False, path_type=Path), help="FILE.csv or FILE.mp4. [default: NAME.csv]"
)
@car_options
def export(car: Car, name: str, output: Path | None) -> None:
    """Write a drive as a table (a row per turn of control) or as a film with its instruments.

    A film is made only while the car does not drive, at the lowest priority.
    """
    from shared.drive_export import export_drive

    path = _store(car).path_of(name)
    target = output or Path(f"{name}.csv")
    tell(export_drive(path, target, lambda: _ffmpeg(car)))


@command.command()
@click.argument("name")
@click.option("--no-longer", is_flag=True, help="Let it be deleted again to make room.")
@car_options
def keep(car: Car, name: str, no_longer: bool) -> None:
    """Bookmark a drive: it is never deleted to make room."""
    _store(car).bookmark(name, keep=not no_longer)
    tell(f"The drive {name} " + ("may be deleted to make room." if no_longer else "is kept until you delete it."))


@command.command()
@click.argument("names", nargs=-1, required=True)
@car_options
def delete(car: Car, names: tuple[str, ...]) -> None:
    """Delete drives, bookmarked ones too."""
    store = _store(car)
    for name in names:
        store.delete(name)
        tell(f"Deleted {name}.")


@command.command()
@car_options
def repair(car: Car) -> None:
    """Give drives that a power cut left without an end their end. The drive does this when it starts."""
    for drive in _store(car).repair():
        tell(f"Repaired {drive.name}: {drive.messages} messages." if drive.messages else f"{drive.name} was empty.")


def _store(car: Car) -> DriveStore:
    from vehicle.drive.drives import drive_store

    return drive_store(car)


def _ffmpeg(car: Car) -> list[str]:
    """How a car runs ffmpeg. StorageError where there is none, or the car drives: it would weigh on the drive."""
    import shutil

    from shared.errors import LinkError, StorageError
    from vehicle.actuator.client import ActuatorClient
    from vehicle.actuator.state import Phase

    program = shutil.which("ffmpeg")
    if program is None:
        raise StorageError(NO_FFMPEG)
    try:
        actuator = ActuatorClient(car.folder.actuator)
    except LinkError:
        return ["nice", "-n", "19", program]  # nothing drives
    try:
        if actuator.status().phase is Phase.ARMED:
            raise StorageError("The car is driving, and a film would slow it down. Stop it, then export again.")
    finally:
        actuator.close()
    return ["nice", "-n", "19", program]


def _line(drive: StoredDrive) -> str:
    mark = "*" if drive.is_bookmarked else " "
    size = f"{drive.size_bytes / 1e6:8.1f} MB"
    changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(drive.changed_s))
    return f"{mark} {drive.name:32s} {size}  {changed}  {_state(drive)}".rstrip()


def _state(drive: StoredDrive) -> str:
    summary = drive.summary
    if summary is None:
        return "not a drive log"
    if drive.is_being_written:
        return "being recorded"
    about = " ".join(summary.about[key] for key in ("model", "track", "driver") if key in summary.about)
    if summary.started_s is None or summary.ended_s is None:
        return about if summary.is_complete else f"{about}  without an end: lapwing-car drives repair".lstrip()
    return f"{summary.ended_s - summary.started_s:6.1f} s  {about}"
