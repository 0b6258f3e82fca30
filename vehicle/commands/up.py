"""`lapwing-car up`: start every process, drive, and bring all to rest; where services run, have them drive."""

from __future__ import annotations

from pathlib import Path

import click

from shared.errors import LinkError
from vehicle.car_options import (
    MODE_HELP,
    MODEL_HELP,
    MODES,
    RECORD_HELP,
    car_options,
    model_path,
    options_of,
    stop_on_signals,
    tell,
)
from vehicle.hardware.this_car import Car


@click.command()
@click.option("--model", help=MODEL_HELP)
@click.option("--mode", type=click.Choice(list(MODES)), default="autonomous", show_default=True, help=MODE_HELP)
@click.option(
    "--laps", type=click.IntRange(min=0), default=0, show_default=True, help="Laps to drive; 0 drives until Ctrl-C."
)
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help=RECORD_HELP)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.0),
    default=180.0,
    show_default=True,
    help="Seconds for the laps; 0 waits for ever.",
)
@click.option("--world", type=click.Path(path_type=Path), help="Socket of a world that runs already.")
@click.option(
    "--world-command",
    help="Starts a world; --socket PATH is added. Default: lapwing world, where it is installed.",
)
@car_options
def command(
    car: Car,
    model: str | None,
    mode: str,
    laps: int,
    timeout_s: float,
    record: Path | None,
    world: Path | None,
    world_command: str | None,
) -> None:
    """Start every process, drive, tell how it goes, and bring all to rest.

    On a car whose services run they are asked to drive, and go on waiting when it is over.
    """
    from vehicle.service_run import ServiceRun, services_drive
    from vehicle.up import CarRun, Drive, world_is_installed

    if services_drive(car.folder):
        if laps or world is not None or world_command is not None:
            raise LinkError("The car's services run here, and drive until Ctrl-C: leave out --laps and --world.")
        ServiceRun(car.folder, model or next_model(car), MODES[mode], record, tell).run(stop_on_signals())
        return
    if car.emulated and world is None and world_command is None:
        if world_is_installed():
            world_command = "lapwing world"
        else:
            tell("No world is installed here: the camera shows a still scene.")
    run = Drive(
        model_path(model),
        laps,
        timeout_s if laps else 0.0,
        world,
        world_command,
        record.absolute() if record is not None and record.suffix else record,
        mode,
    )
    CarRun(car, run, options_of(car), tell).run(stop_on_signals())


def next_model(car: Car) -> str | None:
    """The name of the installed model that was chosen; None where none was."""
    from vehicle.drive.installing import model_store

    return next((model.name for model in model_store(car).installed() if model.chosen), None)
