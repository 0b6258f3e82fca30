"""`lapwing reward`: try a reward function before training; list and show the examples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from trainer.rewards.check import Report, Result

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(name="reward")
def command() -> None:
    """Try a reward function before training; list and show the examples."""


@command.command()
@click.argument("file")
@click.option("--track", default=None, help="Track of the situations; the default one if left out.")
@click.option(
    "--recorded",
    multiple=True,
    type=FILE,
    help="Also run it over a recorded drive on that track: a step trace (.csv) or a drive log (.mcap).",
)
@click.option("--memory-mb", default=None, type=int, help="Memory limit, as reward_worker.memory_mb in training.")
@click.option("--call-limit", default=None, type=float, help="Seconds a call may take.")
@click.pass_obj
def check(
    workshop: Any,
    file: str,
    track: str | None,
    recorded: tuple[Path, ...],
    memory_mb: int | None,
    call_limit: float | None,
) -> int:
    """Run FILE (or an example's name) over many situations and name every mistake with its line."""
    from shared.settings import parse_settings
    from trainer.rewards.catalogue import find_reward
    from trainer.rewards.check import check_reward
    from trainer.rewards.settings import RewardSettings
    from trainer.tracks import DEFAULT_TRACK, list_tracks, load_track

    given = {"memory_mb": memory_mb, "call_limit_s": call_limit}
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = parse_settings(RewardSettings, chosen, source="the command line")
    folder = workshop.home / "tracks"
    first = load_track(track or DEFAULT_TRACK, folder)
    others = [load_track(info.path) for info in list_tracks() if info.name != first.name]
    path = find_reward(file)
    report = check_reward(path, first, others, recorded, settings)
    _print_report(report, f"{path.name} on {first.name}")
    return 1 if report.mistakes else 0


@command.command(name="list")
def list_command() -> None:
    """The examples, with what they teach."""
    from trainer.rewards.examples import list_rewards

    examples = list_rewards()
    width = max(len(example.name) for example in examples)
    for example in examples:
        click.echo(f"{example.name:<{width}}  {example.summary}")
    click.echo("\nRead one:      lapwing reward show NAME > my_reward.py")
    click.echo("Train with it: lapwing train RUN --reward my_reward.py")


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Print an example (or a file), to start your own from."""
    from trainer.rewards.examples import find_reward
    from trainer.rewards.program import read_reward

    text = read_reward(find_reward(name)).text
    click.echo(text.replace("\n\n\n# mypy: ignore-errors\n", "\n"), nl=False)


@command.command()
def params() -> None:
    """What the dictionary params holds."""
    from trainer.rewards.params import PARAMETERS

    width = max(len(name) for name in PARAMETERS)
    for name, meaning in PARAMETERS.items():
        click.echo(f"{name:<{width}}  {meaning}")


def _print_report(report: Report, title: str) -> None:
    if report.results:
        click.echo(f"{title}: {1e6 * report.seconds_per_call:.1f} µs a call")
        click.echo(report.isolation)
        width = max(len(result.title) for result in report.results)
        click.echo(f"\n{'situation':<{width}}  {'reward':>10}")
        for result in report.results:
            click.echo(f"{result.title:<{width}}  {_numbers(result)}")
    for advice in report.advice:
        click.echo(f"\nAdvice: {advice}")
    for mistake in report.mistakes:
        click.echo(f"\nMistake: {mistake}", err=True)
    if not report.mistakes:
        click.echo("\nNo mistakes found.")


def _numbers(result: Result) -> str:
    rewards = result.rewards
    if not rewards:
        return f"{'mistake':>10}"
    if not result.is_series:
        return f"{rewards[0]:10.4f}"
    mean = sum(rewards) / len(rewards)
    return f"{mean:10.4f} mean of {len(rewards)} steps, {min(rewards):.4f} to {max(rewards):.4f}"
