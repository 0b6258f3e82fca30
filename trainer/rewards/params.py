"""The dictionary a reward function is given: DeepRacer's 27 keys as they are documented, and three more.

Nothing but the standard library is imported here, so that the process that runs reward functions stays small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    "is_crashed": "True when the car hit another object",
    "is_offtrack": "True when all four wheels are outside the borders",
    "sim_time": "simulated seconds of this car since the run (or its continuation) began",
    "closest_objects": "[behind, ahead]: indices of the objects nearest along the track",
    "objects_location": "list of (x, y) of the objects, metres",
    "objects_left_of_center": "list of bool: object is left of the centre line",
    "objects_distance": "list of distances along the centre line from the first waypoint, metres",
    "objects_distance_from_center": "list of distances of the objects from the centre line, metres",
    "objects_heading": "list of headings of the objects, degrees, -180 to 180 (DeepRacer gave radians)",
    "objects_speed": "list of speeds of the objects, m/s",
    "object_in_camera": "True while the object ahead is in the camera's picture",
    "measured_speed": "speed of the car along its own axis, m/s (new in Lapwing)",
    "measured_steering_angle": "angle the front wheels really have, degrees, positive left (new in Lapwing)",
    "time": "simulated seconds since the start of this episode (new in Lapwing)",
}
"""Every key and its meaning, in one line each; all are always present."""

ADDED_KEYS = ("measured_speed", "measured_steering_angle", "time")
"""What DeepRacer does not have."""

COLUMNS_READ = (
    "X_M", "Y_M", "HEADING_RAD", "ARC_M", "LATERAL_M", "PROGRESS_PERCENT", "STEPS", "TIME_S",
    "COMMANDED_SPEED_MPS", "COMMANDED_STEERING_ANGLE_DEG",
    "MEASURED_SPEED_MPS", "MEASURED_STEERING_ANGLE_DEG", "TRACK_WIDTH_M",
    "WHEELS_ON_TRACK", "IS_OFF_TRACK", "IS_CRASHED", "IS_REVERSED",
    "PREVIOUS_WAYPOINT", "NEXT_WAYPOINT", "TRACK_INDEX",
)  # fmt: skip


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
    """Turns one row of `Simulator.measurements` into params.

    columns: name of a measurement -> its place in the row. roads: per track, (its own direction, reversed).
    """

    def __init__(self, columns: Mapping[str, int], roads: Sequence[tuple[Road, Road]]) -> None:
        self._pick = itemgetter(*(columns[name] for name in COLUMNS_READ))
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
        return {
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
        }
