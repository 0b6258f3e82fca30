"""One row of numbers per car and step, for rewards and logs."""

from __future__ import annotations

import math
from enum import IntEnum

from trainer.simulator.kernels import kernel
from trainer.simulator.track_arrays import LEFT, RIGHT


class Column(IntEnum):
    """Columns of Simulator.measurements. Places are those of the front point, in the car's driving direction."""

    X_M = 0
    Y_M = 1
    HEADING_RAD = 2
    ARC_M = 3  # from the first waypoint
    LATERAL_M = 4  # left positive
    PROGRESS_PERCENT = 5  # of the lap, from the episode's start
    STEPS = 6  # as DeepRacer counts: the reset is step 1, so the first action ends step 2
    TIME_S = 7  # since the reset
    COMMANDED_SPEED_MPS = 8
    COMMANDED_STEERING_ANGLE_DEG = 9
    MEASURED_SPEED_MPS = 10
    MEASURED_STEERING_ANGLE_DEG = 11
    TRACK_WIDTH_M = 12
    WHEELS_ON_TRACK = 13  # 0 to 4
    IS_OFF_TRACK = 14  # no wheel is on the road
    IS_CRASHED = 15  # has run into something in this step
    IS_REVERSED = 16  # drives against the track's own direction
    PREVIOUS_WAYPOINT = 17  # indices of the waypoints in driving order
    NEXT_WAYPOINT = 18
    TRACK_INDEX = 19
    STATUS = 20
    EPISODE = 21
    CONTACTS = 22  # times this car has touched something or was touched, in this episode
    OVERTAKES = 23  # moving things passed in this episode
    OVERTAKEN = 24  # and those that passed this car


class ObjectColumn(IntEnum):
    """Columns per object behind those of Column: first the world's boxes, then its bots, then its other cars.

    Places are those of the object's middle, in the car's driving direction.
    """

    KIND = 0  # things.Kind; NOTHING for one that does not take part
    X_M = 1
    Y_M = 2
    HEADING_RAD = 3
    SPEED_MPS = 4
    ARC_M = 5  # from the first waypoint
    LATERAL_M = 6  # left positive
    GAP_M = 7  # along the centre line from the car's front to it: ahead positive, at most half the track
    IN_CAMERA = 8  # its middle is in the picture


COLUMNS, OBJECT_COLUMNS = len(Column), len(ObjectColumn)


@kernel
def write_measurements(row, car, track, line, waypoint_arcs_m):
    """Fill one car's row in the order of Column."""
    point = line[track.line_start + car.front_index]
    previous = previous_waypoint(car, track, waypoint_arcs_m)
    row[0], row[1], row[2] = car.front_x_m, car.front_y_m, car.heading_rad
    row[3], row[4], row[5] = car.arc_m, car.lateral_m, car.progress_percent
    row[6], row[7] = car.steps + 1.0, car.time_s
    row[8], row[9] = car.commanded_speed_mps, car.commanded_steering_angle_deg
    row[10], row[11] = car.speed_mps, math.degrees(car.steering_angle_rad)
    row[12] = point[LEFT] + point[RIGHT]
    row[13], row[14] = car.wheels_on_track, 1.0 if car.wheels_on_track == 0 else 0.0
    row[15] = 1.0 if car.ran_into > 0 else 0.0
    row[16] = 1.0 if car.direction < 0 else 0.0
    row[17], row[18] = previous, previous + 1
    row[19], row[20], row[21] = car.track_index, car.status, car.episode
    row[22], row[23], row[24] = car.contacts, car.overtakes, car.overtaken


@kernel
def previous_waypoint(car, track, waypoint_arcs_m):
    """Index, in driving order, of the last waypoint at or before the car's arc length; never the very last one."""
    first, last = 0, track.waypoint_count - 1
    start, length_m = track.waypoint_start, track.length_m
    while last - first > 1:
        middle = (first + last) // 2
        if car.direction > 0:
            at_m = waypoint_arcs_m[start + middle]
        else:
            at_m = length_m - waypoint_arcs_m[start + track.waypoint_count - 1 - middle]
        if at_m <= car.arc_m:
            first = middle
        else:
            last = middle
    return first
