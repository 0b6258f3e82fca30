"""Steer at a point on the centre line ahead of the car, as a human driver does. Smooth in corners.

The steering angle that would lead to the point is worked out from the car's position and heading; the
reward is high when the commanded angle is close to it.
"""

import math

LOOK_AHEAD = 0.9  # metres from the front of the car to the point it should steer at
WHEELBASE = 0.164  # metres between the axles of a DeepRacer
TOLERANCE = 15.0  # degrees off the right angle at which half of the reward is lost


def target_point(params):
    """The first waypoint ahead that is at least LOOK_AHEAD away."""
    waypoints = params["waypoints"]
    index = params["closest_waypoints"][1]
    for _ in range(len(waypoints)):
        x, y = waypoints[index]
        if math.hypot(x - params["x"], y - params["y"]) >= LOOK_AHEAD:
            break
        index = (index + 1) % len(waypoints)
    return waypoints[index]


def best_steering(params):
    """The steering angle in degrees, left positive, whose circle leads through the target point."""
    x, y = target_point(params)
    distance = math.hypot(x - params["x"], y - params["y"])
    heading = math.radians(params["heading"])
    angle = math.atan2(y - params["y"], x - params["x"]) - heading
    steering = math.atan2(2 * WHEELBASE * math.sin(angle), distance)

    # A target at the side or behind needs all the steering there is.
    if math.cos(angle) < 0:
        return math.copysign(30.0, math.sin(angle))
    return max(-30.0, min(30.0, math.degrees(steering)))


def reward_function(params):
    if params["is_offtrack"]:
        return 0.001

    error = abs(best_steering(params) - params["steering_angle"])
    aim = 1.0 / (1.0 + (error / TOLERANCE) ** 2)

    # Being near the border is worth less, so that a car that has lost its way steers back.
    share = params["distance_from_center"] / (params["track_width"] / 2)
    place = max(0.0, 1.0 - share**2)

    return 0.001 + aim * place * params["speed"]


# mypy: ignore-errors
