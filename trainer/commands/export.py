"""`lapwing export`: pack a run's model into the file the car installs, checked against torch."""

from __future__ import annotations

from pathlib import Path

import click

from shared.errors import ArchiveError
from shared.model_archive import ARCHIVE_SUFFIX
from trainer.runs.run_folder import RunFolder
from trainer.workshop import Workshop


@click.command()
@click.argument("run", metavar="RUN[:best|last|STEPS]")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The archive to write.")
@click.option(
    "--frames",
    type=click.IntRange(min=1, max=10_000),
    default=100,
    show_default=True,
    help="Rendered pictures on which torch, ONNX Runtime and OpenVINO must agree.",
)
@click.pass_obj
def command(workshop: Workshop, run: str, output: Path | None, frames: int) -> None:
    """Pack a run's model into the file the car installs.

    The best checkpoint by default; `my-run:last` or `my-run:20480` name another one. Nothing is written
    unless the exported model answers as the trained network does.
    """
    from trainer.export.checkpoint_export import export_checkpoint  # torch and the simulator take seconds to import

    if output is not None and not output.name.endswith(ARCHIVE_SUFFIX):
        raise ArchiveError(f"'{output.name}' is no name for a model archive: let it end in {ARCHIVE_SUFFIX}.")
    name, _, which = run.partition(":")
    exported = export_checkpoint(RunFolder.open(workshop.home, name), which or "best", output, frames=frames)
    parity = exported.parity
    click.echo(f"{exported.path}  ({exported.path.stat().st_size / 1e6:.1f} MB, {exported.steps:,} steps)")
    click.echo(
        f"Torch, ONNX Runtime and OpenVINO agree on {parity.frames} rendered frames; outputs differ by "
        f"at most {parity.largest_difference:.1g}."
    )
    click.echo(f"Install it on the car with: lapwing-car install {exported.path.name}")
