"""`lapwing samples`: list, show and copy the sample models that ship."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from shared.atomic_files import write_atomic
from shared.errors import ArchiveError
from shared.model_archive import ARCHIVE_SUFFIX, ModelArchive, read_archive
from trainer.models import sample_names, sample_path


@click.group(name="samples")
def command() -> None:
    """List, show and copy the sample models that ship.

    Their names stand for models everywhere: lapwing evaluate NAME, lapwing race NAME NAME, and, as long as no run of
    yours has that name, for opponents.
    """


@command.command(name="list")
def list_command() -> None:
    """All sample models: what they see, what they do, how long they learned, how well they drove then."""
    names = sample_names()
    width = max(map(len, names), default=4)
    click.echo(f"{'name':<{width}}  {'actions':<10}   trained  laps in evaluation  sensors")
    for name in names:
        archive = read_archive(sample_path(name))
        actions = archive.metadata.action_space.kind
        line = f"{name:<{width}}  {actions:<10}  {_minutes(archive):>8}  {_laps(archive):>18}"
        click.echo(f"{line}  {', '.join(archive.metadata.sensors)}")


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Everything about one sample model, with the command that made it."""
    archive = read_archive(sample_path(name))
    told = _provenance(archive)
    click.echo(": ".join(filter(None, (name, told.get("description")))))
    click.echo(f"  sees       {', '.join(archive.metadata.sensors)}")
    space = archive.metadata.action_space
    limits = f"up to {space.max_steering_angle_deg:g} degrees and {space.max_speed_mps:g} m/s"
    count = f"{space.output_size} actions" if space.kind == "discrete" else "continuous actions"
    click.echo(f"  does       {count} {limits}")
    click.echo(f"  race       {told.get('race', 'time_trial')} on {', '.join(told.get('tracks', ()))}")
    click.echo(f"  learned    {_minutes(archive)}, {told.get('steps', 0):,} steps to the checkpoint kept")
    click.echo(f"  evaluation {_laps(archive)} laps complete, after its training in fresh worlds")
    click.echo(f"  made by    {told.get('command', 'unknown')}")


@command.command()
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def copy(name: str, file: Path) -> None:
    """Copy a sample model's archive, for example to install it on a car."""
    path = sample_path(name)
    if not file.name.endswith(ARCHIVE_SUFFIX):
        raise ArchiveError(f"'{file.name}' is no name for a model archive: let it end in {ARCHIVE_SUFFIX}.")
    if file.exists():
        raise ArchiveError(f"{file} exists already. Remove it, or choose another name.")
    write_atomic(file, path.read_bytes())
    click.echo(f"{file}. Install it on the car with: lapwing-car install {file.name}")


def _provenance(archive: ModelArchive) -> dict[str, Any]:
    return dict(archive.provenance or {})


def _minutes(archive: ModelArchive) -> str:
    seconds = _provenance(archive).get("training_s")
    return "unknown" if seconds is None else f"{seconds / 60:.1f} min"


def _laps(archive: ModelArchive) -> str:
    figures = _provenance(archive).get("evaluation", {})
    return f"{figures['laps_complete']:.0f} of {figures['trials']:.0f}" if "trials" in figures else "unknown"
