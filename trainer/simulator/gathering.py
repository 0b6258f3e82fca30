"""Everything that one car can meet, as records: for contacts, for its sensors, and for its measurements."""

from __future__ import annotations

from trainer.simulator.kernels import kernel
from trainer.simulator.object_looks import KIND_RGB, give_colour
from trainer.simulator.projection import place_on_line
from trainer.simulator.things import Kind

LEARNED_CAR, BARRIER = int(Kind.LEARNED_CAR), int(Kind.BARRIER)


@kernel
def gather_things(things, i, cars, draw, race, tracks, line):
    """Fill things, (MOST_THINGS,) THING, with what car i may see and touch; returns how many there are.

    First the boxes and bots of its world that take part, then the other cars there whose episode goes on, then the
    barriers of its track. draw: car i's own, for the barriers' colour.
    """
    w = race.world_of[i]
    world, objects, record = race.worlds[w], race.objects, race.record[0]
    count = 0
    for k in range(objects.shape[1]):
        if objects[w, k].active:
            copy_object(things[count], objects[w, k], k)
            count += 1
    slot = objects.shape[1]
    for j in range(world.first_car, world.first_car + world.car_count):
        if j != i:
            if cars[j].present:
                copy_car(things[count], cars[j], slot, record, tracks[world.track_index], line)
                count += 1
            slot += 1
    first, last = race.barrier_rows[cars[i].track_index]
    for k in range(first, last):
        things[count] = race.barriers[k]
        things[count].slot = objects.shape[1] + record.cars_per_world - 1 + k - first
        give_colour(things[count], KIND_RGB[BARRIER], draw.object_level, draw.object_hue_deg, draw.object_saturation)
        count += 1
    return count


@kernel
def copy_object(thing, item, slot):
    """A box or bot as a thing."""
    thing.kind, thing.slot, thing.touchable = item.kind, slot, 1
    thing.x_m, thing.y_m, thing.heading_rad, thing.steering_angle_rad = item.x_m, item.y_m, item.heading_rad, 0.0
    thing.half_length_m, thing.half_width_m, thing.height_m = item.half_length_m, item.half_width_m, item.height_m
    thing.arc_m, thing.lateral_m, thing.speed_mps = item.arc_m, item.lateral_m, item.speed_mps
    thing.grey, thing.red, thing.green, thing.blue = item.grey, item.red, item.green, item.blue


@kernel
def copy_car(thing, car, slot, record, track, line):
    """Another learned car as a thing. Reads only what the first launch of a step has written."""
    thing.kind, thing.slot, thing.touchable = LEARNED_CAR, slot, 0 if car.ghost else 1
    thing.x_m, thing.y_m, thing.heading_rad = car.x_m, car.y_m, car.heading_rad
    thing.steering_angle_rad, thing.speed_mps = car.steering_angle_rad, car.speed_mps
    thing.half_length_m, thing.half_width_m = record.car_half_length_m, record.car_half_width_m
    thing.height_m = record.car_height_m
    thing.arc_m, thing.lateral_m = place_on_line(line, track, car.line_index, car.x_m, car.y_m)
    thing.grey, thing.red, thing.green, thing.blue = car.grey, car.red, car.green, car.blue
