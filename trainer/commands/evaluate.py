"""`lapwing evaluate`: drive a model's trials on any track, and show, film and keep what came of it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trainer.workshop import Workshop

if TYPE_CHECKING:
    from trainer.evaluation.evaluate import Spectator
    from trainer.evaluation.plan import EvaluationPlan
    from trainer.evaluation.policy import LoadedPolicy

RESULT_NAME = "evaluation.json"
DEFAULT_TRIALS = 5
COUNT, SEED = click.IntRange(1, 1000), click.IntRange(0, 2**32 - 1)
RACE = click.Choice(["time_trial", "object_avoidance", "head_to_bot", "head_to_head", "mixed"])
BOXES, BOTS, SPEED_MPS = click.IntRange(0, 20), click.IntRange(0, 12), click.FloatRange(0.2, 4.0)
PENALTY_S, TIME_S = click.FloatRange(0, 60), click.FloatRange(0.1, 86_400)
WORLD, VIEW = click.Choice(["clean", "light", "strong"]), click.Choice(["top", "chase"])
WRITTEN_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("source", metavar="RUN[:best|last|STEPS]|ARCHIVE")
@click.option("--track", "tracks", multiple=True, help="Name or file; may be repeated. [default: the run's]")
@click.option("--trials", type=COUNT, help="Trials per track and direction. [default: 5, or --starts]")
@click.option("--starts", type=COUNT, default=1, show_default=True, help="Different places to start from.")
@click.option("--laps", type=COUNT, default=1, show_default=True, help="Laps in a row, per trial.")
@click.option("--world", type=WORLD, default="clean", show_default=True, help="How much the world varies.")
@click.option(
    "--race", type=RACE,
    help="What is in the way; head_to_head: other models; mixed: nothing, boxes and bots in turn. [default: as "
    "trained; an archive: time_trial]",
)  # fmt: skip
@click.option(
    "--opponent", "opponents", multiple=True, metavar="MODEL",
    help="Who drives another car of every trial: an archive, a run, a sample model, or 'self'. Repeatable. [default: "
    "those it was trained against; head_to_head: self]",
)  # fmt: skip
@click.option("--boxes", type=BOXES, help="Boxes on the road. [default: the race's; object_avoidance: 6]")
@click.option("--bots", type=BOTS, help="Bot cars on the road. [default: the race's; head_to_bot: 4]")
@click.option(
    "--bot-speed", "bot_speed_mps", type=(SPEED_MPS, SPEED_MPS), metavar="LOW HIGH",
    help="Their speeds in m/s. [default: the race's; else 40 to 60 % of the model's top speed]",
)  # fmt: skip
@click.option("--no-solo", is_flag=True, help="Leave out the same trials with nothing in the way.")
@click.option("--reverse", is_flag=True, help="Drive against the track's direction.")
@click.option("--both-directions", is_flag=True, help="Drive every trial both ways.")
@click.option("--penalties", is_flag=True, help="Put a car that made a mistake back on the road, for a penalty.")
@click.option("--penalty", "penalty_s", type=PENALTY_S, metavar="SECONDS", help="For leaving the road. [default: 2]")
@click.option("--crash-penalty", "crash_penalty_s", type=PENALTY_S, metavar="SECONDS", help="[default: 5]")
@click.option("--mercy", is_flag=True, help="Put a car ahead of what it ran into three times.")
@click.option("--time-limit", "time_limit_s", type=TIME_S, metavar="SECONDS", help="End a trial after this.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Decides worlds and starts.")
@click.option("--video", type=WRITTEN_FILE, help="Film a trial into this mp4.")
@click.option("--view", type=VIEW, default="top", show_default=True, help="Where it is filmed from.")
@click.option("--log", type=WRITTEN_FILE, help="Write a trial's drive log (MCAP), with a car's channels.")
@click.option("--film-trial", type=COUNT, default=1, show_default=True, help="The trial of --video and --log.")
@click.option(
    "--calibration", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="On the car that this calibration is of. [default: the run's, if it was trained with one]",
)  # fmt: skip
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any setting of the simulator.")
@click.option("--json", "json_path", type=WRITTEN_FILE, help="Write everything but the steps into this file.")
@click.pass_obj
def command(workshop: Workshop, /, source: str, json_path: Path | None, no_solo: bool, **options: Any) -> None:
    """Drive a model's trials on any track and in any race; nothing it does is left to chance (greedy).

    The model is a run's checkpoint or an archive. Results of a run's model are kept in its folder too. Without
    penalties the first mistake ends a trial; opponents always pay for theirs and drive on.
    """
    from shared.atomic_files import check_writable, write_json
    from trainer.evaluation.evaluate import evaluate, evaluate_beside_solo
    from trainer.evaluation.policy import load_policy
    from trainer.evaluation.table import print_result

    policy = load_policy(source, workshop.home)
    plan = plan_of(policy, workshop.home, **options)
    if json_path is not None:
        check_writable(json_path)  # what nobody can write down is not driven
    with ExitStack() as stack:
        spectators = opened_spectators(stack, policy, plan, **options)
        result = (evaluate if no_solo else evaluate_beside_solo)(policy, plan, spectators=spectators)
    print_result(result)
    if policy.run is not None:
        folder = policy.run.write_evaluation(result.trace, result.records)
        write_json(folder / RESULT_NAME, result.to_json())
        click.echo(f"Kept in {folder}")
    if json_path is not None:
        write_json(json_path, result.to_json())
    for path in (options["video"], options["log"], json_path):
        if path is not None:
            click.echo(f"Written: {path}")


def plan_of(policy: LoadedPolicy, home: Path, **options: Any) -> EvaluationPlan:
    """What the options ask for."""
    from trainer.evaluation.conditions import own_conditions, race_settings, takes_turns
    from trainer.evaluation.opponents import opponents_of
    from trainer.evaluation.plan import DEFAULT_CRASH_PENALTY_S, DEFAULT_PENALTY_S, EvaluationPlan
    from trainer.tracks import load_track

    penalty_s, crash_penalty_s = options["penalty_s"], options["crash_penalty_s"]
    if penalty_s is None and (options["penalties"] or options["mercy"] or crash_penalty_s is not None):
        penalty_s = DEFAULT_PENALTY_S
    tracks, simulator, car, calibration = own_conditions(policy, options["overrides"], options["calibration"])
    opponents, cars = opponents_of(policy, options["race"], options["opponents"], home)
    race = race_settings(
        simulator.race,
        cars=cars,
        top_speed_mps=policy.action_space.max_speed_mps,
        **{name: options[name] for name in ("race", "boxes", "bots", "bot_speed_mps")},
    )
    starts = options["starts"]
    directions = (False, True) if options["both_directions"] else (options["reverse"],)
    return EvaluationPlan(
        tracks=tuple(load_track(name, home / "tracks") for name in options["tracks"]) or tracks,
        trials=options["trials"] or (starts if starts > 1 else DEFAULT_TRIALS),
        starts=starts,
        world=options["world"],
        directions=directions,
        laps=options["laps"],
        penalty_s=penalty_s,
        crash_penalty_s=DEFAULT_CRASH_PENALTY_S if crash_penalty_s is None else crash_penalty_s,
        mercy=options["mercy"],
        time_limit_s=options["time_limit_s"],
        seed=options["seed"],
        simulator=simulator.changed(race=race),
        calibration=calibration,
        car=car,
        in_turn=takes_turns(policy, options["race"]),
        opponents=opponents,
    )


def opened_spectators(stack: ExitStack, policy: LoadedPolicy, plan: EvaluationPlan, **options: Any) -> list[Spectator]:
    """Those who film and log, closed with the stack."""
    from shared.errors import SettingsError
    from trainer.evaluation.recordings import TrialFilm, TrialLog

    trial, cars = options["film_trial"], len(plan)
    if trial > cars:
        raise SettingsError(f"--film-trial {trial}: there are only {cars} trials.")
    spectators: list[Spectator] = []
    if options["video"] is not None:
        film = TrialFilm(options["video"], view=options["view"], trial=trial, policy=policy)
        spectators.append(stack.enter_context(film))
    if options["log"] is not None:
        spectators.append(stack.enter_context(TrialLog(options["log"], trial=trial, policy=policy)))
    return spectators
