"""Anywhere on the road is fine, as long as no wheel leaves it. Lets the car find its own line.

The reward is the speed while all four wheels are inside and the car keeps a hand's breadth from the border.
"""

SAFE_DISTANCE = 0.05  # metres between the front of the car and the border


def reward_function(params):
    # How far the front of the car is from the nearer border.
    to_border = params["track_width"] / 2 - params["distance_from_center"]

    if params["all_wheels_on_track"] and to_border >= SAFE_DISTANCE:
        return 0.001 + params["speed"]

    return 0.001


# mypy: ignore-errors
