"""`lapwing cars`: the garage; make, list, show, rename, describe and delete the cars you train."""

from __future__ import annotations

import json
from pathlib import Path

import click

from shared.errors import LapwingError
from shared.settings import describe_settings, dump_settings, load_settings
from trainer.car_settings import CarSettings
from trainer.runs import garage
from trainer.workshop import Workshop

# Options that are short for a setting: option -> dotted key.
SHORT_FOR = {
    "max_steering": "actions.max_steering_angle_deg",
    "steering_granularity": "actions.steering_granularity",
    "max_speed": "actions.max_speed_mps",
    "speed_granularity": "actions.speed_granularity",
    "network": "network",
    "stack_size": "stack_size",
}


@click.group()
def command() -> None:
    """The garage: the cars you train. A run keeps the car it was started with."""


@command.command()
@click.argument("name")
@click.option("--max-steering", metavar="DEGREES", help="Largest steering angle, 1 to 30.")
@click.option("--steering-granularity", metavar="N", help="Steering angles: 3, 5 or 7.")
@click.option("--max-speed", metavar="M/S", help="Highest speed, 0.1 to 4.")
@click.option("--speed-granularity", metavar="N", help="Speeds: 1, 2 or 3.")
@click.option("--network", metavar="NAME", help="Neural network: fast, or one of DeepRacer's by its name.")
@click.option("--stack-size", metavar="N", help="Pictures the policy sees at once, 1 to 4.")
@click.option("--sensor", "sensors", multiple=True, metavar="NAME", help="What it sees with, one camera at least.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any setting. Repeatable.")
@click.option("--from", "source", type=click.Path(dir_okay=False, path_type=Path), help="A TOML file to begin with.")
@click.option("--description", help="A line that says what it is for.")
@click.pass_obj
def create(
    workshop: Workshop,
    /,
    name: str,
    sensors: tuple[str, ...],
    overrides: tuple[str, ...],
    source: Path | None,
    description: str | None,
    **short: str | None,
) -> None:
    """Make a car. Everything that can be set: lapwing cars settings."""
    written = [f"{SHORT_FOR[option]}={value}" for option, value in short.items() if value is not None]
    if sensors:
        written.append(f"sensors={json.dumps(sensors)}")
    car = load_settings(CarSettings, source, [*written, *overrides])
    path = garage.add_car(workshop.home, garage.changed_car(car, name=name, description=description))
    click.echo(f"Made car '{name}': {path}\nTrain it with: lapwing train NAME --car {name}")


@command.command(name="list")
@click.pass_obj
def list_cars(workshop: Workshop) -> None:
    """List the cars."""
    names = garage.car_names(workshop.home)
    if not names:
        click.echo("The garage is empty. Make a car with: lapwing cars create NAME")
    for name in names:
        click.echo(_line(workshop.home, name))


@command.command()
@click.argument("name")
@click.pass_obj
def show(workshop: Workshop, name: str) -> None:
    """Print a car's settings."""
    click.echo(dump_settings(garage.load_car(workshop.home, name)), nl=False)


@command.command()
def settings() -> None:
    """List what can be set, with its range and default."""
    for line in describe_settings(CarSettings):
        click.echo(f"{line.key:30s} {line.help} ({line.allowed}; default {line.default})")


@command.command()
@click.argument("name")
@click.argument("new_name")
@click.pass_obj
def rename(workshop: Workshop, name: str, new_name: str) -> None:
    """Give a car another name."""
    garage.rename_car(workshop.home, name, new_name)
    click.echo(f"Car '{name}' is now '{new_name}'.")


@command.command()
@click.argument("name")
@click.argument("description")
@click.pass_obj
def describe(workshop: Workshop, name: str, description: str) -> None:
    """Give a car another description."""
    garage.describe_car(workshop.home, name, description)
    click.echo(f"Car '{name}': {description}")


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(workshop: Workshop, name: str, yes: bool) -> None:
    """Remove a car. Runs made with it are not touched."""
    if not yes and name in garage.car_names(workshop.home):
        click.confirm(f"Delete car '{name}'?", abort=True)
    garage.delete_car(workshop.home, name)
    click.echo(f"Deleted car '{name}'.")


def _line(home: Path, name: str) -> str:
    """One line of the list; a car that cannot be read says why instead of hiding the others."""
    try:
        car = garage.load_car(home, name)
        space = car.action_space()
    except LapwingError as error:
        return f"{name:20s} cannot be read: {error}"
    actions = f"{space.output_size} actions" if space.kind == "discrete" else "continuous"
    limits = f"{space.max_steering_angle_deg:g} degrees, {space.max_speed_mps:g} m/s"
    return f"{name:20s} {actions:12s} {limits:22s} {car.network:36s} {car.description}".rstrip()
