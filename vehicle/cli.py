"""The lapwing-car command: one verb per process of the car, and one that runs them all."""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from shared.errors import LapwingError
from shared.settings import load_settings
from vehicle.config import CarConfig
from vehicle.hardware.assembly import Car
from vehicle.runtime_folder import RuntimeFolder, default_runtime_path

EPILOG = """\b
The three people type most:
  lapwing-car up --emulated --model fast.tar.gz --laps 1   a lap without hardware
  lapwing-car install fast.tar.gz                          put a model on the car
  lapwing-car neutral                                      bring the car to rest
"""

MODEL_HELP = "A model archive, or the name of an installed model; left out, the one that drives next."


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
def root() -> None:
    """Drive the car, or an emulated one."""


def car_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options of every verb; the function receives `car` in their place."""

    @click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Settings of this car, car.toml.",
    )
    @click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="One setting, such as limits.max_speed_mps=1.",
    )
    @click.option("--emulated", is_flag=True, help="Use emulated devices instead of the car's.")
    @click.option("--runtime", type=click.Path(file_okay=False, path_type=Path), help="Folder of the sockets.")
    @functools.wraps(function)
    def command(
        config: Path | None,
        overrides: tuple[str, ...],
        emulated: bool,
        runtime: Path | None,
        **others: Any,
    ) -> None:
        path = runtime or default_runtime_path(dict(os.environ), os.getuid())
        folder = RuntimeFolder(path.absolute())
        car = Car(load_settings(CarConfig, config, overrides), folder, emulated)
        return function(car, **others)

    return command


@root.command()
@click.option(
    "--world",
    type=click.Path(path_type=Path),
    help="Socket of the world to drive in; without it, a still scene.",
)
@click.option("--seed", default=0, show_default=True, help="Of the camera's noise.")
@car_options
def board(car: Car, world: Path | None, seed: int) -> None:
    """Switch on the emulated board: chip, servo, speed controller and camera."""
    import time

    from vehicle.actuator.realtime import BOARD_PRIORITY, run_first
    from vehicle.emulated.board import EmulatedBoard
    from vehicle.emulated.board_process import BoardProcess

    run_first(BOARD_PRIORITY)  # its threads begin later and do as it does
    BoardProcess(EmulatedBoard(time.monotonic, seed=seed), car.folder, world, _tell).run(_stop_on_signals())


@root.command()
@car_options
def actuator(car: Car) -> None:
    """Own the servo board: take leases, limit them, and say neutral when they end."""
    from vehicle.actuator.loop_log import logging_beside
    from vehicle.actuator.process import run_actuator

    with logging_beside():
        run_actuator(car, _stop_on_signals())


@root.command()
@car_options
def guard(car: Car) -> None:
    """Watch over the actuator: end it when it stands still, and bring the car to rest in its place."""
    from vehicle.hardware.assembly import guard_arguments, load_profile

    car.folder.create()
    arguments = guard_arguments(car, load_profile(car))
    # It becomes a program that has loaded nothing but the standard library: what works with less breaks less.
    os.execv(sys.executable, [sys.executable, "-m", "vehicle.actuator.guard", *arguments])


@root.command()
@click.option("--model", help=MODEL_HELP)
@click.option("--arm", is_flag=True, help="Drive as soon as the car is ready, once.")
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="Write a drive log, .mcap.")
@car_options
def drive(car: Car, model: str | None, arm: bool, record: Path | None) -> None:
    """Run the model: newest picture in, driving command out."""
    from vehicle.drive.process import run_drive

    run_drive(car, model, arm=arm, record=record, tell=_tell, stop=_stop_on_signals())


@root.command()
@click.option("--model", help=MODEL_HELP)
@click.option(
    "--laps", type=click.IntRange(min=0), default=0, show_default=True, help="Laps to drive; 0 drives until Ctrl-C."
)
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="Write a drive log, .mcap.")
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
def up(
    car: Car,
    model: str | None,
    laps: int,
    timeout_s: float,
    record: Path | None,
    world: Path | None,
    world_command: str | None,
) -> None:
    """Start every process, drive, tell how it goes, and bring all to rest."""
    from vehicle.up import CarRun, Drive, world_is_installed

    if car.emulated and world is None and world_command is None:
        if world_is_installed():
            world_command = "lapwing world"
        else:
            _tell("No world is installed here: the camera shows a still scene.")
    run = Drive(
        _model_path(model),
        laps,
        timeout_s if laps else 0.0,
        world,
        world_command,
        record.absolute() if record else None,
    )
    CarRun(car, run, _options_of(car), _tell).run(_stop_on_signals())


@root.command()
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@car_options
def install(car: Car, archive: Path) -> None:
    """Check a model archive and put it on the car."""
    from vehicle.drive.process import model_store

    model = model_store(car).install(archive)
    _tell(
        f"Installed {model.name}."
        + (" It drives next." if model.chosen else f" Choose it: lapwing-car models --choose {model.name}")
    )


@root.command()
@click.option("--choose", metavar="NAME", help="The model that drives next.")
@car_options
def models(car: Car, choose: str | None) -> None:
    """List the installed models, or choose the one that drives next."""
    from vehicle.drive.process import model_store

    store = model_store(car)
    if choose is not None:
        store.choose(choose)
    for model in store.installed():
        _tell(f"{'*' if model.chosen else ' '} {model.name}  {model.sha256[:12]}")
    if not store.installed():
        _tell("No model is installed. Install one: lapwing-car install MODEL.tar.gz")


@root.command()
@car_options
def neutral(car: Car) -> None:
    """Bring the car to rest: by its actuator, or on the bus where no actuator has it."""
    from vehicle.actuator.neutral import bring_to_rest

    _tell(bring_to_rest(car))


def main() -> None:
    """Entry point of the `lapwing-car` command."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; every refusal is one line on stderr."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        root.main(args=list(arguments), prog_name="lapwing-car", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped before the end. Run the same command again when you are ready.", err=True)
        return 1
    except LapwingError as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    return 0


def _options_of(car: Car) -> list[str]:
    """The command line that gives another process the same car."""
    from shared.settings import dump_settings

    config = car.folder.path / "car.toml"
    car.folder.create()
    config.write_text(dump_settings(car.config))
    options = ["--runtime", str(car.folder.path), "--config", str(config)]
    return [*options, "--emulated"] if car.emulated else options


def _model_path(model: str | None) -> str | None:
    """Absolute where it is a file: other processes may run elsewhere."""
    return str(Path(model).absolute()) if model is not None and Path(model).exists() else model


def _stop_on_signals() -> threading.Event:
    """Set by every signal that asks to end, so that a process takes its own way out.

    SIGHUP is one: a terminal that closes, or an SSH connection that drops, must not leave a pulse behind.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _tell(sentence: str) -> None:
    click.echo(sentence)


if __name__ == "__main__":
    main()
