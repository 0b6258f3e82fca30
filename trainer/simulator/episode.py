"""One car's episode: where it starts, how far it has come, and what ends it.

Progress and the rules are DeepRacer's: deepracer-simapp, markov/agent_ctrl/utils.py and markov/reset/rules.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from shared.cars import CarModel
from trainer.simulator.kernels import kernel
from trainer.simulator.projection import (
    REACH_MOVING,
    REACH_ON_CAR,
    arc_in_direction,
    is_on_road,
    nearest_index,
    place_on_line,
)
from trainer.simulator.settings import EpisodeRules, StartSettings
from trainer.simulator.state import EpisodeStatus
from trainer.simulator.track_arrays import COS, CURVATURE, LEFT, RIGHT, SIN, X, Y

PREPARE = int(EpisodeStatus.PREPARE)
IN_PROGRESS = int(EpisodeStatus.IN_PROGRESS)
PAUSE = int(EpisodeStatus.PAUSE)
LAP_COMPLETE = int(EpisodeStatus.LAP_COMPLETE)
OFF_TRACK = int(EpisodeStatus.OFF_TRACK)
CRASHED = int(EpisodeStatus.CRASHED)
IMMOBILIZED = int(EpisodeStatus.IMMOBILIZED)
REVERSED = int(EpisodeStatus.REVERSED)
TIME_UP = int(EpisodeStatus.TIME_UP)

# Crashes nearer together than this are crashes at one place.
SAME_PLACE_M = 1.0

# What the kernels know of the rules, the start and the car's shape.
RULES = np.dtype(
    [
        (name, np.float64)
        for name in (
            "laps", "off_track", "crashed", "reversed_steps", "immobilized_steps", "immobilized_m", "time_limit_s",
            "round_robin_fraction", "reversed", "alternate_direction",
            "front_offset_m", "half_wheelbase_m", "half_track_width_m",
        )
    ]
)  # fmt: skip


def rules_record(rules: EpisodeRules, start: StartSettings, car: CarModel) -> NDArray[np.void]:
    """(1,) RULES from the settings and the car's shape."""
    record = np.zeros(1, RULES)
    for settings in (rules, start):
        for name in type(settings).model_fields:
            record[name] = float(getattr(settings, name))
    record["front_offset_m"] = car.front_offset_m
    record["half_wheelbase_m"] = 0.5 * car.wheelbase_m
    record["half_track_width_m"] = 0.5 * car.track_width_m
    return record


@kernel
def ordered_direction(car, rules, order):
    """The direction of an episode: the one ordered (start fraction, lateral offset, direction), or the rules'."""
    if order[2] == order[2]:
        return int(order[2])
    direction = -1 if rules.reversed else 1
    return -direction if rules.alternate_direction and car.episode % 2 == 1 else direction


@kernel
def ordered_arc(car, rules, track, order):
    """Arc length, as driven, at which an episode starts; a start fraction of NaN is the rules' choice."""
    fraction = car.start_fraction + rules.round_robin_fraction * car.episode
    if order[0] == order[0]:
        fraction = order[0]
    if track.closed:
        return (fraction - math.floor(fraction)) * track.length_m
    # A road with two ends is driven from its beginning, with the rear wheels on it.
    arc_m = rules.half_wheelbase_m + 0.01
    return max(arc_m, order[0] * track.length_m) if order[0] == order[0] else arc_m


@kernel
def start_episode(car, draw, history, rules, track, line, arc_m, lateral_m):
    """Put the car at its start, arc length and lateral offset as driven; an offset of NaN is the draw's choice."""
    put_car(car, draw, history, rules, track, line, arc_in_direction(arc_m, car.direction, track), lateral_m, True)
    car.steps, car.laps, car.reversed_steps, car.immobilized_steps = 0, 0, 0, 0
    car.contacts, car.overtakes, car.overtaken, car.crashes_here = 0, 0, 0, 0
    car.time_s, car.pause_until_s, car.lap_started_s, car.last_lap_time_s = 0.0, 0.0, 0.0, 0.0
    car.status, car.progress_percent, car.wheels_on_track = PREPARE, 0.0, 4
    car.struck_at_s, car.last_crash_percent = -1.0, 0.0
    locate(car, rules, track, line)
    car.start_arc_m = car.arc_m


@kernel
def put_car(car, draw, history, rules, track, line, arc_m, lateral_m, turned):
    """Stand the car still at an arc length of the track's own direction; lateral_m NaN: where the draw says."""
    nearest = int(arc_m / track.spacing_m + 0.5)
    # An arc length just below the whole track belongs to point 0, and lies behind it.
    ahead = arc_m - nearest * track.spacing_m
    index = nearest % track.line_count if track.closed else min(nearest, track.line_count - 1)
    point = line[track.line_start + index]
    if lateral_m == lateral_m:
        lateral = lateral_m * car.direction
    else:
        lateral = draw.start_lateral * car.direction
        lateral *= point[LEFT] if lateral > 0.0 else point[RIGHT]
    car.x_m = point[X] + ahead * point[COS] - lateral * point[SIN]
    car.y_m = point[Y] + ahead * point[SIN] + lateral * point[COS]
    heading = math.atan2(point[SIN] * car.direction, point[COS] * car.direction) + ahead * point[CURVATURE]
    if turned:
        heading += math.radians(draw.start_heading_deg)
    car.heading_rad = heading - 2.0 * math.pi * math.floor(heading / (2.0 * math.pi) + 0.5)
    car.previous_x_m, car.previous_y_m = car.x_m, car.y_m
    car.speed_mps, car.lateral_speed_mps, car.yaw_rate_rps, car.steering_angle_rad = 0.0, 0.0, 0.0, 0.0
    car.commanded_steering_angle_deg, car.commanded_speed_mps = 0.0, 0.0
    history[:] = 0.0
    car.newest_command = 0
    car.line_index = index


@kernel
def locate(car, rules, track, line):
    """Update everything that says where the car is on the road."""
    find_on_line(car, track, line)
    locate_front_and_wheels(car, rules, track, line)


@kernel
def find_on_line(car, track, line):
    """Update the line point nearest to the car, after a move."""
    car.line_index = nearest_index(line, track, car.line_index, car.x_m, car.y_m, REACH_MOVING)


@kernel
def locate_front_and_wheels(car, rules, track, line):
    """Update front point, arc length, lateral offset and the number of wheels on the road."""
    cos, sin = math.cos(car.heading_rad), math.sin(car.heading_rad)
    car.front_x_m = car.x_m + rules.front_offset_m * cos
    car.front_y_m = car.y_m + rules.front_offset_m * sin
    car.front_index = nearest_index(line, track, car.line_index, car.front_x_m, car.front_y_m, REACH_ON_CAR)
    arc, lateral = place_on_line(line, track, car.front_index, car.front_x_m, car.front_y_m)
    car.arc_m = arc_in_direction(arc, car.direction, track)
    car.lateral_m = lateral * car.direction
    wheels = 0
    for k in range(4):
        ahead = rules.half_wheelbase_m if k < 2 else -rules.half_wheelbase_m
        left = rules.half_track_width_m if k % 2 == 0 else -rules.half_track_width_m
        x = car.x_m + ahead * cos - left * sin
        y = car.y_m + ahead * sin + left * cos
        if is_on_road(line, track, car.line_index, x, y):
            wheels += 1
    car.wheels_on_track = wheels


@kernel
def lap_progress(car, track):
    """Percent of the lap since the episode's start, continued over the finish by comparing with the step before."""
    if not track.closed:
        return 100.0 * (car.arc_m - car.start_arc_m) / (track.length_m - car.start_arc_m)
    progress = 100.0 * (car.arc_m - car.start_arc_m) / track.length_m
    if progress <= 0.0:
        progress += 100.0
    if car.progress_percent > progress + 50.0:
        progress += 100.0
    elif progress > car.progress_percent + 50.0:
        progress -= 100.0
    return progress


@kernel
def judge(car, rules, track, line, step_s):
    """After the car has moved and met others: count, locate, and decide whether the episode goes on."""
    car.steps += 1
    car.time_s += step_s
    if car.status == PAUSE and car.time_s < car.pause_until_s - 1e-9:
        return
    car.status = IN_PROGRESS
    locate_front_and_wheels(car, rules, track, line)
    before = car.progress_percent
    progress = lap_progress(car, track)
    car.reversed_steps = car.reversed_steps + 1 if progress < before else 0
    moved_m = math.hypot(car.x_m - car.previous_x_m, car.y_m - car.previous_y_m)
    car.immobilized_steps = car.immobilized_steps + 1 if moved_m <= rules.immobilized_m else 0
    car.previous_x_m, car.previous_y_m = car.x_m, car.y_m
    if progress >= 100.0:
        finish_lap(car, rules, before, progress, step_s)
    else:
        car.progress_percent = progress
    if rules.crashed and car.ran_into > 0:
        car.status = CRASHED
        count_crash(car, track)
    elif rules.off_track and car.wheels_on_track == 0:
        car.status = OFF_TRACK
    elif car.status == LAP_COMPLETE:
        return
    elif rules.reversed_steps > 0 and car.reversed_steps >= rules.reversed_steps:
        car.status = REVERSED
    elif rules.immobilized_steps > 0 and car.immobilized_steps >= rules.immobilized_steps:
        car.status = IMMOBILIZED
    elif 0.0 < rules.time_limit_s <= car.time_s + 1e-9:
        car.status = TIME_UP


@kernel
def count_crash(car, track):
    """Count the crashes in a row that happened at the same place of the same lap."""
    at_percent = 100.0 * car.laps + car.progress_percent
    same = abs(at_percent - car.last_crash_percent) * track.length_m < 100.0 * SAME_PLACE_M
    car.crashes_here = car.crashes_here + 1 if same else 1
    car.last_crash_percent = at_percent


@kernel
def finish_lap(car, rules, before, progress, step_s):
    """Count the lap and take its time, to the moment within the step at which the line was crossed."""
    crossed_s = car.time_s - step_s * (progress - 100.0) / max(progress - before, 1e-9)
    car.last_lap_time_s = crossed_s - car.lap_started_s
    car.lap_started_s = crossed_s
    car.laps += 1
    if car.laps >= rules.laps:
        car.progress_percent = 100.0
        car.status = LAP_COMPLETE
    else:
        car.progress_percent = progress - 100.0
