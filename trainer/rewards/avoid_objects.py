"""Stay inside the borders, and away from the next object when it is in your lane. For object avoidance.

What DeepRacer's console taught: a reward for keeping to the road, made small by an object that is near and in the
same half of the road. Simple to understand, and slower to learn from than avoid_objects_smoothly.
"""

import math

SAFE_DISTANCE = 0.05  # metres between the front of the car and the border
NEAR = 0.8  # metres to the object; nearer than this begins to cost
NEARER = 0.5
NEAREST = 0.3


def distance_in_lane(params):
    """Metres to the next object ahead if it is in the car's half of the road; else infinity."""
    if not params["objects_location"]:
        return math.inf
    following = params["closest_objects"][1]
    if params["objects_left_of_center"][following] != params["is_left_of_center"]:
        return math.inf

    # Of a single object that is behind, the way round the track is the way to it.
    way = (params["objects_distance"][following] - params["projection_distance"]) % params["track_length"]
    if way > params["track_length"] / 2:
        return math.inf

    x, y = params["objects_location"][following]
    return math.hypot(x - params["x"], y - params["y"])


def reward_function(params):
    if params["is_crashed"] or params["is_offtrack"]:
        return 0.001

    # Anywhere on the road is fine, as long as no wheel comes too near to its border.
    to_border = params["track_width"] / 2 - params["distance_from_center"]
    place = 1.0 if params["all_wheels_on_track"] and to_border >= SAFE_DISTANCE else 0.001

    # The nearer the object in this lane, the less is left.
    distance = distance_in_lane(params)
    if distance < NEAREST:
        clear = 0.001
    elif distance < NEARER:
        clear = 0.2
    elif distance < NEAR:
        clear = 0.5
    else:
        clear = 1.0

    return 0.001 + place * clear * params["speed"]


# mypy: ignore-errors
