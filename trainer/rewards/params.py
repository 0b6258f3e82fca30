"""The dictionary a reward function is given: DeepRacer's 27 keys as they are documented, and six more.

Nothing but the standard library is imported here, so that the process that runs reward functions stays small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, degrees
from operator import itemgetter
from typing import Any

PARAMETERS: dict[str, str] = {
    "all_wheels_on_track": "True while all four wheels are inside the borders",
    "x": "front of the car, metres, world frame",
    "y": "front of the car, metres, world frame",
    "heading": "direction of the car, degrees, -180 (excluded) to 180, 0 along x, counter-clockwise",
    "distance_from_center": "from the front of the car to the centre line, metres, 0 or more",
    "projection_distance": "along the centre line from the first waypoint, in driving direction, metres",
    "progress": "share of the lap done since the start of this episode, percent, at most 100; can go down",
    "steps": "steps of this episode; the start is step 1, so the first call sees 2",
    "speed": "speed commanded for this step, m/s (what was measured is measured_speed)",
    "steering_angle": "steering angle commanded for this step, degrees, positive left",
    "track_width": "distance of the borders here, metres",
    "track_length": "length of the centre line, metres",
    "waypoints": "list of (x, y) on the centre line in driving order; closed tracks repeat the first last",
    "closest_waypoints": "[behind, ahead]: indices of the waypoints on either side of the car's projection",
    "is_left_of_center": "True while the front of the car is left of the centre line, as the driver sees it",
    "is_reversed": "True in episodes driven against the track's own direction; not the motion of the car",
    "is_crashed": "True when the car drove into something",
    "is_offtrack": "True when all four wheels are outside the borders",
    "sim_time": "simulated seconds of this car since the run (or its continuation) began",
    "closest_objects": "[behind, ahead]: indices of the objects nearest along the track; the same twice if only one",
    "objects_location": "list of (x, y) of the objects' middles, metres: boxes, bots, other cars; [] without any",
    "objects_left_of_center": "list of bool: True for one left of the centre line, as the driver sees it",
    "objects_distance": "list of distances along the centre line from the first waypoint, in driving direction, metres",
    "objects_distance_from_center": "list of distances of the objects from the centre line, metres, 0 or more",
    "objects_heading": "list of headings of the objects, degrees, -180 (excluded) to 180 (DeepRacer gave radians)",
    "objects_speed": "list of the speeds the objects really have, m/s; 0 for what stands",
    "object_in_camera": "True while the next object ahead is in the camera's picture",
    "measured_speed": "speed of the car along its own axis, m/s (new in Lapwing)",
    "measured_steering_angle": "angle the front wheels really have, degrees, positive left (new in Lapwing)",
    "time": "simulated seconds since the start of this episode (new in Lapwing)",
    "contacts": "times the car has touched something, or was touched, in this episode (new in Lapwing)",
    "overtakes": "times the car has passed a moving object in this episode (new in Lapwing)",
    "overtaken": "times a moving object has passed the car in this episode (new in Lapwing)",
}
"""Every key and its meaning, in one line each; all are always present."""

ADDED_KEYS = ("measured_speed", "measured_steering_angle", "time", "contacts", "overtakes", "overtaken")
"""What DeepRacer does not have."""

COLUMNS_READ = (
    "X_M", "Y_M", "HEADING_RAD", "ARC_M", "LATERAL_M", "PROGRESS_PERCENT", "STEPS", "TIME_S",
    "COMMANDED_SPEED_MPS", "COMMANDED_STEERING_ANGLE_DEG",
    "MEASURED_SPEED_MPS", "MEASURED_STEERING_ANGLE_DEG", "TRACK_WIDTH_M",
    "WHEELS_ON_TRACK", "IS_OFF_TRACK", "IS_CRASHED", "IS_REVERSED",
    "PREVIOUS_WAYPOINT", "NEXT_WAYPOINT", "TRACK_INDEX",
)  # fmt: skip


OBJECT_COLUMNS_READ = ("KIND", "X_M", "Y_M", "HEADING_RAD", "SPEED_MPS", "ARC_M", "LATERAL_M", "GAP_M", "IN_CAMERA")
COUNTERS_READ = ("CONTACTS", "OVERTAKES", "OVERTAKEN")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where things lie in a row of measurements: name -> place, of the car and within each object behind it."""

    car: dict[str, int]
    object: dict[str, int]


@dataclass(frozen=True, slots=True)
class Road:
    """A track driven in one direction. waypoints: closed tracks repeat the first one last."""

    waypoints: tuple[tuple[float, float], ...]
    length_m: float


def both_directions(waypoints: Sequence[Sequence[float]], length_m: float) -> tuple[Road, Road]:
    """A road in its own direction and reversed; the two share their points."""
    points = tuple((x, y) for x, y in waypoints)
    return Road(points, length_m), Road(points[::-1], length_m)


class ParamsBuilder:
    """Turns one row of `Simulator.measurements` into params; the row's length says how many objects there are.

    roads: per track, (its own direction, reversed).
    """

    def __init__(self, columns: Columns, roads: Sequence[tuple[Road, Road]]) -> None:
        self._pick = itemgetter(*(columns.car[name] for name in COLUMNS_READ))
        self._pick_counters = itemgetter(*(columns.car[name] for name in COUNTERS_READ))
        self._car_columns, self._object_columns = len(columns.car), len(columns.object)
        self._pick_object = itemgetter(*(columns.object[name] for name in OBJECT_COLUMNS_READ))
        self._roads = [[(list(road.waypoints), road.length_m) for road in directions] for directions in roads]

    def build(self, row: Sequence[float], clock_s: float) -> dict[str, Any]:
        """A fresh dictionary with fresh lists: whatever is done to it is gone before the next call.

        row: plain floats. clock_s: simulated seconds of this car before the present episode.
        """
        (
            x_m, y_m, heading_rad, arc_m, lateral_m, progress_percent, steps, time_s,
            speed_mps, steering_deg, measured_speed_mps, measured_steering_deg,
            width_m, wheels, off_track, crashed, is_reversed, previous_waypoint, next_waypoint, track,
        ) = self._pick(row)  # fmt: skip
        waypoints, length_m = self._roads[int(track)][is_reversed != 0.0]
        heading_deg = degrees(heading_rad)
        params = {
            "all_wheels_on_track": wheels == 4.0,
            "x": x_m,
            "y": y_m,
            "heading": heading_deg - 360.0 * ceil((heading_deg - 180.0) / 360.0),
            "distance_from_center": abs(lateral_m),
            "projection_distance": arc_m,
            "progress": progress_percent,
            "steps": int(steps),
            "speed": speed_mps,
            "steering_angle": steering_deg,
            "track_width": width_m,
            "track_length": length_m,
            "waypoints": waypoints.copy(),
            "closest_waypoints": [int(previous_waypoint), int(next_waypoint)],
            "is_left_of_center": lateral_m > 0.0,
            "is_reversed": is_reversed != 0.0,
            "is_crashed": crashed != 0.0,
            "is_offtrack": off_track != 0.0,
            "sim_time": clock_s + time_s,
            "closest_objects": [0, 0],
            "objects_location": [],
            "objects_left_of_center": [],
            "objects_distance": [],
            "objects_distance_from_center": [],
            "objects_heading": [],
            "objects_speed": [],
            "object_in_camera": False,
            "measured_speed": measured_speed_mps,
            "measured_steering_angle": measured_steering_deg,
            "time": time_s,
            "contacts": 0,
            "overtakes": 0,
            "overtaken": 0,
        }
        if len(row) > self._car_columns:
            self._put_objects(params, row, length_m)
        return params

    def _put_objects(self, params: dict[str, Any], row: Sequence[float], length_m: float) -> None:
        """Fill in what other things on the road make of params; without any that take part, the lists stay empty."""
        contacts, overtakes, overtaken = self._pick_counters(row)
        params["contacts"], params["overtakes"], params["overtaken"] = int(contacts), int(overtakes), int(overtaken)
        first, width = self._car_columns, self._object_columns
        objects = [self._pick_object(row[place : place + width]) for place in range(first, len(row), width)]
        there = [one for one in objects if one[0]]  # kind 0 is nothing: it does not take part
        if not there:
            return
        _, x_m, y_m, heading_rad, speed_mps, arc_m, lateral_m, gap_m, in_camera = zip(*there)
        ahead_m = [gap if gap >= 0.0 else gap + length_m for gap in gap_m]
        ahead, behind = ahead_m.index(min(ahead_m)), ahead_m.index(max(ahead_m))
        if ahead == behind:  # side by side, or only one
            behind = len(ahead_m) - 1
        headings_deg = map(degrees, heading_rad)
        params["closest_objects"] = [behind, ahead]
        params["objects_location"] = list(zip(x_m, y_m))
        params["objects_left_of_center"] = [lateral > 0.0 for lateral in lateral_m]
        params["objects_distance"] = list(arc_m)
        params["objects_distance_from_center"] = list(map(abs, lateral_m))
        params["objects_heading"] = [heading - 360.0 * ceil((heading - 180.0) / 360.0) for heading in headings_deg]
        params["objects_speed"] = list(speed_mps)
        params["object_in_camera"] = in_camera[ahead] != 0.0
