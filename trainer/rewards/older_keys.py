"""What params and its values were called before DeepRacer settled on them.

A file that names one of the head-to-bot keys finds it in params, next to the others; for whatever else changed its
name, the messages about mistakes know the new one. Standard library only: this also runs in the reward worker.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from math import atan2, degrees, hypot
from typing import Any

WEDGE_DEG = 30.0  # half the angle within which a car points at the one in front of it
NO_OBJECT_M = 1000.0

RENAMED = {
    "on_track": "all_wheels_on_track",
    "car_orientation": "heading, in degrees instead of radians",
    "throttle": "speed, in m/s instead of 0 to 1",
    "steering": "steering_angle, in degrees instead of -1 to 1",
    "closest_waypoint": "closest_waypoints, a pair instead of one index",
}
"""Names of the first signature, reward_function(on_track, x, y, ...), and what is read from params instead."""


def older_keys_in(tree: ast.Module) -> tuple[str, ...]:
    """The head-to-bot keys that a program names."""
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return tuple(key for key in OLDER_KEYS if key in texts)


def add_older_keys(params: dict[str, Any], keys: tuple[str, ...]) -> None:
    """Put those keys into params. They speak of every object, whatever its kind."""
    for key in keys:
        params[key] = OLDER_KEYS[key](params)


def _gaps_m(params: dict[str, Any]) -> list[float]:
    """Along the centre line to every object; ahead positive, on a loop at most half the track."""
    gaps_m = [distance - params["projection_distance"] for distance in params["objects_distance"]]
    if params["waypoints"][0] != params["waypoints"][-1]:
        return gaps_m  # no way leads round
    length_m = params["track_length"]
    ahead_m = [gap % length_m for gap in gaps_m]
    return [gap - length_m if gap > length_m / 2 else gap for gap in ahead_m]


def _is_in_lane_of_next(params: dict[str, Any]) -> bool:
    sides = params["objects_left_of_center"]
    return bool(sides) and bool(sides[params["closest_objects"][1]] == params["is_left_of_center"])


def _distances_m(params: dict[str, Any]) -> list[float]:
    return [hypot(x - params["x"], y - params["y"]) for x, y in params["objects_location"]]


def _points_at_it(params: dict[str, Any]) -> bool:
    """Whether, of the car and the object closest to it, the one behind points at the other."""
    distances_m = _distances_m(params)
    if not distances_m:
        return False
    closest = distances_m.index(min(distances_m))
    (x_m, y_m), heading_deg = params["objects_location"][closest], params["heading"]
    away_x_m, away_y_m = x_m - params["x"], y_m - params["y"]
    if _gaps_m(params)[closest] < 0.0:
        away_x_m, away_y_m, heading_deg = -away_x_m, -away_y_m, params["objects_heading"][closest]
    off_deg: float = degrees(atan2(away_y_m, away_x_m)) - heading_deg
    return abs((off_deg + 180.0) % 360.0 - 180.0) < WEDGE_DEG


OLDER_KEYS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "bot_car_progress": _gaps_m,
    "bot_car_lane_match": _is_in_lane_of_next,
    "flag_unsafe": _points_at_it,
    "dist_closest_bot": lambda params: min(_distances_m(params), default=NO_OBJECT_M),
    "is_bot_in_camera": lambda params: params["object_in_camera"],
}
"""Keys of DeepRacer's head-to-bot prototype: metres to every object along the road (ahead positive), whether the
next one ahead is in the car's lane, whether the closest one is being pointed at, how far away it is (straight,
metres), whether the next one ahead is in the picture."""
