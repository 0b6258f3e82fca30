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
CLEAR_OF_MOVING = 0.45  # metres sideways between the two middles: a car is 0.2 m wide
CLEAR_OF_STANDING = 0.5  # and a box 0.3 m
CLEAR_SHARE = 0.45  # of the width of the road, where it is too narrow for that
IN_TIME = 1.4  # seconds before contact at which it begins to cost
DANGER = 4.0  # what is taken away for closing in on somebody just before contact
HARD = 0.5  # m/s between the two from which a contact is as bad as can be
HALF_OBJECT = 0.16  # metres from the middle of another car to its end
CAR_LENGTH = 0.28

# The place on the road, as a share of its half width: the middle is best, the edge is bad.
PLACE = 0.6  # taken away on the border for not being in the middle
EDGE_BEGINS = 0.65
EDGE = 2.0  # taken away on the border on top of that
STEERING = 0.1  # taken away for turning the wheels by 30 degrees from one step to the next

# Each costs more than passing somebody ever brings: one lap meets many, and one of them touched is a lap lost.
CRASH = -50.0
OFF_TRACK = -60.0  # worse than a crash: or the road is left to get out of the way
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
    is_loop = params["waypoints"][0] == params["waypoints"][-1]  # else no way leads from the end to the beginning
    worst = 0.0

    for index, distance in enumerate(params["objects_distance"]):
        # From the front of the car to the middle of the other, along the road; behind the car negative.
        gap = distance - params["projection_distance"]
        if is_loop:
            gap = (gap + length / 2) % length - length / 2
        speed = params["objects_speed"][index]
        if gap < -CAR_LENGTH - (0.0 if speed > 0.0 else HALF_OBJECT):
            continue  # passed; whoever comes up from behind has to look out himself

        # How much the other is in the way, from 0 to 1.
        clear = min(CLEAR_OF_MOVING if speed > 0.0 else CLEAR_OF_STANDING, CLEAR_SHARE * params["track_width"])
        from_center = params["objects_distance_from_center"][index]
        sideways = abs((from_center if params["objects_left_of_center"][index] else -from_center) - lateral)
        if sideways >= clear:
            continue
        in_the_way = 1.0 - (sideways / clear) ** 2

        # How soon the two meet if neither changes its speed; beside each other they already do.
        turned = math.radians(params["objects_heading"][index] - params["heading"])
        closing = params["measured_speed"] - speed * math.cos(turned)
        free = max(gap - HALF_OBJECT, 0.0)
        if free == 0.0:
            worst = max(worst, in_the_way)
        elif closing > 0.0:
            soon = max(0.0, 1.0 - free / closing / IN_TIME)
            worst = max(worst, in_the_way * soon * min(closing / HARD, 1.0))

    return worst


def off_the_middle(params):
    """What the place on the road costs: a little beside the middle, much at the edge."""
    share = min(params["distance_from_center"] / (params["track_width"] / 2), 1.0)
    at_edge = max((share - EDGE_BEGINS) / (1.0 - EDGE_BEGINS), 0.0)
    return PLACE * share**2 + EDGE * at_edge**2


def reward_function(params):
    global last_steering
    change = 0.0 if params["steps"] <= 2 else abs(params["steering_angle"] - last_steering)
    last_steering = params["steering_angle"]
    metres, more_passed = since_last_step(params)

    if params["is_offtrack"]:
        return OFF_TRACK
    if params["is_crashed"]:
        return CRASH

    reward = PER_METRE * metres + OVERTAKING * more_passed
    reward = reward - DANGER * danger(params) - off_the_middle(params) - STEERING * change / 30.0
    if params["progress"] >= 100.0:
        reward = reward + LAP
    return min(max(reward, -10.0), 10.0)


# mypy: ignore-errors
