"""Where cars are put: at the start of an episode, on a start grid, and back on the road after a mistake."""

from __future__ import annotations

import math

from trainer.simulator.contacts import EVERYTHING
from trainer.simulator.episode import lap_progress, locate, ordered_arc, ordered_direction, put_car, start_episode
from trainer.simulator.gathering import gather_things
from trainer.simulator.kernels import kernel
from trainer.simulator.laying import CLOSEST_M, lay_objects
from trainer.simulator.object_looks import colour_car
from trainer.simulator.projection import arc_in_direction
from trainer.simulator.road_places import (
    gap_between,
    half_widths_as_driven,
    lane_middle,
    line_index_at,
    reach_across,
    wrapped,
)
from trainer.simulator.state import EpisodeStatus
from trainer.simulator.things import Kind
from trainer.simulator.track_arrays import LEFT, RIGHT

IN_PROGRESS, PAUSE = int(EpisodeStatus.IN_PROGRESS), int(EpisodeStatus.PAUSE)
LEARNED_CAR, BARRIER = int(Kind.LEARNED_CAR), int(Kind.BARRIER)
# Places behind each other that are tried for a car, so far apart.
SEARCH_STEP_M = 0.25
# What a car in a lane leaves free on each side.
SIDE_GAP_M = 0.05
ANYWHERE, LEFT_LANE, RIGHT_LANE, BLOCKED = 0, 1, -1, 2
# Crashes in a row at one place after which mercy puts a car ahead of it; DeepRacer's MAX_RESETS_AFTER_CRASH.
MERCY_AFTER = 3


@kernel
def start_world(w, wanted, orders, cars, draws, histories, rules, ranges, race, tracks, line):
    """Begin an episode for the wanted cars of one world; with its owner, its objects are laid anew.

    orders: (N, 3) start fraction, lateral offset, direction; NaN where the settings decide.
    """
    world, record = race.worlds[w], race.record[0]
    first, last = world.first_car, world.first_car + world.car_count
    starting = 0
    for i in range(first, last):
        if wanted[i]:
            cars[i].present = 0
            starting += 1
    if starting == 0:
        return
    owner, together = cars[first], starting == world.car_count
    in_grid = 0
    for i in range(first, last):
        if together and not differs(orders[i, 0], orders[first, 0]):
            in_grid += 1
    if together or world.direction == 0:
        world.direction = ordered_direction(owner, rules, orders[first])
    world.track_index = owner.track_index
    track = tracks[world.track_index]
    tail_m = max(in_grid - 1, 0) * record.grid_gap_m
    start_arc_m = ordered_arc(owner, rules, track, orders[first])
    if not track.closed:
        start_arc_m += tail_m
    if wanted[first]:
        lay_objects(w, start_arc_m, tail_m, cars, ranges, race, tracks, line)
    for i in range(first, last):
        if wanted[i]:
            cars[i].direction = world.direction
            colour_car(cars[i], draws[i], i - first)
            arc_m, lateral_m = ordered_arc(cars[i], rules, track, orders[i]), orders[i, 1]
            clear_m = CLOSEST_M
            if in_grid > 1 and not differs(orders[i, 0], orders[first, 0]):
                arc_m, lateral_m = grid_place(i - first, start_arc_m, lateral_m, world, record, track, line)
                clear_m = 2.0 * record.car_half_length_m
            start_car(i, arc_m, lateral_m, clear_m, cars, draws[i], histories[i], rules, race, tracks, line)


@kernel
def differs(fraction, owners_fraction):
    """Whether a car was told another start than the owner of its world; NaN is nothing told."""
    return fraction == fraction and fraction != owners_fraction


@kernel
def grid_place(place, start_arc_m, lateral_m, world, record, track, line):
    """Arc length as driven and lateral offset of a place in the start grid: odd ones inside, even ones outside."""
    arc_m = wrapped(start_arc_m - place * record.grid_gap_m, track)
    if lateral_m != lateral_m:
        index = line_index_at(arc_in_direction(arc_m, world.direction, track), track)
        left_m, right_m = half_widths_as_driven(line, track, index, world.direction)
        inner = track.inner_side * world.direction
        lateral_m = lane_middle(inner if place % 2 == 1 else -inner, left_m, right_m)
    return arc_m, lateral_m


@kernel
def start_car(i, arc_m, lateral_m, clear_m, cars, draw, history, rules, race, tracks, line):
    """Begin one car's episode there, in the other lane if something is near, or at the next free place."""
    car = cars[i]
    track = tracks[car.track_index]
    lane = ANYWHERE
    if has_company(race):
        count = gather_things(race.things, i, cars, draw, race, tracks, line)
        way = -1.0 if track.closed else 1.0
        arc_m, lane = find_place(race.things, count, car, arc_m, way, clear_m, race.record[0], track, line)
        if abs(lane) == 1:  # one of the lanes
            lateral_m = lane_lateral_at(arc_m, lane, car, track, line)
    start_episode(car, draw, history, rules, track, line, arc_m, lateral_m)
    stand_as_ghost(car, lane == BLOCKED)


@kernel
def has_company(race):
    """Whether anything can stand on the road beside the car."""
    return race.objects.shape[1] > 0 or race.record[0].cars_per_world > 1


@kernel
def stand_as_ghost(car, ghost):
    """A car has been put somewhere; a ghost touches nothing until it has been seen to overlap nothing."""
    car.present, car.ghost, car.ran_into = 1, 0, 0
    car.touching = 0
    if ghost:
        car.ghost, car.touching = 1, EVERYTHING


@kernel
def lane_lateral_at(arc_m, lane, car, track, line):
    """Lateral offset, as driven, of a lane's middle at an arc length as driven."""
    index = line_index_at(arc_in_direction(arc_m, car.direction, track), track)
    left_m, right_m = half_widths_as_driven(line, track, index, car.direction)
    return lane_middle(lane, left_m, right_m)


@kernel
def find_place(things, count, car, arc_m, way, clear_m, record, track, line):
    """The first place from an arc length on, forwards (way 1) or backwards (-1), where a lane is free, and which."""
    for k in range(int(track.length_m / SEARCH_STEP_M)):
        at_m = arc_m + way * k * SEARCH_STEP_M
        if not track.closed and not record.car_half_length_m <= at_m <= track.length_m - record.car_half_length_m:
            break
        at_m = wrapped(at_m, track)
        lane = free_lane(things, count, car, at_m, clear_m, record, track, line)
        if lane != BLOCKED:
            return at_m, lane
    return arc_m, BLOCKED


@kernel
def free_lane(things, count, car, arc_m, clear_m, record, track, line):
    """ANYWHERE if nothing is near an arc length as driven, else a free lane (away from the nearest thing), or BLOCKED.

    clear_m: near is what is less than this away along the road if it is a car; for anything else it is CLOSEST_M.
    """
    index = line_index_at(arc_in_direction(arc_m, car.direction, track), track)
    left_m, right_m = half_widths_as_driven(line, track, index, car.direction)
    half_m = record.car_half_width_m + SIDE_GAP_M
    left_free, right_free, nearest_m, away = True, True, math.inf, ANYWHERE
    for k in range(count):
        thing = things[k]
        gap_m = abs(gap_between(arc_m, arc_in_direction(thing.arc_m, car.direction, track), track))
        if thing.kind == BARRIER or gap_m >= (clear_m if thing.kind == LEARNED_CAR else CLOSEST_M):
            continue
        lateral_m, reach_m = thing.lateral_m * car.direction, reach_across(thing, line, track) + half_m
        left_free = left_free and abs(lateral_m - lane_middle(LEFT_LANE, left_m, right_m)) >= reach_m
        right_free = right_free and abs(lateral_m - lane_middle(RIGHT_LANE, left_m, right_m)) >= reach_m
        if gap_m < nearest_m:
            nearest_m, away = gap_m, RIGHT_LANE if lateral_m > 0.0 else LEFT_LANE
    if away == ANYWHERE:
        return ANYWHERE
    if (away == LEFT_LANE and left_free) or (away == RIGHT_LANE and not right_free and left_free):
        return LEFT_LANE
    return RIGHT_LANE if right_free else BLOCKED


@kernel
def put_back(i, cars, draw, history, rules, race, tracks, line, pause_s, mercy):
    """Stand a car on the road for pause_s: in the nearer lane at the progress it had, or behind what is in the way."""
    car = cars[i]
    track = tracks[car.track_index]
    behind_m = car.arc_m - rules.front_offset_m
    behind_m = behind_m % track.length_m if track.closed else max(behind_m, rules.half_wheelbase_m)
    point = line[track.line_start + car.front_index]
    width_m = point[LEFT] if car.lateral_m * car.direction > 0.0 else point[RIGHT]
    arc_m, lateral_m, lane = behind_m, 0.5 * width_m if car.lateral_m > 0.0 else -0.5 * width_m, ANYWHERE
    if has_company(race):
        count = gather_things(race.things, i, cars, draw, race, tracks, line)
        arc_m, lane = place_beside(race.things, count, car, behind_m, mercy, race.record[0], track, line)
        if abs(lane) == 1:  # one of the lanes
            lateral_m = lane_lateral_at(arc_m, lane, car, track, line)
    put_car(
        car, draw, history, rules, track, line, arc_in_direction(arc_m, car.direction, track), lateral_m, False
    )  # fmt: skip
    car.reversed_steps, car.immobilized_steps = 0, 0
    car.pause_until_s = car.time_s + pause_s
    car.status = PAUSE if pause_s > 0.0 else IN_PROGRESS
    locate(car, rules, track, line)
    if lane != ANYWHERE:
        # Being put ahead is no progress before the car has driven on.
        car.progress_percent = min(car.progress_percent, lap_progress(car, track))
    stand_as_ghost(car, True)


@kernel
def place_beside(things, count, car, arc_m, mercy, record, track, line):
    """Where a car is put back that would stand at an arc length as driven, and in which lane; ANYWHERE: just there.

    With something within CLOSEST_M, or after a crash: that far behind it in the other lane, or the next free place on
    from there. mercy: ahead of it, after MERCY_AFTER crashes in a row at the same place.
    """
    its_arc_m, lane, nearest_m = 0.0, ANYWHERE, CLOSEST_M
    for k in range(count):
        thing = things[k]
        if thing.kind == BARRIER:
            continue
        thing_arc_m = arc_in_direction(thing.arc_m, car.direction, track)
        gap_m = 0.0 if car.ran_into == thing.slot + 1 else abs(gap_between(arc_m, thing_arc_m, track))
        if gap_m < nearest_m:
            its_arc_m, nearest_m = thing_arc_m, gap_m
            lane = RIGHT_LANE if thing.lateral_m * car.direction > 0.0 else LEFT_LANE
    if lane == ANYWHERE:
        return arc_m, ANYWHERE
    way = 1.0 if mercy and car.crashes_here >= MERCY_AFTER else -1.0
    place_m, free = find_place(things, count, car, its_arc_m + way * CLOSEST_M, way, CLOSEST_M, record, track, line)
    return place_m, lane if free == ANYWHERE else free
