"""`lapwing world`: put an emulated car on a track; the simulator at the speed of a clock on the wall."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from trainer.workshop import Workshop


@click.command()
@click.option("--track", default="lapwing_loop", show_default=True, help="Name of a track, or a file.")
@click.option(
    "--world",
    "preset",
    type=click.Choice(["off", "light", "strong"]),
    default="light",
    show_default=True,
    help="How much light, colours and the car differ from the plain ones.",
)
@click.option(
    "--socket",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    help="Where the car's board finds the world: lapwing-car up --emulated --world SOCKET",
)
@click.option("--seed", default=0, show_default=True, help="Another number, another light, grip and camera mount.")
@click.option("--start", default=0.0, show_default=True, help="Where on the lap the car stands, 0 to 1.")
@click.option("--boxes", default=0, show_default=True, help="How many boxes stand on the road.")
@click.option("--bots", default=0, show_default=True, help="How many slow cars drive there.")
@click.option("--barriers", default=0, show_default=True, help="How many pieces of wall stand beside the road.")
@click.option("--reversed", "reversed_direction", is_flag=True, help="Drive against the track's direction.")
@click.option("--free-floor", is_flag=True, help="The car may leave the road, and is put back where it comes to rest.")
@click.pass_obj
def command(
    workshop: Workshop,
    /,
    track: str,
    preset: str,
    path: Path,
    seed: int,
    start: float,
    boxes: int,
    bots: int,
    barriers: int,
    reversed_direction: bool,
    free_floor: bool,
) -> None:
    """Put an emulated car on a track. The world waits until a board joins, and ends with Ctrl-C."""
    from shared.settings import parse_settings
    from trainer.simulator.race import RaceSettings
    from trainer.tracks import load_track
    from trainer.world import World, WorldServer

    things = {"boxes": {"count": boxes}, "bots": {"count": bots}, "barriers": {"count": barriers}}
    race = parse_settings(RaceSettings, things, source="the command line")
    world = World(
        load_track(track, workshop.home / "tracks"),
        preset=preset,  # type: ignore[arg-type]
        seed=seed,
        start_fraction=start,
        reversed_direction=reversed_direction,
        free_floor=free_floor,
        race=race,
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    WorldServer(world, path, lambda sentence: click.echo(sentence)).run(stop)
