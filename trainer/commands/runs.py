"""`lapwing runs`: list, show, rename, describe and delete your runs; draw their graphs, read their logs."""

from __future__ import annotations

import time
from pathlib import Path

import click

from shared.errors import LapwingError
from trainer.runs.run_folder import RunFolder, run_names
from trainer.runs.run_info import RunInfo
from trainer.workshop import Workshop

AGES = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@click.group()
def command() -> None:
    """Your runs: what each learned, and where its files are."""


@command.command(name="list")
@click.pass_obj
def list_runs(workshop: Workshop) -> None:
    """List the runs, the newest first."""
    rows, unreadable = [], []
    for name in run_names(workshop.home):
        try:
            rows.append(RunFolder.open(workshop.home, name).info())
        except LapwingError as error:
            unreadable.append(f"{name:24s} {error}")
    if not rows and not unreadable:
        click.echo("No runs yet. Start one with: lapwing train NAME")
        return
    click.echo(f"{'run':24s} {'state':12s} {'steps':>10s} {'best':>18s} {'age':>7s}  description")
    for info in sorted(rows, key=lambda info: info.created_s, reverse=True):
        click.echo(_line(info))
    for line in unreadable:
        click.echo(line)


@command.command()
@click.argument("name")
@click.pass_obj
def show(workshop: Workshop, name: str) -> None:
    """Tell everything about one run."""
    run = RunFolder.open(workshop.home, name)
    info = run.info()
    created = time.strftime("%Y-%m-%d %H:%M", time.localtime(info.created_s))
    lines = [
        ("run", info.name),
        ("description", info.description),
        ("state", info.state),
        ("created", created),
    ]
    lines += [("command", info.command)] if info.command else []
    lines += [(key.replace("_", " "), _text(value)) for key, value in _told(info).items()]
    checkpoints = sorted(path.name for path in run.checkpoints_path.glob("[!.]*") if path.is_dir())
    lines += [("checkpoints", ", ".join(checkpoints)), ("folder", str(run.path))]
    for key, value in lines:
        if value:
            click.echo(f"{key:22s} {value}")
    click.echo(f"\n{run.settings_path.read_text()}", nl=False)


@command.command()
@click.argument("name")
@click.argument("new_name")
@click.pass_obj
def rename(workshop: Workshop, name: str, new_name: str) -> None:
    """Give a run another name."""
    RunFolder.open(workshop.home, name).rename(new_name)
    click.echo(f"Run '{name}' is now '{new_name}'.")


@command.command()
@click.argument("name")
@click.argument("description")
@click.pass_obj
def describe(workshop: Workshop, name: str, description: str) -> None:
    """Give a run another description."""
    RunFolder.open(workshop.home, name).update(description=description)
    click.echo(f"Run '{name}': {description}")


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(workshop: Workshop, name: str, yes: bool) -> None:
    """Delete a run with all its checkpoints, logs and archives."""
    run = RunFolder.open(workshop.home, name)
    if not yes:
        click.confirm(f"Delete run '{name}' and everything in {run.path}?", abort=True)
    run.delete()
    click.echo(f"Deleted run '{name}'.")


@command.command()
@click.argument("name")
@click.option("-o", "folder", type=click.Path(file_okay=False, path_type=Path), help="Where to put the pictures.")
@click.pass_obj
def graph(workshop: Workshop, name: str, folder: Path | None) -> None:
    """Draw reward, completion, losses and entropy as PNG."""
    from trainer.runs.graphs import draw_graphs  # matplotlib takes its time to import

    for path in draw_graphs(RunFolder.open(workshop.home, name), folder):
        click.echo(path)


@command.command()
@click.argument("name")
@click.option("-n", "lines", type=click.IntRange(min=0), default=0, help="Only the last lines; 0: all of it.")
@click.pass_obj
def log(workshop: Workshop, name: str, lines: int) -> None:
    """Print what the training and the reward function said."""
    path = RunFolder.open(workshop.home, name).log_path
    if not path.exists():
        click.echo(f"Run '{name}' has said nothing yet.")
        return
    with open(path, encoding="utf-8", errors="replace") as handle:
        for line in handle.readlines()[-lines:]:
            click.echo(line, nl=False)


def _line(info: RunInfo) -> str:
    steps = info.summary.get("steps")
    return (
        f"{info.name:24s} {info.state:12s} {'' if steps is None else f'{steps:,}':>10s} {_best(info):>18s} "
        f"{_age(time.time() - info.created_s):>7s}  {info.description}"
    ).rstrip()


def _told(info: RunInfo) -> dict[str, object]:
    """The summary without a lap time where there was no lap."""
    no_lap = not info.summary.get("best_laps_complete")
    return {key: value for key, value in info.summary.items() if not (no_lap and key == "best_lap_time_s")}


def _best(info: RunInfo) -> str:
    """The best model in a few characters: its laps and their time, or how far it gets without one."""
    told = info.summary
    if told.get("best_laps_complete"):
        laps = f"{told['best_laps_complete']:.0f}/{told['best_trials']:.0f} laps"
        return f"{laps} {told['best_lap_time_s']:.2f} s"
    progress = told.get("best_progress_percent")
    return "" if progress is None else f"{progress:.0f} %"


def _age(seconds: float) -> str:
    for length_s, unit in AGES:
        if seconds >= length_s:
            return f"{int(seconds // length_s)} {unit}"
    return "now"


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
