"""Boxes and bots at the start of an episode: where they stand, what they are, how fast they will drive."""

from __future__ import annotations

import math

import numpy as np

from trainer.simulator.bots import next_interval_s, place_bot
from trainer.simulator.kernels import kernel
from trainer.simulator.object_looks import draw_looks, draw_size
from trainer.simulator.projection import arc_in_direction, place_on_line
from trainer.simulator.race import MOST_BOTS, MOST_BOXES, MOST_CARS_PER_WORLD
from trainer.simulator.random_numbers import random_unit
from trainer.simulator.randomisation import STREAM_BOTS, STREAM_BOXES
from trainer.simulator.road_places import (
    gap_between,
    half_widths_as_driven,
    lane_middle,
    line_index_at,
    reach_across,
    stand_at,
    wrapped,
)
from trainer.simulator.spacing import add_zone, draw_places
from trainer.simulator.things import BOX_HEIGHT_M, BOX_LENGTH_M, BOX_WIDTH_M, Kind

PARKED_CAR, BOT_CAR = int(Kind.PARKED_CAR), int(Kind.BOT_CAR)
# Objects keep this from cars that drive, middle to middle; DeepRacer's CLOSEST_OBJ_GAP.
CLOSEST_M = 1.0
# Road without objects before the end of a road with two ends.
END_GAP_M = 1.0
# What a box leaves free between itself and a bot in the other lane.
WAY_GAP_M = 0.02
# What is drawn for one object beside its place has counters from here on, so many each.
DETAILS, DETAILS_EACH = 1_000, 8


@kernel
def lay_objects(w, start_arc_m, tail_m, cars, ranges, race, tracks, line):
    """Lay the objects of a world anew for its owner's episode.

    start_arc_m: where the owner starts, as driven. tail_m: road behind it on which other cars start.
    """
    world, record, objects = race.worlds[w], race.record[0], race.objects[w]
    world.layings += 1
    world.time_s, world.bots_wait_until_s = 0.0, 0.0
    for i in range(world.first_car, world.first_car + world.car_count):
        cars[i].struck_at_s = -1.0
    if len(objects) == 0:
        return
    for k in range(len(objects)):
        objects[k] = race.nothing[0]
    owner, track = cars[world.first_car], tracks[world.track_index]
    if len(race.positions) > 0:
        lay_fixed_boxes(objects, world, owner, ranges, race, track, line)
    else:
        low_m = record.front_offset_m + record.start_gap_m + record.box_reach_m
        behind_m = tail_m + CLOSEST_M
        lay_boxes(objects, world, start_arc_m, low_m, behind_m, cars, ranges, race, track, line)
    low_m = CLOSEST_M
    behind_m = tail_m + CLOSEST_M
    lay_bots(objects, world, start_arc_m, low_m, behind_m, cars, race, track, line)
    draw_looks(objects, ranges, owner.seed, owner.episode)


@kernel
def find_places(places_m, wanted, distance_m, low_m, behind_m, start_arc_m, random, stream, world, cars, track, line):
    """Fill places_m with arc lengths of the track's own direction; returns how many there are."""
    if track.closed:
        high_m = min(track.length_m - behind_m, low_m + track.length_m - distance_m)
        per_place_m = track.length_m / max(wanted, 1)
    else:
        high_m = track.length_m - start_arc_m - END_GAP_M
        per_place_m = (high_m - low_m) / max(wanted, 1)
    zones_m = np.empty((3 * MOST_CARS_PER_WORLD, 2))
    zones = 0
    for i in range(world.first_car, world.first_car + world.car_count):
        car = cars[i]
        if car.present:
            arc_m, _ = place_on_line(line, track, car.line_index, car.x_m, car.y_m)
            at_m = arc_in_direction(arc_m, world.direction, track) - start_arc_m
            for turn in range(-1, 2):
                if turn == 0 or track.closed:
                    middle_m = at_m + turn * track.length_m
                    zones = add_zone(zones_m, zones, middle_m - CLOSEST_M, middle_m + CLOSEST_M, low_m, high_m)
    owner = cars[world.first_car]
    count = draw_places(
        places_m, wanted, distance_m, low_m, high_m, per_place_m, zones_m[:zones], random,
        owner.seed, owner.episode, stream,
    )  # fmt: skip
    for k in range(count):
        places_m[k] = arc_in_direction(wrapped(start_arc_m + places_m[k], track), world.direction, track)
    return count


@kernel
def lay_boxes(objects, world, start_arc_m, low_m, behind_m, cars, ranges, race, track, line):
    """Boxes at random, or spread evenly in alternating lanes."""
    record, owner = race.record[0], cars[world.first_car]
    wanted = min(max(world.active_boxes, 0), record.box_count)
    places_m = np.empty(MOST_BOXES)
    random = record.boxes_random > 0
    count = find_places(
        places_m, wanted, record.box_distance_m, low_m, behind_m, start_arc_m, random, STREAM_BOXES,
        world, cars, track, line,
    )  # fmt: skip
    for k in range(count):
        box = objects[k]
        shape_box(box, k, owner, ranges, race)
        box.lane = 1 if k % 2 == 0 else -1
        lateral_share, turned = 0.0, 0.0
        if random:
            counter = DETAILS + DETAILS_EACH * k
            box.lane = 1 if random_unit(owner.seed, owner.episode, STREAM_BOXES, counter + 1) < 0.5 else -1
            lateral_share = 2.0 * random_unit(owner.seed, owner.episode, STREAM_BOXES, counter + 2) - 1.0
            turned = 2.0 * random_unit(owner.seed, owner.episode, STREAM_BOXES, counter + 3) - 1.0
        if k > 0 and record.bot_count > 0:
            # Where a bot could not change lanes between two boxes, it need not.
            near = abs(gap_between(places_m[k - 1], places_m[k], track)) < record.way_round_m
            box.lane = objects[k - 1].lane if near else box.lane
        index = line_index_at(places_m[k], track)
        left_m, right_m = half_widths_as_driven(line, track, index, world.direction)
        half_m = left_m if box.lane > 0 else right_m
        lateral_m = lane_middle(box.lane, left_m, right_m) + record.lateral_jitter * lateral_share * half_m
        heading = record.turned_rad * turned + (0.0 if world.direction > 0 else math.pi)
        stand_at(box, line, track, places_m[k], lateral_m * world.direction, heading)
        make_way(box, heading, world, record, track, line)


@kernel
def make_way(box, turned_rad, world, record, track, line):
    """Where bots drive, a box leaves them the other lane."""
    if record.bot_count == 0:
        return
    left_m, right_m = half_widths_as_driven(line, track, line_index_at(box.arc_m, track), world.direction)
    edge_m = box.lane * lane_middle(-box.lane, left_m, right_m) + record.car_half_width_m + WAY_GAP_M
    outwards_m = edge_m + reach_across(box, line, track) - box.lane * box.lateral_m * world.direction
    if outwards_m > 0.0:
        lateral_m = box.lateral_m + outwards_m * box.lane * world.direction
        stand_at(box, line, track, box.arc_m, lateral_m, turned_rad)


@kernel
def lay_fixed_boxes(objects, world, owner, ranges, race, track, line):
    """Boxes where the settings want them."""
    for k in range(min(max(world.active_boxes, 0), len(race.positions))):
        box = objects[k]
        shape_box(box, k, owner, ranges, race)
        arc_m = race.positions[k, 0] * track.length_m
        side = int(race.positions[k, 1]) * track.inner_side
        box.lane = side * world.direction
        left_m, right_m = half_widths_as_driven(line, track, line_index_at(arc_m, track), 1)
        heading = 0.0 if world.direction > 0 else math.pi
        stand_at(box, line, track, arc_m, lane_middle(side, left_m, right_m), heading)
        make_way(box, heading, world, race.record[0], track, line)


@kernel
def shape_box(box, k, owner, ranges, race):
    """Draw a box's kind and size."""
    record = race.record[0]
    choice = random_unit(owner.seed, owner.episode, STREAM_BOXES, DETAILS + DETAILS_EACH * k)
    box.kind = race.kinds[int(choice * len(race.kinds))]
    box.active = 1
    if box.kind == PARKED_CAR:
        box.half_length_m, box.half_width_m = record.car_half_length_m, record.car_half_width_m
        box.height_m = record.car_height_m
    else:
        size = draw_size(ranges, owner.seed, owner.episode, k)
        box.half_length_m, box.half_width_m = 0.5 * BOX_LENGTH_M * size, 0.5 * BOX_WIDTH_M * size
        box.height_m = BOX_HEIGHT_M * size


@kernel
def lay_bots(objects, world, start_arc_m, low_m, behind_m, cars, race, track, line):
    """Bots in the middle of lanes, those near a box in the other lane."""
    record, owner = race.record[0], cars[world.first_car]
    wanted = min(max(world.active_bots, 0), record.bot_count)
    places_m = np.empty(MOST_BOTS)
    random = record.bots_random > 0
    count = find_places(
        places_m, wanted, record.bot_distance_m, low_m, behind_m, start_arc_m, random, STREAM_BOTS,
        world, cars, track, line,
    )  # fmt: skip
    for n in range(count):
        k = record.box_count + n
        bot, counter = objects[k], DETAILS + DETAILS_EACH * n
        bot.kind, bot.active = BOT_CAR, 1
        bot.half_length_m, bot.half_width_m = record.car_half_length_m, record.car_half_width_m
        bot.height_m = record.car_height_m
        bot.lane = 1 if n % 2 == 0 else -1
        if random:
            bot.lane = 1 if random_unit(owner.seed, owner.episode, STREAM_BOTS, counter) < 0.5 else -1
        bot.lane = lane_beside_boxes(bot, places_m[n], objects, world, record, track)
        bot.lane_share = bot.lane
        faster = random_unit(owner.seed, owner.episode, STREAM_BOTS, counter + 1)
        speed_mps = record.least_speed_mps + (record.most_speed_mps - record.least_speed_mps) * faster
        bot.wanted_speed_mps = speed_mps * world.bot_speed_scale
        bot.speed_mps = bot.wanted_speed_mps
        bot.next_change_s = next_interval_s(k, 0, owner, record)
        place_bot(bot, places_m[n], world.direction, record, track, line)


@kernel
def lane_beside_boxes(bot, arc_m, objects, world, record, track):
    """The bot's lane, or the other one where a box stands beside the bot or too near ahead to be driven round."""
    lane, nearest_m = bot.lane, math.inf
    for j in range(record.box_count):
        box = objects[j]
        gap_m = gap_between(arc_m, box.arc_m, track) * world.direction
        clear_m = bot.half_length_m + record.box_reach_m + 0.05
        if box.active and -clear_m < gap_m < clear_m + record.lane_change_distance_m and abs(gap_m) < nearest_m:
            lane, nearest_m = -box.lane, abs(gap_m)
    return lane
