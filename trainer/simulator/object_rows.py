"""What a car's row of measurements says of the objects of its world, and whom the car has passed."""

from __future__ import annotations

from trainer.simulator.kernels import kernel
from trainer.simulator.measurements import COLUMNS, OBJECT_COLUMNS, ObjectColumn
from trainer.simulator.road_places import gap_between
from trainer.simulator.things import Kind
from trainer.simulator.view import NEAREST_M, project_point

_, X_M, Y_M, HEADING_RAD, SPEED_MPS, ARC_M, LATERAL_M, GAP_M, IN_CAMERA = (int(one) for one in ObjectColumn)
NOTHING, BOT_CAR, LEARNED_CAR = int(Kind.NOTHING), int(Kind.BOT_CAR), int(Kind.LEARNED_CAR)
# Whoever is further away than this has not been passed but put elsewhere.
PASSING_M = 2.0
# Two cars cannot come nearer by more in a step, apart from what they drive.
JUMP_M = 0.5
FASTEST_APART_MPS = 4.0


@kernel
def write_objects(row, car, things, count, track, view, width_px, height_px, judging, step_s):
    """Fill the columns behind Column; judging: a step was taken, so that passing counts.

    row: the car's measurements with those of the step before. things: count of them, as gathered.
    """
    before = COLUMNS
    for k in range(count):
        thing = things[k]
        at = COLUMNS + thing.slot * OBJECT_COLUMNS
        if at >= len(row):
            break  # barriers have no row
        for skipped in range(before, at, OBJECT_COLUMNS):
            row[skipped : skipped + OBJECT_COLUMNS] = 0.0
        before = at + OBJECT_COLUMNS
        arc_m = thing.arc_m if car.direction > 0 else track.length_m - thing.arc_m
        gap_m = gap_between(car.arc_m, arc_m, track)
        if judging and row[at] != NOTHING and BOT_CAR <= thing.kind <= LEARNED_CAR:
            count_passing(car, row[at + GAP_M], gap_m, step_s)
        row[at], row[at + X_M], row[at + Y_M] = thing.kind, thing.x_m, thing.y_m
        row[at + HEADING_RAD], row[at + SPEED_MPS] = thing.heading_rad, thing.speed_mps
        row[at + ARC_M], row[at + LATERAL_M] = arc_m, thing.lateral_m * car.direction
        row[at + GAP_M] = gap_m
        row[at + IN_CAMERA] = is_in_picture(view, thing, width_px, height_px)
    for skipped in range(before, len(row), OBJECT_COLUMNS):
        row[skipped : skipped + OBJECT_COLUMNS] = 0.0


@kernel
def count_passing(car, gap_before_m, gap_m, step_s):
    """Count a moving thing that was ahead and is behind, or the other way round."""
    jump_m = JUMP_M + FASTEST_APART_MPS * step_s
    if abs(gap_m) >= PASSING_M or abs(gap_before_m) >= PASSING_M or abs(gap_m - gap_before_m) > jump_m:
        return
    if gap_before_m > 0.0 >= gap_m:
        car.overtakes += 1
    elif gap_before_m <= 0.0 < gap_m:
        car.overtaken += 1


@kernel
def is_in_picture(view, thing, width_px, height_px):
    """1.0 if the middle of a thing lies within the picture, hidden or not; else 0.0."""
    z_m = 0.5 * thing.height_m
    dx, dy, dz = thing.x_m - view.x_m, thing.y_m - view.y_m, z_m - view.z_m
    if dx * view.forward_x + dy * view.forward_y + dz * view.forward_z <= NEAREST_M:
        return 0.0
    column, row, _ = project_point(view, thing.x_m, thing.y_m, z_m, width_px, height_px)
    return 1.0 if 0.0 <= column < width_px and 0.0 <= row < height_px else 0.0
