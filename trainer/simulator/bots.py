"""Bot cars: along the middles of the lanes in the world's direction, changing lanes, never into what is ahead."""

from __future__ import annotations

import math

from trainer.simulator.kernels import kernel
from trainer.simulator.projection import arc_in_direction
from trainer.simulator.random_numbers import random_unit
from trainer.simulator.randomisation import STREAM_LANE_CHANGES
from trainer.simulator.road_places import (
    gap_between,
    half_widths_as_driven,
    lane_middle,
    line_index_at,
    reach_across,
    stand_at,
    wrapped,
)
from trainer.simulator.state import FIRST_STATUS_OVER
from trainer.simulator.track_arrays import CURVATURE

# What a bot leaves free to the bot ahead, and to whatever is in the lane that it changes to.
FOLLOW_GAP_M = 0.15
SIDE_GAP_M = 0.03
# A bot looks for the other lane this much before it has to.
LOOK_AHEAD_M = 0.4
# and this to a car that comes up in the lane it would change to.
BEHIND_M = 0.6
LEAST_STRETCH = 0.3
# Counters of one bot's lane changes lie this far apart.
CHANGES_EACH = 1 << 20


@kernel
def move_bots(w, cars, race, tracks, line, step_s):
    """One step of a world's bots, and of its clock, while any of its cars drives."""
    worlds, objects, record = race.worlds, race.objects, race.record[0]
    world = worlds[w]
    drives = False
    for i in range(world.first_car, world.first_car + world.car_count):
        drives = drives or cars[i].status < FIRST_STATUS_OVER
        if cars[i].struck_at_s >= 0.0:
            world.bots_wait_until_s = max(world.bots_wait_until_s, cars[i].struck_at_s + record.pause_s)
    if not drives:
        return
    world.time_s += step_s
    waits = world.time_s <= world.bots_wait_until_s + 1e-9
    track = tracks[world.track_index]
    for k in range(record.box_count, objects.shape[1]):
        bot = objects[w, k]
        if bot.active == 0:
            continue
        if waits:
            bot.speed_mps = 0.0
            continue
        choose_lane(k, objects[w], world, cars, record, track, line)
        drive_bot(k, objects[w], world, record, track, line, step_s)


@kernel
def choose_lane(k, objects, world, cars, record, track, line):
    """Begin a change of lane if it is time for one, or a box stands ahead, and if the other lane is free."""
    bot = objects[k]
    if bot.lane_share != bot.lane:
        return
    boxed_in = box_ahead_m(k, objects, world, record, track, line) < record.lane_change_distance_m + LOOK_AHEAD_M
    due = record.lane_change > 0.0 and world.time_s >= bot.next_change_s
    if not (boxed_in or due) or car_in_the_way(bot, world, cars, record, track, line):
        return
    if lane_is_free(k, objects, world, record, track, line, boxed_in):
        bot.lane = -bot.lane
        bot.changes += 1
        bot.next_change_s = world.time_s + next_interval_s(k, bot.changes, cars[world.first_car], record)


@kernel
def next_interval_s(k, changes, owner, record):
    """Time until a bot's next change of lane, drawn."""
    share = random_unit(owner.seed, owner.episode, STREAM_LANE_CHANGES, CHANGES_EACH * k + changes)
    return record.least_interval_s + (record.most_interval_s - record.least_interval_s) * share


@kernel
def box_ahead_m(k, objects, world, record, track, line):
    """Free way to the next box in the bot's lane."""
    bot, free_m = objects[k], math.inf
    low_m, high_m = bot_span(bot, bot.arc_m, bot.lane, world, track, line)
    for j in range(int(record.box_count)):
        box = objects[j]
        gap_m = gap_between(bot.arc_m, box.arc_m, track) * world.direction
        if box.active and gap_m > 0.0 and overlaps(box, low_m, high_m, world, track, line):
            free_m = min(free_m, gap_m - bot.half_length_m - box.half_length_m)
    return free_m


@kernel
def lane_is_free(k, objects, world, record, track, line, boxed_in):
    """Whether the bot can change to the other lane: nothing beside it or close ahead there, and a way back."""
    bot = objects[k]
    low_m, high_m = bot_span(bot, bot.arc_m, -bot.lane, world, track, line)
    for j in range(len(objects)):
        other = objects[j]
        if j == k or other.active == 0:
            continue
        is_box = j < record.box_count
        room_m = record.lane_change_distance_m
        if is_box and not boxed_in:
            room_m += record.lane_change_distance_m + LOOK_AHEAD_M
        clear_m = bot.half_length_m + other.half_length_m + (0.0 if is_box else FOLLOW_GAP_M)
        gap_m = gap_between(bot.arc_m, other.arc_m, track) * world.direction
        if -clear_m < gap_m < clear_m + room_m:
            if is_box and overlaps(other, low_m, high_m, world, track, line):
                return False
            other_low_m, other_high_m = swept_span(other, world, track, line)
            if not is_box and other_low_m < high_m and low_m < other_high_m:
                return False
    return True


@kernel
def car_in_the_way(bot, world, cars, record, track, line):
    """Whether a car that drives is in the other lane, beside the bot or so near that a change would meet it.

    Reads of cars only what a step's second part writes: others may be moving in this very moment.
    """
    if record.look_for_cars == 0.0:
        return False
    low_m, high_m = bot_span(bot, bot.arc_m, -bot.lane, world, track, line)
    for i in range(world.first_car, world.first_car + world.car_count):
        car = cars[i]
        if car.status >= FIRST_STATUS_OVER:
            continue
        middle_m = arc_in_direction(car.arc_m, world.direction, track) - record.front_offset_m * world.direction
        gap_m = gap_between(bot.arc_m, middle_m, track) * world.direction
        clear_m = bot.half_length_m + record.car_half_length_m
        side_m = record.car_half_width_m
        in_lane = low_m < car.lateral_m + side_m and car.lateral_m - side_m < high_m
        if in_lane and -clear_m - BEHIND_M < gap_m < clear_m + FOLLOW_GAP_M:
            return True
    return False


@kernel
def drive_bot(k, objects, world, record, track, line, step_s):
    """Move one bot along its lane, no nearer than the follow gap to what is ahead."""
    bot, direction = objects[k], world.direction
    index = line_index_at(bot.arc_m, track)
    left_m, right_m = half_widths_as_driven(line, track, index, direction)
    curvature = line[track.line_start + index, CURVATURE] * direction
    lateral_m, slope = lane_lateral(bot, left_m, right_m, record)
    # Way of the bot per metre of centre line: longer outside of a bend, and across the road.
    run = math.hypot(max(1.0 - curvature * lateral_m, LEAST_STRETCH), slope)
    along_m = min(bot.wanted_speed_mps * step_s / run, free_way_m(k, objects, world, record, track, line))
    along_m = max(along_m, 0.0)
    bot.speed_mps = along_m * run / step_s
    if bot.lane_share != bot.lane:
        share = bot.lane_share + bot.lane * 2.0 * along_m / record.lane_change_distance_m
        bot.lane_share = min(max(share, -1.0), 1.0)
    arc_m = bot.arc_m + along_m * direction
    if not track.closed and not 0.0 < arc_m < track.length_m:
        bot.active = 0  # it has left the road
        return
    place_bot(bot, wrapped(arc_m, track), direction, record, track, line)


@kernel
def place_bot(bot, arc_m, direction, record, track, line):
    """Stand a bot at an arc length of the track's own direction, where its lane is."""
    index = line_index_at(arc_m, track)
    left_m, right_m = half_widths_as_driven(line, track, index, direction)
    curvature = line[track.line_start + index, CURVATURE] * direction
    lateral_m, slope = lane_lateral(bot, left_m, right_m, record)
    turned = math.atan2(slope, max(1.0 - curvature * lateral_m, LEAST_STRETCH))
    stand_at(bot, line, track, arc_m, lateral_m * direction, turned + (0.0 if direction > 0 else math.pi))


@kernel
def lane_lateral(bot, left_m, right_m, record):
    """Lateral offset as driven, and its change per metre of road: a smooth blend from lane to lane."""
    share = 0.5 * (bot.lane_share + 1.0)
    blend = share * share * (3.0 - 2.0 * share)
    across_m = 0.5 * (left_m + right_m)
    slope = 0.0
    if bot.lane_share != bot.lane:
        slope = bot.lane * across_m * 6.0 * share * (1.0 - share) / record.lane_change_distance_m
    return blend * across_m - 0.5 * right_m, slope


@kernel
def free_way_m(k, objects, world, record, track, line):
    """How far a bot may go on before it is too near to a bot or a box ahead."""
    bot, free_m = objects[k], math.inf
    # While it changes lanes, the boxes of the old one are behind it in time; the bots there are not.
    low_m, high_m = bot_span(bot, bot.arc_m, bot.lane, world, track, line)
    swept_low_m, swept_high_m = swept_span(bot, world, track, line)
    for j in range(len(objects)):
        other = objects[j]
        gap_m = gap_between(bot.arc_m, other.arc_m, track) * world.direction
        if j == k or other.active == 0 or gap_m <= 0.0:
            continue
        clear_m = bot.half_length_m + other.half_length_m
        if j < record.box_count:
            # Room to go round it once the other lane is free.
            clear_m += record.lane_change_distance_m
            if overlaps(other, low_m, high_m, world, track, line):
                free_m = min(free_m, gap_m - clear_m)
        else:
            other_low_m, other_high_m = swept_span(other, world, track, line)
            if other_low_m < swept_high_m and swept_low_m < other_high_m:
                free_m = min(free_m, gap_m - clear_m - FOLLOW_GAP_M)
    return free_m


@kernel
def bot_span(bot, arc_m, lane, world, track, line):
    """What a bot takes of the road's width in a lane: lowest and highest lateral offset as driven."""
    left_m, right_m = half_widths_as_driven(line, track, line_index_at(arc_m, track), world.direction)
    middle_m = lane_middle(lane, left_m, right_m)
    return middle_m - bot.half_width_m, middle_m + bot.half_width_m


@kernel
def swept_span(bot, world, track, line):
    """What a bot takes of the road's width from where it is to the middle of its lane, and a little more."""
    low_m, high_m = bot_span(bot, bot.arc_m, bot.lane, world, track, line)
    if bot.lane_share == bot.lane:
        return low_m, high_m
    lateral_m, reach_m = bot.lateral_m * world.direction, reach_across(bot, line, track) + SIDE_GAP_M
    return min(low_m, lateral_m - reach_m), max(high_m, lateral_m + reach_m)


@kernel
def overlaps(item, low_m, high_m, world, track, line):
    """Whether an object takes some of the road between two lateral offsets as driven."""
    lateral_m, reach_m = item.lateral_m * world.direction, reach_across(item, line, track)
    return lateral_m - reach_m < high_m and low_m < lateral_m + reach_m
