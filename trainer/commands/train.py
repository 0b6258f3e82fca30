"""`lapwing train`: let a car learn to drive, with a live display; Ctrl-C stops and saves."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.errors import RunError, SettingsError
from trainer.race_types import RACES
from trainer.workshop import Workshop

if TYPE_CHECKING:
    from trainer.config import TrainingSettings
    from trainer.evaluation.policy import LoadedPolicy
    from trainer.runs.run_folder import RunFolder

# Options that are short for a setting: option -> dotted key.
SHORT_FOR = {
    "minutes": "stop.minutes",
    "steps": "stop.steps",
    "episodes": "stop.episodes",
    "target_laps": "stop.target_laps",
    "device": "device",
    "seed": "seed",
    "cars": "cars",
    "race": "race",
    "reward": "reward",
    "world": "simulator.randomisation.preset",
    "preset": "hyperparameters.preset",
}
WORLDS, PRESETS, DEVICES = ("off", "light", "strong"), ("fast", "deepracer"), ("cpu", "cuda", "auto")
# What may differ when a run goes on; everything else is a new run.
MAY_CHANGE = ("stop.", "evaluation.", "device")

EXAMPLES = """\b
Examples:
  lapwing train first --minutes 2
  lapwing train town --track old_town --track oval --world strong --minutes 10
  lapwing train boxes --race object_avoidance --track cup --minutes 15
  lapwing train rival --race head_to_head --against self --against fast.tar.gz --track cup --minutes 15
  lapwing train faster --from first --set hyperparameters.lr=0.0003 --minutes 5
  lapwing train --resume first --minutes 20
"""


@click.command(name="train", epilog=EXAMPLES)
@click.argument("name", required=False)
@click.option("--name", "name_option", metavar="NAME", help="The run's name; the same as NAME.")
@click.option("--track", "tracks", multiple=True, help="A track's name or file, or 'generated'. Repeatable.")
@click.option("--minutes", type=float, help="Stop after this long, counted over the whole run.")
@click.option("--steps", type=int, help="Stop after this many steps of all cars together.")
@click.option("--episodes", type=int, help="Stop after this many episodes.")
@click.option("--target-laps", type=int, help="Stop when an evaluation completes this many laps.")
@click.option("--car", metavar="CAR", help="A car of the garage (lapwing cars list).")
@click.option(
    "--race",
    type=click.Choice(list(RACES)),
    help="Alone, among 6 boxes, 4 bots changing lanes, another learned car, or alone, boxes and bots in turn. Brings "
    "along the road's settings (simulator.race) and the reward, unless written.  [default: time_trial]",
)
@click.option(
    "--against",
    multiple=True,
    metavar="MODEL",
    help="An opponent: an archive, a run, a sample model, or 'self', a frozen copy of what learns. Repeatable.  "
    "[default: self]",
)
@click.option(
    "--reward",
    metavar="REWARD",
    help="An example (lapwing reward list), or a Python file.  [default: the race's: follow_center_line, "
    "avoid_objects_smoothly for object_avoidance, race_bots for the others]",
)
@click.option("--world", type=click.Choice(WORLDS), help="How much worlds vary.  [default: light]")
@click.option("--preset", type=click.Choice(PRESETS), help="Hyperparameters.  [default: fast]")
@click.option("--from", "clone_of", metavar="RUN[:WHICH]", help="Begin as a run's best, last or <steps>.")
@click.option("--resume", metavar="RUN", help="Go on with a run where it stopped.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings as TOML.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any setting. Repeatable.")
@click.option("--device", type=click.Choice(DEVICES), help="Where the network learns.  [default: cpu]")
@click.option(
    "--calibration", type=click.Path(path_type=Path), metavar="FILE",
    help="A car's calibration (lapwing-car calibration export FILE): the simulator becomes that car.",
)  # fmt: skip
@click.option("--seed", type=int, help="Decides everything left to chance.  [default: 0]")
@click.option("--cars", type=int, help="Cars that drive at once.  [default: 64]")
@click.option("--description", default="", help="A note for the list of runs.")
@click.option("--plain", is_flag=True, help="Lines instead of the live display.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    name: str | None,
    name_option: str | None,
    tracks: tuple[str, ...],
    against: tuple[str, ...],
    car: str | None,
    calibration: Path | None,
    clone_of: str | None,
    resume: str | None,
    config: Path | None,
    overrides: tuple[str, ...],
    description: str,
    plain: bool,
    **short: Any,
) -> None:
    """Train a policy in simulation; without a limit, until Ctrl-C."""
    home = ctx.find_object(Workshop).home  # type: ignore[union-attr]
    written = [f"{SHORT_FOR[option]}={value}" for option, value in short.items() if value is not None]
    if short["world"] is not None:
        written.append(f"evaluation.world={short['world']}")
    for key, names in (("tracks", tracks), ("opponents.models", against)):
        if names:
            written.append(f"{key}={json.dumps(names)}")
    if calibration is not None:
        written.append(f"calibration={json.dumps(str(calibration))}")
    written += overrides
    if resume is not None:
        _refuse_with_resume(name or name_option, clone_of, config, car)
        status = _resume(home, resume, written, plain)
    else:
        status = _start(home, name or name_option, car, clone_of, config, written, description, plain)
    ctx.exit(status)


def _start(
    home: Path,
    name: str | None,
    car: str | None,
    clone_of: str | None,
    config: Path | None,
    written: Sequence[str],
    description: str,
    plain: bool,
) -> int:
    """A new run, from nothing or from the policy of another."""
    if name is None:
        raise RunError("A run needs a name. Type: lapwing train NAME")
    click.echo(f"Preparing run '{name}'...")
    from trainer.training.run_starting import new_settings, origin_of, start_run

    origin = None if clone_of is None else origin_of(home, clone_of)
    settings = new_settings(home, car, origin, config, written)
    run, reward_file = start_run(home, name, settings, description, _typed(), origin, _load_policy)
    try:
        return _train(run, settings, plain, reward_file=reward_file, weights=origin.weights if origin else None)
    finally:
        _forget_if_nothing_came_of_it(run)


def _resume(home: Path, name: str, written: Sequence[str], plain: bool) -> int:
    """A run goes on from its last checkpoint."""
    for override in written:
        if not override.startswith(MAY_CHANGE):
            raise SettingsError(
                f"{override.partition('=')[0]} cannot change while a run goes on. Start a new one from it: "
                f"lapwing train NEW-NAME --from {name}"
            )
    click.echo(f"Preparing to go on with run '{name}'...")
    from trainer.training.run_starting import settings_to_go_on

    run, settings = settings_to_go_on(home, name, written)
    return _train(run, settings, plain)


def _train(
    run: RunFolder,
    settings: TrainingSettings,
    plain: bool,
    *,
    reward_file: Path | None = None,
    weights: Any = None,
) -> int:
    """Train and report; the exit code."""
    from trainer.training.display import Display
    from trainer.training.loop import train
    from trainer.training.stopping import StopRequest

    with StopRequest() as stop, Display(run.name, settings.stop, live=False if plain else None) as display:
        race = settings.race.replace("_", " ")
        display.say(f"Run '{run.name}' in {run.path}: {race}, {', '.join(settings.tracks)}, reward {settings.reward}")
        outcome = train(
            run, settings, display, stop, reward_file=reward_file, first_weights=weights, load_policy=_load_policy
        )
    standing = outcome.standing
    click.echo(f"Ended: {outcome.reason}. {standing.steps} steps in {standing.elapsed_s:.0f} s.")
    if outcome.best:
        best = outcome.best
        laps = f"{best['laps_complete']:.0f} of {best['trials']:.0f} laps complete"
        click.echo(f"Best model: at {outcome.best_steps} steps, {laps}, progress {best['progress_percent']:.0f} %.")
    if outcome.interrupted:
        click.echo(f"Everything is saved. Go on with: lapwing train --resume {run.name}", err=True)
        return 1
    click.echo(f"Next: lapwing evaluate {run.name}")
    return 0


def _load_policy(path: Path) -> LoadedPolicy:
    """The policy of an opponent: an archive, a checkpoint's folder or a run's."""
    from trainer.evaluation.policy import load_policy

    return load_policy(path, path.parent)


def _forget_if_nothing_came_of_it(run: RunFolder) -> None:
    """A run that was refused before its first update leaves its name free."""
    if sys.exc_info()[0] is not None and not run.updates_path.exists():
        run.delete()


def _refuse_with_resume(name: str | None, clone_of: str | None, config: Path | None, car: str | None) -> None:
    options = {"NAME": name, "--from": clone_of, "--config": config, "--car": car}
    given = [option for option, value in options.items() if value]
    if given:
        raise SettingsError(f"--resume goes on with a run as it is; leave out {', '.join(given)}.")


def _typed() -> str:
    """The command line, for the run's list."""
    return shlex.join(["lapwing", *sys.argv[1:]])
