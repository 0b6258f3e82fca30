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
IMMOBILIZED = int(EpisodeStatus.IMMOBILIZED)
REVERSED = int(EpisodeStatus.REVERSED)
TIME_UP = int(EpisodeStatus.TIME_UP)

# What the kernels know of the rules, the start and the car's shape.
RULES = np.dtype(
    [
        (name, np.float64)
        for name in (
            "laps", "off_track", "reversed_steps", "immobilized_steps", "immobilized_m", "time_limit_s",
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
def start_episode(car, draw, history, rules, track, line, order):
    """Put the car at its start. order: start fraction, lateral share, direction; NaN where the settings decide."""
    direction = -1.0 if rules.reversed else 1.0
    if rules.alternate_direction and car.episode % 2 == 1:
        direction = -direction
    fraction = car.start_fraction + rules.round_robin_fraction * car.episode
    lateral_m = np.nan
    if order[0] == order[0]:
        fraction = order[0]
    if order[1] == order[1]:
        lateral_m = order[1]
    if order[2] == order[2]:
        direction = order[2]
    car.direction = int(direction)
    if track.closed:
        arc = (fraction - math.floor(fraction)) * track.length_m
    else:
        # A road with two ends is driven from its beginning, with the rear wheels on it.
        arc = rules.half_wheelbase_m + 0.01
        if order[0] == order[0]:
            arc = max(arc, order[0] * track.length_m)
    put_car(car, draw, history, rules, track, line, arc_in_direction(arc, car.direction, track), lateral_m, True)
    car.steps, car.laps, car.reversed_steps, car.immobilized_steps = 0, 0, 0, 0
    car.time_s, car.pause_until_s, car.lap_started_s, car.last_lap_time_s = 0.0, 0.0, 0.0, 0.0
    car.status, car.progress_percent, car.wheels_on_track = PREPARE, 0.0, 4
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
    """Update front point, arc length, lateral offset and the number of wheels on the road."""
    cos, sin = math.cos(car.heading_rad), math.sin(car.heading_rad)
    car.line_index = nearest_index(line, track, car.line_index, car.x_m, car.y_m, REACH_MOVING)
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
    """After the car has moved: count, locate, and decide whether the episode goes on."""
    car.steps += 1
    car.time_s += step_s
    if car.status == PAUSE and car.time_s < car.pause_until_s - 1e-9:
        return
    car.status = IN_PROGRESS
    locate(car, rules, track, line)
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
    if rules.off_track and car.wheels_on_track == 0:
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


@kernel
def put_back(car, draw, history, rules, track, line, pause_s):
    """Stand the car in the nearer lane at the progress it had, for pause_s."""
    behind = car.arc_m - rules.front_offset_m
    behind = behind % track.length_m if track.closed else max(behind, rules.half_wheelbase_m)
    arc = arc_in_direction(behind, car.direction, track)
    point = line[track.line_start + car.front_index]
    width = point[LEFT] if car.lateral_m * car.direction > 0.0 else point[RIGHT]
    lateral = 0.5 * width if car.lateral_m > 0.0 else -0.5 * width
    put_car(car, draw, history, rules, track, line, arc, lateral, False)
    car.reversed_steps, car.immobilized_steps = 0, 0
    car.pause_until_s = car.time_s + pause_s
    car.status = PAUSE if pause_s > 0.0 else IN_PROGRESS
    locate(car, rules, track, line)
