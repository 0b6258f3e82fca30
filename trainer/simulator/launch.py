"""The kernels' launches: one small parallel loop each, over the cars. One thread of the program launches kernels.

The threading layer is pinned to numba's own workqueue: it is always there, starts its threads once, and cannot meet the
OpenMP library that torch brings. It must not be entered by two threads at a time.
"""

from __future__ import annotations

import os

import numba
import numpy as np

from trainer.simulator.bots import move_bots
from trainer.simulator.contacts import meet_things
from trainer.simulator.dynamics import move_car, remember_command
from trainer.simulator.episode import find_on_line, judge
from trainer.simulator.gathering import gather_things
from trainer.simulator.kernels import kernel
from trainer.simulator.measurements import COLUMNS, write_measurements
from trainer.simulator.object_looks import colour_car, draw_looks
from trainer.simulator.object_rows import write_objects
from trainer.simulator.places import put_back, start_world
from trainer.simulator.randomisation import draw_episode
from trainer.simulator.sensing import sense
from trainer.simulator.state import FIRST_STATUS_OVER, EpisodeStatus
from trainer.simulator.view import look_through_camera
from trainer.simulator.work import THINGS, VIEWS

PAUSE = int(EpisodeStatus.PAUSE)
TIME_UP = int(EpisodeStatus.TIME_UP)
DEGREE = np.pi / 180.0


@kernel
def move_cars(first, last, cars, draws, histories, motion, step_s, substeps, race, tracks, line):
    """First part of a step, for the cars first to last - 1: everybody moves, and the bots with their world's first car.

    What other cars may read of a car in the second part is written here and there alone.
    """
    for i in range(first, last):
        car = cars[i]
        w = race.world_of[i]
        if race.worlds[w].first_car == i:
            move_bots(w, cars, race, tracks, line, step_s)
        car.present = 1 if car.status < FIRST_STATUS_OVER else 0
        if not car.present:
            continue
        if car.ghost and car.status != PAUSE and car.touching == 0:
            car.ghost = 0
        car.newest_command = remember_command(
            histories[i],
            car.newest_command,
            car.commanded_steering_angle_deg * DEGREE,
            car.commanded_speed_mps,
        )
        if car.status == PAUSE:
            continue
        move_car(car, draws[i], histories[i], motion[0], step_s, substeps)
        find_on_line(car, tracks[car.track_index], line)


@kernel
def observe_cars(
    first, last, part, judging, wanted, cars, draws, rules, step_s, world, race, devices, tables, outputs, senses, work
):
    """Second part of a step, for the cars first to last - 1: contacts, rules, measurements, sensors.

    judging: a step has been taken by every car whose episode is not over; else only the wanted cars are observed anew.
    part: which of the work spaces is this thread's.
    """
    tracks, line, arcs, ground = world
    measurements, terminated, truncated = outputs
    view, things = work[VIEWS][part], work[THINGS][part]
    height, width = senses[0].shape[2], senses[0].shape[3]
    for i in range(first, last):
        car, draw = cars[i], draws[i]
        if (judging and car.status >= FIRST_STATUS_OVER) or not (judging or wanted[i]):
            continue
        track = tracks[car.track_index]
        count = gather_things(things, i, cars, draw, race, tracks, line)
        if judging:
            meet_things(car, things, count, race.record[0], race.worlds[race.world_of[i]], track, line)
            judge(car, rules[0], track, line, step_s)
        truncated[i] = car.status == TIME_UP
        terminated[i] = car.status >= FIRST_STATUS_OVER and not truncated[i]
        if measurements.shape[1] > COLUMNS:
            look_through_camera(view, car, draw, devices[0][0], track, width, 0)
            write_objects(measurements[i], car, things, count, track, view, width, height, judging, step_s)
        write_measurements(measurements[i], car, track, line, arcs)
        sense(i, part, judging, step_s, car, draw, track, count, ground, devices, tables, senses, work)


@kernel(parallel=True)
def move_all_cars(parts, cars, draws, histories, motion, step_s, substeps, race, tracks, line):
    """move_cars for all cars, in as many parts as there are threads."""
    count = len(cars)
    for part in numba.prange(parts):
        first, last = count * part // parts, count * (part + 1) // parts
        move_cars(first, last, cars, draws, histories, motion, step_s, substeps, race, tracks, line)


@kernel(parallel=True)
def observe_all_cars(
    parts, judging, wanted, cars, draws, rules, step_s, world, race, devices, tables, outputs, senses, work
):
    """observe_cars for all cars, in as many parts as there are threads."""
    count = len(cars)
    for part in numba.prange(parts):
        first, last = count * part // parts, count * (part + 1) // parts
        observe_cars(
            first,
            last,
            part,
            judging,
            wanted,
            cars,
            draws,
            rules,
            step_s,
            world,
            race,
            devices,
            tables,
            outputs,
            senses,
            work,
        )


@kernel
def start_cars(wanted, orders, cars, draws, values, ranges, histories, rules, tracks, line, race):
    """A new episode for the wanted cars. values: the draws as (N, quantities) numbers."""
    for i in range(len(cars)):
        if wanted[i]:
            draw_episode(values[i], ranges, cars[i].seed, cars[i].episode)
            keep_own_look(draws[i], tracks[cars[i].track_index])
    for w in range(len(race.worlds)):
        start_world(w, wanted, orders, cars, draws, histories, rules[0], ranges, race, tracks, line)


@kernel
def redraw_worlds(wanted, cars, draws, values, ranges, tracks, race):
    """Another look around the wanted cars, in the middle of their episodes; each step has one of its own."""
    for i in range(len(cars)):
        if wanted[i]:
            car, w = cars[i], race.world_of[i]
            episode = np.int64(car.episode) + (np.int64(car.steps) << 32)
            draw_episode(values[i], ranges, car.seed, episode)
            keep_own_look(draws[i], tracks[car.track_index])
            colour_car(car, draws[i], i - race.worlds[w].first_car)
            if race.worlds[w].first_car == i:
                draw_looks(race.objects[w], ranges, car.seed, episode)


@kernel
def keep_own_look(draw, track):
    """Levels that are not drawn are the track's own."""
    draw.road_level = track.road_level if draw.road_level < 0.0 else draw.road_level
    draw.border_level = track.border_level if draw.border_level < 0.0 else draw.border_level
    draw.dash_level = track.dash_level if draw.dash_level < 0.0 else draw.dash_level
    draw.field_level = track.field_level if draw.field_level < 0.0 else draw.field_level


@kernel
def put_cars_back(wanted, pause_s, mercy, cars, draws, histories, rules, tracks, line, race):
    """Stand the wanted cars back on the road, one after the other. mercy: (N,) bool."""
    for i in range(len(cars)):
        if wanted[i]:
            put_back(i, cars, draws[i], histories[i], rules[0], race, tracks, line, pause_s, mercy[i])


def choose_threads(asked: int, cars: int) -> int:
    """Threads to use: those asked for (0: one per core that this process may use), never more than cars or cores."""
    available = min(len(os.sched_getaffinity(0)), numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    return max(1, min(asked or available, available, cars))
