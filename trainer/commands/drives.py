"""`lapwing drives`: look at drives that a car or the simulator recorded."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def command() -> None:
    """Drive logs, a car's or the simulator's."""


@command.command()
@click.argument("log", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o", "output", type=click.Path(dir_okay=False, path_type=Path), help="FILE.csv or FILE.mp4. [default: LOG.csv]"
)
def export(log: Path, output: Path | None) -> None:
    """Write a drive log as a table (a row per turn of control) or as a film with its instruments."""
    from shared.drive_export import export_drive

    click.echo(export_drive(log, output or log.with_suffix(".csv"), _ffmpeg))


def _ffmpeg() -> list[str]:
    import imageio_ffmpeg

    return [imageio_ffmpeg.get_ffmpeg_exe()]
