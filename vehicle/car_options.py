"""What the verbs share: the options that say which car, the way they end, and how they talk to a person."""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from shared.settings import dump_settings, load_settings
from vehicle.actuator.mode import CRAWL_SPEED_MPS, DriveMode, Mode
from vehicle.config import CarConfig
from vehicle.hardware.this_car import Car
from vehicle.runtime_folder import RuntimeFolder, default_runtime_path

INSTALLED_CONFIG = Path("/etc/lapwing/car.toml")  # scripts/install-car puts it there
# What a model may be let loose for, as it is typed.
MODES: dict[str, DriveMode] = {"autonomous": Mode.AUTONOMOUS, "dry-run": Mode.DRY_RUN, "crawl": Mode.CRAWL}
MODE_HELP = f"Dry run: the car steers and the motor stays off. Crawl: at most {CRAWL_SPEED_MPS:g} m/s."
MODEL_HELP = "A model archive, or the name of an installed model; left out, the one that drives next."

RECORD_HELP = "Record the drive: as NAME among the recorded drives, or as FILE.mcap."


def car_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options of every verb; the function receives `car` in their place."""

    @click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        help=f"Settings of this car; left out, {INSTALLED_CONFIG} where that is.",
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
        path = runtime or default_runtime_path(os.environ, os.getuid(), emulated=emulated)
        folder = RuntimeFolder(path.absolute())
        if config is None and not emulated and INSTALLED_CONFIG.exists():
            config = INSTALLED_CONFIG
        car = Car(load_settings(CarConfig, config, overrides), folder, emulated)
        return function(car, **others)

    return command


def options_of(car: Car) -> list[str]:
    """The command line that gives another process the same car."""
    config = car.folder.path / "car.toml"
    car.folder.create()
    config.write_text(dump_settings(car.config))
    options = ["--runtime", str(car.folder.path), "--config", str(config)]
    return [*options, "--emulated"] if car.emulated else options


def model_path(model: str | None) -> str | None:
    """Absolute where it is a file: other processes may run elsewhere."""
    return str(Path(model).absolute()) if model is not None and Path(model).exists() else model


def stop_on_signals() -> threading.Event:
    """Set by every signal that asks to end, so that a process takes its own way out.

    SIGHUP is one: a terminal that closes, or an SSH connection that drops, must not leave a pulse behind.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def tell(sentence: str) -> None:
    click.echo(sentence)
