"""Drive on, keep clear of what stands in the way, and steer gently: learns object avoidance in minutes.

Pays for the way driven since the last step, which is 1 a step at 1 m/s, and takes away what leads to trouble before
it comes: closing in on an object that is not passed with room at the side, and driving beside the middle of the
road or even at its edge. Nothing is gained by standing, turning round or driving to and fro: only the way ahead
counts, and what is driven back is taken away again.
"""

import math

PER_METRE = 15.0  # 15 steps a second at 1 m/s make it 1 a step

# An object is in the way when it is less than CLEAR from the car's line, the more so the nearer to that line it is.
CLEAR = 0.5  # metres sideways between the two middles: a box is 0.3 m wide, the car 0.2 m
CLEAR_SHARE = 0.45  # of the width of the road, where it is too narrow for that
IN_TIME = 1.4  # seconds before contact at which it begins to cost
DANGER = 4.0  # what is taken away for driving straight at an object just before contact
HARD = 0.5  # m/s between the two from which a contact is as bad as can be
HALF_OBJECT = 0.2  # metres from the middle of an object to its end
CAR_LENGTH = 0.28

# The place on the road, as a share of its half width: the middle is best, the edge is bad.
PLACE = 0.6  # taken away on the border for not being in the middle
EDGE_BEGINS = 0.65
EDGE = 2.0  # taken away on the border on top of that
STEERING = 0.1  # taken away for turning the wheels by 30 degrees from one step to the next

# Each costs more than getting past in a hurry ever brings: one lap meets many, and one of them touched is a lap lost.
CRASH = -25.0
OFF_TRACK = -30.0  # worse than a crash: or the road is left to get out of the way
LAP = 10.0

last_steps = 0
last_progress = 0.0
last_steering = 0.0


def driven(params):
    """Metres along the centre line since the last step."""
    global last_steps, last_progress
    steps, progress = params["steps"], params["progress"]

    # An episode begins at step 1 with 0 percent. If a step was missed, nobody knows how far the car came.
    before = 0.0 if steps <= 2 else last_progress if steps == last_steps + 1 else progress
    last_steps, last_progress = steps, progress

    # The percentage jumps by 100 at the line: no car drives half a lap in a step.
    share = progress - before
    return (share - 100.0 * round(share / 100.0)) / 100.0 * params["track_length"]


def danger(params):
    """From 0 for a free road to 1 just before driving straight into something."""
    lateral = params["distance_from_center"] if params["is_left_of_center"] else -params["distance_from_center"]
    length = params["track_length"]
    is_loop = params["waypoints"][0] == params["waypoints"][-1]  # else no way leads from the end to the beginning
    clear = min(CLEAR, CLEAR_SHARE * params["track_width"])
    worst = 0.0

    for index, distance in enumerate(params["objects_distance"]):
        # From the front of the car to the middle of the object, along the road; behind the car negative.
        gap = distance - params["projection_distance"]
        if is_loop:
            gap = (gap + length / 2) % length - length / 2
        if gap < -(CAR_LENGTH + HALF_OBJECT):
            continue  # the whole car is past it

        # How much the object is in the way, from 0 to 1.
        from_center = params["objects_distance_from_center"][index]
        sideways = abs((from_center if params["objects_left_of_center"][index] else -from_center) - lateral)
        if sideways >= clear:
            continue
        in_the_way = 1.0 - (sideways / clear) ** 2

        # How soon the two meet if neither changes its speed; beside each other they already do.
        turned = math.radians(params["objects_heading"][index] - params["heading"])
        closing = params["measured_speed"] - params["objects_speed"][index] * math.cos(turned)
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
    reward = PER_METRE * driven(params)

    if params["is_offtrack"]:
        return OFF_TRACK
    if params["is_crashed"]:
        return CRASH

    reward = reward - DANGER * danger(params) - off_the_middle(params) - STEERING * change / 30.0
    if params["progress"] >= 100.0:
        reward = reward + LAP
    return min(max(reward, -10.0), 10.0)


# mypy: ignore-errors
