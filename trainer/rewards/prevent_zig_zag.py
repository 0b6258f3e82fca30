"""Follow the centre line without weaving: sharp steering, and steering to and fro, cost part of the reward.

Shows how to remember something between calls: each car has a copy of this file of its own, so a plain
variable holds that car's last steering angle.
"""

SHARP = 15.0  # degrees; steering more than this is for real corners only

last_steering = 0.0


def reward_function(params):
    global last_steering

    # A new episode begins: forget the one before.
    if params["steps"] <= 2:
        last_steering = 0.0

    steering = params["steering_angle"]
    change = abs(steering - last_steering)
    last_steering = steering

    if params["is_offtrack"]:
        return 0.001

    # 1 on the centre line, 0 at the border, times the speed.
    half_width = params["track_width"] / 2
    reward = max(0.0, 1.0 - params["distance_from_center"] / half_width) * params["speed"]

    # Up to 30 % less for turning the wheels by 30 degrees or more since the last step.
    reward = reward * (1.0 - 0.3 * min(change / 30.0, 1.0))

    # 10 % less while steering sharply.
    if abs(steering) > SHARP:
        reward = reward * 0.9

    return 0.001 + reward


# mypy: ignore-errors
