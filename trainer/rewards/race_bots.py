"""Race among moving cars: drive on, do not run into anybody, and overtake. For head-to-bot and head-to-head.

Pays for the way driven since the last step, which is 1 a step at 1 m/s, and for every car passed; a car that passes
you takes that back, so letting one by to pass it again gains nothing. What is taken away is closing in on a car in
front that is not passed with room at the side. Following one at its own speed, however closely, costs nothing: with
both lanes blocked that is the best there is.
"""

import math

PER_METRE = 15.0  # 15 steps a second at 1 m/s make it 1 a step
OVERTAKING = 3.0

# Others are in the way when they are less than this from the car's line, the more so the nearer to that line.
CLEAR_OF_MOVING = 0.35  # metres sideways between the two middles: a car is 0.2 m wide
CLEAR_OF_STANDING = 0.42  # and a box 0.3 m
IN_TIME = 1.0  # seconds before contact at which it begins to cost
DANGER = 2.0  # what is taken away for closing in on somebody just before contact
HALF_OBJECT = 0.16  # metres from the middle of another car to its end
CAR_LENGTH = 0.28

EDGE_BEGINS = 0.6  # share of the half width
STEERING = 0.1  # taken away for turning the wheels by 30 degrees from one step to the next

CRASH = -5.0
LAP = 10.0

last_steps = 0
last_progress = 0.0
last_passed = 0
last_steering = 0.0


def since_last_step(params):
    """Metres driven along the centre line, and how many cars more were passed than passed us."""
    global last_steps, last_progress, last_passed
    steps, progress = params["steps"], params["progress"]
    passed = params["overtakes"] - params["overtaken"]

    # An episode begins at step 1 with 0 percent. If a step was missed, nobody knows what happened meanwhile.
    if steps <= 2:
        last_progress, last_passed = 0.0, 0
    elif steps != last_steps + 1:
        last_progress, last_passed = progress, passed
    share, more = progress - last_progress, passed - last_passed
    last_steps, last_progress, last_passed = steps, progress, passed

    # The percentage jumps by 100 at the line: no car drives half a lap in a step.
    return (share - 100.0 * round(share / 100.0)) / 100.0 * params["track_length"], more


def danger(params):
    """From 0 for a free road to 1 just before running into somebody."""
    lateral = params["distance_from_center"] if params["is_left_of_center"] else -params["distance_from_center"]
    length = params["track_length"]
    worst = 0.0

    for index, distance in enumerate(params["objects_distance"]):
        # From the front of the car to the middle of the other, along the road; behind the car negative.
        gap = (distance - params["projection_distance"]) % length
        if gap > length / 2:
            gap = gap - length
        speed = params["objects_speed"][index]
        if gap < -CAR_LENGTH - (0.0 if speed > 0.0 else HALF_OBJECT):
            continue  # passed; whoever comes up from behind has to look out himself

        # How much the other is in the way, from 0 to 1.
        clear = CLEAR_OF_MOVING if speed > 0.0 else CLEAR_OF_STANDING
        from_center = params["objects_distance_from_center"][index]
        sideways = abs((from_center if params["objects_left_of_center"][index] else -from_center) - lateral)
        if sideways >= clear:
            continue
        in_the_way = 1.0 - (sideways / clear) ** 2

        # How soon the two meet if neither changes its speed; beside each other they already do.
        turned = math.radians(params["objects_heading"][index] - params["heading"])
        closing = params["measured_speed"] - speed * math.cos(turned)
        free = max(gap - HALF_OBJECT, 0.0)
        seconds = free / closing if closing > 0.0 else math.inf if free > 0.0 else 0.0
        worst = max(worst, in_the_way * max(0.0, 1.0 - seconds / IN_TIME))

    return worst


def edge(params):
    """0 in the middle of the road, 1 with the front of the car on the border."""
    share = params["distance_from_center"] / (params["track_width"] / 2)
    return min(max((share - EDGE_BEGINS) / (1.0 - EDGE_BEGINS), 0.0), 1.0) ** 2


def reward_function(params):
    global last_steering
    change = 0.0 if params["steps"] <= 2 else abs(params["steering_angle"] - last_steering)
    last_steering = params["steering_angle"]
    metres, more_passed = since_last_step(params)

    if params["is_crashed"] or params["is_offtrack"]:
        return CRASH

    reward = PER_METRE * metres + OVERTAKING * more_passed
    reward = reward - DANGER * danger(params) - edge(params) - STEERING * change / 30.0
    if params["progress"] >= 100.0:
        reward = reward + LAP
    return min(max(reward, -10.0), 10.0)


# mypy: ignore-errors
