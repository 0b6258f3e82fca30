"""The kernels' launches: one small parallel loop each, over the cars. One thread of the program launches kernels.

The threading layer is pinned to numba's own workqueue: it is always there, starts its threads once, and cannot meet the
OpenMP library that torch brings. It must not be entered by two threads at a time.
"""

from __future__ import annotations

import os

import numba
import numpy as np

from trainer.simulator.dynamics import move_car, remember_command
from trainer.simulator.episode import judge, put_back, start_episode
from trainer.simulator.kernels import kernel
from trainer.simulator.measurements import write_measurements
from trainer.simulator.randomisation import draw_episode
from trainer.simulator.sensing import sense
from trainer.simulator.state import FIRST_STATUS_OVER, EpisodeStatus

PAUSE = int(EpisodeStatus.PAUSE)
TIME_UP = int(EpisodeStatus.TIME_UP)
DEGREE = np.pi / 180.0


@kernel
def move_cars(first, last, cars, draws, histories, motion, step_s, substeps):
    """First part of a step, for the cars first to last - 1: everybody moves."""
    for i in range(first, last):
        car = cars[i]
        if car.status >= FIRST_STATUS_OVER:
            continue
        car.newest_command = remember_command(
            histories[i],
            car.newest_command,
            car.commanded_steering_angle_deg * DEGREE,
            car.commanded_speed_mps,
        )
        if car.status == PAUSE:
            continue
        move_car(car, draws[i], histories[i], motion[0], step_s, substeps)


@kernel
def observe_cars(
    first, last, part, judging, wanted, cars, draws, rules, step_s, world, devices, tables, outputs, senses, work
):
    """Second part of a step, for the cars first to last - 1: (contacts,) rules, measurements, sensors.

    judging: a step has been taken by every car whose episode is not over; else only the wanted cars are observed anew.
    part: which of the work spaces is this thread's.
    """
    tracks, line, arcs, ground = world
    measurements, terminated, truncated = outputs
    for i in range(first, last):
        car, draw = cars[i], draws[i]
        if (judging and car.status >= FIRST_STATUS_OVER) or not (judging or wanted[i]):
            continue
        track = tracks[car.track_index]
        if judging:
            judge(car, rules[0], track, line, step_s)
        truncated[i] = car.status == TIME_UP
        terminated[i] = car.status >= FIRST_STATUS_OVER and not truncated[i]
        write_measurements(measurements[i], car, track, line, arcs)
        sense(i, part, judging, step_s, car, draw, track, 0, ground, devices, tables, senses, work)


@kernel(parallel=True)
def move_all_cars(parts, cars, draws, histories, motion, step_s, substeps):
    """move_cars for all cars, in as many parts as there are threads."""
    count = len(cars)
    for part in numba.prange(parts):
        first, last = count * part // parts, count * (part + 1) // parts
        move_cars(first, last, cars, draws, histories, motion, step_s, substeps)


@kernel(parallel=True)
def observe_all_cars(parts, judging, wanted, cars, draws, rules, step_s, world, devices, tables, outputs, senses, work):
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
            devices,
            tables,
            outputs,
            senses,
            work,
        )


@kernel
def start_cars(wanted, orders, cars, draws, values, ranges, histories, rules, tracks, line):
    """A new episode for the wanted cars. values: the draws as (N, quantities) numbers."""
    for i in range(len(cars)):
        if wanted[i]:
            car = cars[i]
            draw, track = draws[i], tracks[car.track_index]
            draw_episode(values[i], ranges, car.seed, car.episode)
            keep_own_look(draw, track)
            start_episode(car, draw, histories[i], rules[0], track, line, orders[i])


@kernel
def redraw_worlds(wanted, cars, draws, values, ranges, tracks):
    """Another world around the wanted cars, in the middle of their episodes; each step has one of its own."""
    for i in range(len(cars)):
        if wanted[i]:
            car = cars[i]
            draw_episode(values[i], ranges, car.seed, np.int64(car.episode) + (np.int64(car.steps) << 32))
            keep_own_look(draws[i], tracks[car.track_index])


@kernel
def keep_own_look(draw, track):
    """Levels that are not drawn are the track's own."""
    draw.road_level = track.road_level if draw.road_level < 0.0 else draw.road_level
    draw.border_level = track.border_level if draw.border_level < 0.0 else draw.border_level
    draw.dash_level = track.dash_level if draw.dash_level < 0.0 else draw.dash_level
    draw.field_level = track.field_level if draw.field_level < 0.0 else draw.field_level


@kernel
def put_cars_back(wanted, pause_s, cars, draws, histories, rules, tracks, line):
    """Stand the wanted cars back on the road, each at the progress it had."""
    for i in range(len(cars)):
        if wanted[i]:
            car = cars[i]
            put_back(car, draws[i], histories[i], rules[0], tracks[car.track_index], line, pause_s)


def choose_threads(asked: int, cars: int) -> int:
    """Threads to use: those asked for (0: one per core that this process may use), never more than cars or cores."""
    available = min(len(os.sched_getaffinity(0)), numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    return max(1, min(asked or available, available, cars))
