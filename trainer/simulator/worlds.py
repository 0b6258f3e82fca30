"""The worlds of a simulator as arrays: which cars share one, what stands in it, and whether it can stand there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.cars import CarModel
from shared.errors import SimulationError
from trainer.simulator.barriers import place_barriers
from trainer.simulator.fitting import box_reach_m, check_fits, way_round_m
from trainer.simulator.race import RaceSettings, parse_position
from trainer.simulator.settings import SimulatorSettings
from trainer.simulator.things import CAR_HEIGHT_M, MOST_THINGS, OBJECT, THING, WORLD, Kind
from trainer.simulator.track_arrays import TrackArrays
from trainer.tracks import Track

# What the kernels know of the race's settings and of the car's size.
RACE = np.dtype(
    [
        *((name, np.int64) for name in ("box_count", "bot_count", "cars_per_world", "boxes_random", "bots_random")),
        *((name, np.float64) for name in (
            "box_distance_m", "bot_distance_m", "start_gap_m", "lateral_jitter", "turned_rad", "box_reach_m",
            "least_speed_mps", "most_speed_mps", "lane_change", "look_for_cars", "least_interval_s", "most_interval_s",
            "lane_change_distance_m", "way_round_m", "pause_s", "grid_gap_m",
            "car_half_length_m", "car_half_width_m", "car_height_m", "front_offset_m",
        )),
    ]
)  # fmt: skip


class Race(NamedTuple):
    """What is on the roads, as the kernels take it."""

    worlds: NDArray[np.void]  # (W,) WORLD
    objects: NDArray[np.void]  # (W, K) OBJECT, first boxes, then bots
    world_of: NDArray[np.int64]  # (N,) each car's row of worlds
    record: NDArray[np.void]  # (1,) RACE
    kinds: NDArray[np.int64]  # what a box can be
    positions: NDArray[np.float64]  # (boxes or 0, 2) fixed places: fraction of the track, lane
    barriers: NDArray[np.void]  # (B,) THING, track after track
    barrier_rows: NDArray[np.int64]  # (tracks, 2) first of a track's barriers, first of the next one's
    nothing: NDArray[np.void]  # (1,) OBJECT, an empty place
    things: NDArray[np.void]  # (MOST_THINGS,) THING, scratch where cars are put somewhere


def build_race(
    tracks: Sequence[Track],
    arrays: TrackArrays,
    settings: SimulatorSettings,
    world_index: NDArray[np.int64],
    car: CarModel,
) -> Race:
    """The arrays of all worlds, nothing laid yet. world_index: (N,) which cars share a world."""
    race = settings.race
    worlds, world_of = number_worlds(world_index, race)
    check_fits(tracks, settings, car)
    barriers = [
        place_barriers(
            track.name,
            arrays.line[record["line_start"] : record["line_start"] + record["line_count"]],
            float(record["spacing_m"]), track.closed, int(record["inner_side"]), race.barriers,
        )
        for track, record in zip(tracks, arrays.tracks)
    ]  # fmt: skip
    ends = np.cumsum([0, *(len(part) for part in barriers)])
    return Race(
        worlds=worlds,
        objects=np.zeros((len(worlds), race.boxes.count + race.bots.count), OBJECT),
        world_of=world_of,
        record=race_record(settings, car),
        kinds=np.array([Kind[kind.upper()] for kind in race.boxes.kinds], np.int64),
        positions=np.array([parse_position(text) for text in race.boxes.positions], np.float64).reshape(-1, 2),
        barriers=np.concatenate(barriers),
        barrier_rows=np.stack((ends[:-1], ends[1:]), axis=1),
        nothing=np.zeros(1, OBJECT),
        things=np.zeros(MOST_THINGS, THING),
    )


def number_worlds(world_index: NDArray[np.int64], race: RaceSettings) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """(W,) WORLD and (N,) rows in it; SimulationError where cars of a world are no neighbours, or too many."""
    steps = np.diff(world_index)
    if (steps < 0).any():
        at = int(np.argmax(steps < 0)) + 1
        raise SimulationError(
            f"Cars of one world must be neighbours, in ascending order of world_index: car {at} is in world "
            f"{world_index[at]}, the car before it in {world_index[at - 1]}. Sort the cars by world."
        )
    world_of = np.concatenate(([0], np.cumsum(steps > 0))).astype(np.int64)
    worlds = np.zeros(int(world_of[-1]) + 1, WORLD)
    worlds["first_car"], worlds["car_count"] = np.unique(world_of, return_index=True, return_counts=True)[1:]
    most = int(worlds["car_count"].max())
    if most > race.cars_per_world:
        label = world_index[worlds["first_car"][int(worlds["car_count"].argmax())]]
        raise SimulationError(
            f"World {label} has {most} cars, and race.cars_per_world is {race.cars_per_world}. Set it to {most}."
        )
    worlds["active_boxes"], worlds["active_bots"] = race.boxes.count, race.bots.count
    worlds["bot_speed_scale"] = 1.0
    return worlds, world_of


def race_record(settings: SimulatorSettings, car: CarModel) -> NDArray[np.void]:
    """(1,) RACE from the settings and the car's shape."""
    race = settings.race
    boxes, bots = race.boxes, race.bots
    record = np.zeros(1, RACE)
    values = {
        "box_count": boxes.count, "bot_count": bots.count, "cars_per_world": race.cars_per_world,
        "boxes_random": boxes.placement == "random", "bots_random": bots.placement == "random",
        "box_distance_m": boxes.min_distance_m, "bot_distance_m": bots.min_distance_m,
        "start_gap_m": boxes.start_gap_m, "lateral_jitter": boxes.lateral_jitter,
        "turned_rad": math.radians(boxes.turned_deg), "box_reach_m": box_reach_m(settings),
        "least_speed_mps": bots.speed_mps[0], "most_speed_mps": bots.speed_mps[1],
        "lane_change": bots.lane_change, "look_for_cars": bots.look_for_cars,
        "least_interval_s": bots.lane_change_interval_s[0], "most_interval_s": bots.lane_change_interval_s[1],
        "lane_change_distance_m": bots.lane_change_distance_m, "way_round_m": way_round_m(settings, car),
        "pause_s": bots.pause_s, "grid_gap_m": race.grid_gap_m,
        "car_half_length_m": 0.5 * car.length_m, "car_half_width_m": 0.5 * car.width_m,
        "car_height_m": CAR_HEIGHT_M, "front_offset_m": car.front_offset_m,
    }  # fmt: skip
    assert set(values) == set(RACE.names or ())
    for name, value in values.items():
        record[name] = value
    return record


def check_track_index(track_index: NDArray[np.int64], track_count: int, race: Race) -> None:
    """SimulationError unless every car is on a track that is there, and on the one of its world."""
    if track_index.min() < 0 or track_index.max() >= track_count:
        raise SimulationError(f"A car's track_index is not one of 0 to {track_count - 1}.")
    differs = track_index != track_index[race.worlds["first_car"]][race.world_of]
    if differs.any():
        raise SimulationError(
            f"All cars of a world are on one track: car {int(np.argmax(differs))} is on another one than the first car "
            "of its world. Give all of them the same track_index."
        )


def check_directions(wanted: NDArray[np.bool_], reversed_: NDArray[np.bool_], race: Race) -> None:
    """SimulationError unless the cars told a direction are told that of their world.

    A world whose cars are all reset together turns round with its first car; else it goes on as it does.
    """
    waiting = np.zeros(len(race.worlds), np.int64)
    np.add.at(waiting, race.world_of, wanted)
    together = waiting == race.worlds["car_count"]
    first = np.where(reversed_[race.worlds["first_car"]], -1, 1)
    direction = np.where(together | (race.worlds["direction"] == 0), first, race.worlds["direction"])
    wrong = wanted & (np.where(reversed_, -1, 1) != direction[race.world_of])
    if wrong.any():
        raise SimulationError(
            f"All cars of a world drive in one direction: car {int(np.argmax(wrong))} was told another one than its "
            "world has. Give all of them the same, and turn a world round by resetting all of its cars together."
        )
