"""`lapwing race`: models race each other on one road, or everybody alone against the clock."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trainer.workshop import Workshop

if TYPE_CHECKING:
    from trainer.evaluation.entrants import Entrant
    from trainer.evaluation.race import RaceSpectator
    from trainer.evaluation.race_plan import RacePlan

COUNT, SEED = click.IntRange(1, 1000), click.IntRange(0, 2**32 - 1)
HEAT_SIZE, BOXES, BOTS = click.IntRange(2, 8), click.IntRange(0, 20), click.IntRange(0, 12)
SPEED_MPS = click.FloatRange(0.2, 4.0)
PENALTY_S, TIME_S = click.FloatRange(0, 60), click.FloatRange(0.1, 86_400)
WORLD, VIEW = click.Choice(["clean", "light", "strong"]), click.Choice(["top", "chase"])
WRITTEN_FILE, FOLDER = click.Path(dir_okay=False, path_type=Path), click.Path(file_okay=False, path_type=Path)

EXAMPLES = """\b
Examples:
  lapwing race mine.tar.gz yours.tar.gz --track cup --laps 3 --video race.mp4
  lapwing race first second:last third fourth fifth --heat-size 2 --rounds 2
  lapwing race mine.tar.gz --against-clock --track oval
"""


@click.command(epilog=EXAMPLES)
@click.argument("sources", metavar="ARCHIVE|RUN[:best|last|STEPS]...", nargs=-1, required=True)
@click.option("--track", "track_name", help="Name or file of a closed track. [default: the default track]")
@click.option("--laps", type=COUNT, default=3, show_default=True, help="Laps of every round.")
@click.option(
    "--rounds", type=click.IntRange(1, 100), default=1, show_default=True, help="Of every heat; grids change."
)
@click.option("--heat-size", type=HEAT_SIZE, default=4, show_default=True, help="Most cars on the road at once.")
@click.option("--against-clock", is_flag=True, help="Everybody alone, in the same world.")
@click.option("--boxes", type=BOXES, help="Boxes on the road.")
@click.option("--bots", type=BOTS, help="Bot cars on the road; they change lanes.")
@click.option(
    "--bot-speed", "bot_speed_mps", type=(SPEED_MPS, SPEED_MPS), metavar="LOW HIGH",
    help="Their speeds in m/s. [default: 40 to 60 % of the slowest model's top speed]",
)  # fmt: skip
@click.option("--world", type=WORLD, default="clean", show_default=True, help="How much the world varies.")
@click.option("--reverse", is_flag=True, help="Drive against the track's direction.")
@click.option("--penalty", "penalty_s", type=PENALTY_S, metavar="SECONDS", help="For leaving the road. [default: 2]")
@click.option("--crash-penalty", "crash_penalty_s", type=PENALTY_S, metavar="SECONDS", help="[default: 5]")
@click.option("--mercy", is_flag=True, help="Put a car ahead of what it ran into three times.")
@click.option("--time-limit", "time_limit_s", type=TIME_S, metavar="SECONDS", help="End a round after this.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Decides the draw, the grids and the worlds.")
@click.option("--video", type=WRITTEN_FILE, help="Film the final into this mp4.")
@click.option("--view", type=VIEW, default="top", show_default=True, help="From above, or behind the leader.")
@click.option(
    "--log", "log_folder", type=FOLDER, help="Write everybody's drive log (MCAP) of the final into this folder."
)
@click.option("--json", "json_path", type=WRITTEN_FILE, help="Write every drive, heat and standing into this file.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any setting of the simulator.")
@click.pass_obj
def command(workshop: Workshop, /, sources: tuple[str, ...], json_path: Path | None, **options: Any) -> None:
    """Let models race each other; mistakes cost time, and whoever needs the least for all laps wins.

    Laps count from a car's own place on the grid, so all drive equally far. More models than --heat-size meet in
    heats: the better half of each goes on until the rest fits into a final.
    """
    from shared.atomic_files import check_writable, write_json
    from trainer.evaluation.entrants import load_entrants
    from trainer.evaluation.race import check_field, hold_race
    from trainer.evaluation.race_film import RaceFilm
    from trainer.evaluation.race_logs import RaceLogs
    from trainer.evaluation.race_table import print_race

    entrants = load_entrants(sources, workshop.home)
    plan = plan_of(entrants, workshop.home / "tracks", **options)
    check_field(entrants, plan)
    if json_path is not None:
        check_writable(json_path)  # a race that nobody can write down is not driven
    video, log_folder = options["video"], options["log_folder"]
    spectators: list[RaceSpectator] = []
    with ExitStack() as stack:
        if video is not None:
            spectators.append(stack.enter_context(RaceFilm(video, view=options["view"])))
        if log_folder is not None:
            spectators.append(stack.enter_context(RaceLogs(log_folder)))
        result = hold_race(entrants, plan, spectators)
    print_race(result)
    if json_path is not None:
        write_json(json_path, result.to_json())
    for path in (video, log_folder, json_path):
        if path is not None:
            click.echo(f"Written: {path}")


def plan_of(entrants: tuple[Entrant, ...], own_tracks: Path, **options: Any) -> RacePlan:
    """What the options ask for."""
    from trainer.evaluation.conditions import race_settings
    from trainer.evaluation.penalties import Penalties
    from trainer.evaluation.plan import DEFAULT_CRASH_PENALTY_S, DEFAULT_PENALTY_S
    from trainer.evaluation.race_plan import RacePlan, race_world
    from trainer.tracks import DEFAULT_TRACK, load_track

    penalty_s, crash_penalty_s = options["penalty_s"], options["crash_penalty_s"]
    simulator = race_world(options["overrides"])
    slowest_mps = min(entrant.policy.action_space.max_speed_mps for entrant in entrants)
    race = race_settings(
        simulator.race,
        top_speed_mps=slowest_mps,
        **{name: options[name] for name in ("boxes", "bots", "bot_speed_mps")},
    )
    return RacePlan(
        track=load_track(options["track_name"] or DEFAULT_TRACK, own_tracks),
        laps=options["laps"],
        heat_size=options["heat_size"],
        rounds=options["rounds"],
        against_clock=options["against_clock"],
        is_reversed=options["reverse"],
        world=options["world"],
        penalties=Penalties(
            DEFAULT_PENALTY_S if penalty_s is None else penalty_s,
            DEFAULT_CRASH_PENALTY_S if crash_penalty_s is None else crash_penalty_s,
            options["mercy"],
        ),
        time_limit_s=options["time_limit_s"],
        seed=options["seed"],
        simulator=simulator.changed(race=race),
    )
