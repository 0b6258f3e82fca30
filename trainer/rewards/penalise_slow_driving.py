"""Drive fast on the straights: a speed below what the road ahead allows costs most of the reward.

Looks along the waypoints ahead to see how much the road turns, and wants full speed where it is straight.
"""

import math

FULL_SPEED = 1.0  # m/s; set it to the highest speed of your action space
LOOK_AHEAD = 1.0  # metres
STRAIGHT = 20.0  # degrees of turn within LOOK_AHEAD that still count as straight


def turn_ahead(params):
    """How many degrees the road turns within LOOK_AHEAD."""
    waypoints = params["waypoints"]
    here, first = params["closest_waypoints"]
    start = direction(waypoints[here], waypoints[first])

    # Go from waypoint to waypoint until the distance is covered. The first and last are the same place.
    index, distance = first, 0.0
    for _ in range(len(waypoints)):
        following = (index + 1) % len(waypoints)
        step = math.dist(waypoints[index], waypoints[following])
        distance = distance + step
        if step > 0:
            end = direction(waypoints[index], waypoints[following])
        if distance >= LOOK_AHEAD:
            break
        index = following

    return abs((end - start + 180) % 360 - 180)


def direction(a, b):
    """Direction from point a to point b in degrees."""
    return math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]))


def reward_function(params):
    if not params["all_wheels_on_track"]:
        return 0.001

    # 1 in the middle 60 % of the road, falling to 0 at the border.
    share = params["distance_from_center"] / (params["track_width"] / 2)
    place = min(1.0, max(0.0, (1.0 - share) / 0.4))

    pace = min(params["speed"] / FULL_SPEED, 1.0)
    if turn_ahead(params) < STRAIGHT:
        # Full speed earns 1, half speed only an eighth.
        return 0.001 + place * pace**3

    # In corners any speed is welcome.
    return 0.001 + place * (0.5 + 0.5 * pace)


# mypy: ignore-errors
