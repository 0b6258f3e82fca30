"""Everything that can stand in a car's way, as records: what a world keeps of it, and how a sensor meets it.

OBJECT is the state of a world's boxes and bots. THING is what one car sees of an object, of another car or of a
barrier: the camera paints things, the LiDAR hits them, and contacts are overlaps of their rectangles.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from trainer.simulator.race import MOST_BARRIERS, MOST_BOTS, MOST_BOXES, MOST_CARS_PER_WORLD


class Kind(IntEnum):
    """What a thing is; decides its shape and how it is painted."""

    NOTHING = 0
    BOX = 1  # plain
    STRIPED_BOX = 2  # with a band around it
    PARCEL = 3  # with tape over its top
    PARKED_CAR = 4
    BOT_CAR = 5
    LEARNED_CAR = 6
    BARRIER = 7


# DeepRacer's boxes: 0.4 x 0.3 x 0.25 m (reference: the SDF of its box obstacles); length lies along the road.
BOX_LENGTH_M, BOX_WIDTH_M, BOX_HEIGHT_M = 0.4, 0.3, 0.25
# The names that DeepRacer's configuration has for box kinds.
DEEPRACER_KINDS = {
    "box_obstacle": "box",
    "deepracer_box_obstacle": "striped_box",
    "amazon_box_obstacle": "parcel",
    "parked_bot_car": "parked_car",
}

# A picture from behind or from above shows the car itself too.
MOST_THINGS = MOST_BOXES + MOST_BOTS + MOST_CARS_PER_WORLD + MOST_BARRIERS

# Cars, up to the top of their LiDAR.
CAR_HEIGHT_M = 0.19
BARRIER_THICKNESS_M = 0.05

# Levels are luma and colour channels, 0 to 255, before exposure. height_m: of the whole thing.
_LOOK = tuple((name, np.float64) for name in ("grey", "red", "green", "blue"))

# slot: the object's place in a car's measurements; barriers count on from there. arc_m, lateral_m: of its middle, in
# the track's own direction, left positive; 0 for barriers.
THING = np.dtype(
    [
        ("kind", np.int64),
        ("slot", np.int64),
        ("touchable", np.int64),
        *((name, np.float64) for name in (
            "x_m", "y_m", "heading_rad", "steering_angle_rad", "half_length_m", "half_width_m", "height_m",
            "arc_m", "lateral_m", "speed_mps",
        )),
        *_LOOK,
    ]
)  # fmt: skip

# One box or bot of a world. arc_m, lateral_m: of its middle, in the track's own direction, left positive. lane: -1
# right, 1 left of the centre line as the world is driven; lane_share: where between them it is. Bots only: the last
# two rows.
OBJECT = np.dtype(
    [
        ("kind", np.int64),
        ("active", np.int64),
        ("lane", np.int64),
        ("changes", np.int64),
        *((name, np.float64) for name in (
            "x_m", "y_m", "heading_rad", "half_length_m", "half_width_m", "height_m", "arc_m", "lateral_m",
            "speed_mps", "wanted_speed_mps", "lane_share", "next_change_s",
        )),
        *_LOOK,
    ]
)  # fmt: skip

# One world: its cars are the rows first_car to first_car + car_count - 1, and its first car is the one whose resets
# lay the objects anew. active_boxes, active_bots: how many of the settings' count take part from the next laying on.
# bot_speed_scale: factor of the bots' speeds from then on.
WORLD = np.dtype(
    [
        *((name, np.int64) for name in (
            "first_car", "car_count", "track_index", "direction", "layings", "active_boxes", "active_bots",
        )),
        *((name, np.float64) for name in ("bot_speed_scale", "time_s", "bots_wait_until_s")),
    ]
)  # fmt: skip
