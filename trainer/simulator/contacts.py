"""What touches what: overlaps of rectangles on the ground, who of two crashed, and who passed whom."""

from __future__ import annotations

import math

import numpy as np

from trainer.simulator.kernels import kernel
from trainer.simulator.projection import place_on_line
from trainer.simulator.road_places import gap_between
from trainer.simulator.things import Kind

BOT_CAR, LEARNED_CAR = int(Kind.BOT_CAR), int(Kind.LEARNED_CAR)
# All barriers share the bit above those of objects and other cars.
BARRIER_BIT = 62
EVERYTHING = -1


@kernel
def rectangles_overlap(ax, ay, a_heading, a_half_length, a_half_width, bx, by, b_heading, b_half_length, b_half_width):
    """Whether two oriented rectangles share a point: no axis along one of their sides separates them. Metres, rad."""
    dx, dy = bx - ax, by - ay
    a_cos, a_sin = math.cos(a_heading), math.sin(a_heading)
    b_cos, b_sin = math.cos(b_heading), math.sin(b_heading)
    # Cosine and sine of the angle between them tell how far each reaches along the other's axes.
    cos, sin = abs(a_cos * b_cos + a_sin * b_sin), abs(a_cos * b_sin - a_sin * b_cos)
    return not (
        abs(dx * a_cos + dy * a_sin) > a_half_length + b_half_length * cos + b_half_width * sin
        or abs(dy * a_cos - dx * a_sin) > a_half_width + b_half_length * sin + b_half_width * cos
        or abs(dx * b_cos + dy * b_sin) > b_half_length + a_half_length * cos + a_half_width * sin
        or abs(dy * b_cos - dx * b_sin) > b_half_width + a_half_length * sin + a_half_width * cos
    )


@kernel
def touches(car, record, thing):
    """Whether a car overlaps a thing."""
    dx, dy = thing.x_m - car.x_m, thing.y_m - car.y_m
    reach_m = record.car_half_length_m + record.car_half_width_m + thing.half_length_m + thing.half_width_m
    if dx * dx + dy * dy > reach_m * reach_m:
        return False
    return rectangles_overlap(
        car.x_m, car.y_m, car.heading_rad, record.car_half_length_m, record.car_half_width_m,
        thing.x_m, thing.y_m, thing.heading_rad, thing.half_length_m, thing.half_width_m,
    )  # fmt: skip


@kernel
def meet_things(car, things, count, record, world, track, line):
    """Find out what the car overlaps now; count the contacts that began, and whether it crashed."""
    touching, car.ran_into = 0, 0
    for k in range(count):
        thing = things[k]
        if not touches(car, record, thing):
            continue
        bit = np.int64(1) << min(thing.slot, BARRIER_BIT)
        touching |= bit
        if car.ghost or not thing.touchable:
            continue
        began = car.touching & bit == 0
        if began:
            car.contacts += 1
        moves = BOT_CAR <= thing.kind <= LEARNED_CAR
        if not moves or (began and is_ahead(car, thing, track, line)):
            car.ran_into = thing.slot + 1
        elif began and thing.kind == BOT_CAR:
            car.struck_at_s = world.time_s
    car.touching = touching


@kernel
def is_ahead(car, thing, track, line):
    """Whether the middle of a thing that the car touches lies further along the road, as driven, than the car's."""
    arc_m, _ = place_on_line(line, track, car.line_index, car.x_m, car.y_m)
    return gap_between(arc_m, thing.arc_m, track) * car.direction > 0.0
