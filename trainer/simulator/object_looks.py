"""What colour boxes, cars and barriers have: their kind's own, or one drawn by level, hue and saturation."""

from __future__ import annotations

import numpy as np

from shared.observation import LUMA_WEIGHTS
from trainer.simulator.colours import CAR_RGB
from trainer.simulator.kernels import kernel
from trainer.simulator.random_numbers import random_unit
from trainer.simulator.randomisation import QUANTITIES, STREAM_LOOKS
from trainer.simulator.things import Kind

RED_SHARE, GREEN_SHARE, BLUE_SHARE = (weight / sum(LUMA_WEIGHTS) for weight in LUMA_WEIGHTS)
FULL = 255.0

# Where nothing is drawn. A learned car has the colour of its place in the world instead.
KIND_RGB = np.zeros((len(Kind), 3))
KIND_RGB[Kind.BOX] = (176, 124, 74)
KIND_RGB[Kind.STRIPED_BOX] = (206, 206, 210)
KIND_RGB[Kind.PARCEL] = (190, 148, 98)
KIND_RGB[Kind.PARKED_CAR] = (120, 124, 132)
KIND_RGB[Kind.BOT_CAR] = (60, 64, 72)
KIND_RGB[Kind.BARRIER] = (190, 192, 196)

_ORDER = list(QUANTITIES)
OBJECT_LEVEL, OBJECT_HUE, OBJECT_SATURATION, OBJECT_SIZE = (
    _ORDER.index(name) for name in ("object_level", "object_hue_deg", "object_saturation", "object_size")
)
# Counters of one object's draws lie this far apart.
DRAWS_EACH = 4


@kernel
def draw_looks(objects, ranges, seed, episode):
    """Draw the colour of every object of one world. objects: (K,) OBJECT."""
    for k in range(len(objects)):
        item = objects[k]
        level = drawn(ranges, OBJECT_LEVEL, seed, episode, DRAWS_EACH * k)
        hue_deg = drawn(ranges, OBJECT_HUE, seed, episode, DRAWS_EACH * k + 1)
        saturation = drawn(ranges, OBJECT_SATURATION, seed, episode, DRAWS_EACH * k + 2)
        give_colour(item, KIND_RGB[item.kind], level, hue_deg, saturation)


@kernel
def draw_size(ranges, seed, episode, k):
    """The factor of one object's size."""
    return drawn(ranges, OBJECT_SIZE, seed, episode, DRAWS_EACH * k + 3)


@kernel
def drawn(ranges, quantity, seed, episode, counter):
    """One object's draw of a quantity from its range."""
    low = ranges[quantity, 0]
    return low + (ranges[quantity, 1] - low) * random_unit(seed, episode, STREAM_LOOKS, counter)


@kernel
def colour_car(car, draw, place):
    """Give a learned car the colour it has drawn, or that of its place among the cars of its world."""
    own = CAR_RGB[place % len(CAR_RGB)]
    give_colour(car, own, draw.object_level, draw.object_hue_deg, draw.object_saturation)


@kernel
def give_colour(item, own_rgb, level, hue_deg, saturation):
    """Set grey, red, green and blue; where a channel is full, the colour goes to white."""
    if level < 0.0:
        red, green, blue = float(own_rgb[0]), float(own_rgb[1]), float(own_rgb[2])
        level = RED_SHARE * red + GREEN_SHARE * green + BLUE_SHARE * blue
    else:
        red, green, blue = full_colour(hue_deg, saturation)
        most = RED_SHARE * red + GREEN_SHARE * green + BLUE_SHARE * blue
        if level <= most:
            red, green, blue = red * level / most, green * level / most, blue * level / most
        else:
            whiter = (level - most) / (FULL - most)
            red, green, blue = (
                red + (FULL - red) * whiter,
                green + (FULL - green) * whiter,
                blue + (FULL - blue) * whiter,
            )
    item.grey, item.red, item.green, item.blue = level, red, green, blue


@kernel
def full_colour(hue_deg, saturation):
    """Red, green and blue of a hue, the brightest of them full."""
    return (
        full_channel(hue_deg, saturation, 5.0),
        full_channel(hue_deg, saturation, 3.0),
        full_channel(hue_deg, saturation, 1.0),
    )


@kernel
def full_channel(hue_deg, saturation, sector):
    """One channel of the hexcone: at its fullest within 60 degrees of its own hue."""
    k = (sector + hue_deg / 60.0) % 6.0
    return FULL * (1.0 - saturation * max(0.0, min(min(k, 4.0 - k), 1.0)))
