"""What every kind of thing is made of: blocks in the thing's own frame, and how bright each is.

A block has a rectangle as its bottom and one as its top, in shares of the thing's half length, half width and height.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.cars import DEEPRACER, CarModel
from trainer.simulator.lidar import ROOF_M
from trainer.simulator.prisms import BAND, NO_STRIPE, TAPE
from trainer.simulator.things import CAR_HEIGHT_M, Kind

Four = tuple[float, float, float, float]

# Columns of BLOCKS. Low and high ends of the bottom and of the top, where they stand, and how far the sides lean
# inwards (sine), in the order front, left, rear, right. Brightness is shade times the thing's own level plus level.
(
    BOTTOM_X_LOW, BOTTOM_X_HIGH, BOTTOM_Y_LOW, BOTTOM_Y_HIGH, BOTTOM_Z,
    TOP_X_LOW, TOP_X_HIGH, TOP_Y_LOW, TOP_Y_HIGH, TOP_Z,
    LEAN_FRONT, LEAN_LEFT, LEAN_REAR, LEAN_RIGHT,
    SHADE, LEVEL, STRIPE, STRIPE_LOW, STRIPE_HIGH, STRIPE_SHADE, STRIPE_LEVEL, STEERED,
    NEAREST, FARTHEST,
) = range(24)  # fmt: skip
MOST_BLOCKS = 16

# A car's wheels are a pixel or two from here on: there it has one block instead of them.
FAR_M = 2.5
NEAR, FAR = (0.0, FAR_M), (FAR_M, math.inf)
# Levels of what has a colour of its own on every car.
TYRE, DARK, GLASS, LENS, WINDOW = 26.0, 34.0, 48.0, 16.0, 72.0


@dataclass(frozen=True, slots=True)
class Stripe:
    """A stripe of another brightness on a block."""

    kind: int = NO_STRIPE
    low: float = 0.0
    high: float = 0.0
    shade: float = 0.0
    level: float = 0.0


@dataclass(frozen=True, slots=True)
class Block:
    """One block. bottom, top: low and high x, low and high y; z: of the bottom and of the top.

    seen_m: between which distances of the thing it is painted.
    """

    bottom: Four
    top: Four
    z: tuple[float, float]
    shade: float = 1.0
    level: float = 0.0
    stripe: Stripe = Stripe()
    steered: bool = False
    seen_m: tuple[float, float] = (0.0, math.inf)


WHOLE: Four = (-1.0, 1.0, -1.0, 1.0)


def box(stripe: Stripe = Stripe()) -> list[Block]:
    """One block as large as the thing."""
    return [Block(WHOLE, WHOLE, (0.0, 1.0), stripe=stripe)]


def car(model: CarModel) -> list[Block]:
    """Wheels, chassis, body, cabin with windows, camera and LiDAR. In metres."""
    radius, axle, track = model.wheel_radius_m, 0.5 * model.wheelbase_m, 0.5 * model.track_width_m
    half_length, half_width, tyre = 0.5 * model.length_m, 0.5 * model.width_m, 0.02
    blocks = []
    for x in (-axle, axle):
        for y in (-track, track):
            foot = (x - 0.75 * radius, x + 0.75 * radius, y - tyre, y + tyre)
            middle = (x - radius, x + radius, y - tyre, y + tyre)
            blocks.append(Block(foot, middle, (0.0, radius), 0.0, TYRE, steered=x > 0, seen_m=NEAR))
            blocks.append(Block(middle, foot, (0.95 * radius, 2 * radius), 0.0, TYRE, steered=x > 0, seen_m=NEAR))
    chassis, wheels = (-0.13, 0.13, -0.055, 0.055), (-axle - radius, axle + radius, -track - tyre, track + tyre)
    body = (-half_length, half_length, -half_width, half_width)
    shoulder = (-half_length + 0.01, half_length - 0.03, -half_width + 0.02, half_width - 0.02)
    camera = (model.camera.x_m - 0.04, model.camera.x_m - 0.015, -0.03, 0.03)
    lidar, half = model.lidar, 0.5 * model.lidar.body_m
    tower = (lidar.x_m - half, lidar.x_m + half, lidar.y_m - half, lidar.y_m + half)
    return [
        *blocks,
        Block(chassis, chassis, (0.018, 0.055), 0.0, DARK, seen_m=NEAR),
        Block(wheels, wheels, (0.0, 0.055), 0.0, TYRE, seen_m=FAR),
        Block(body, shoulder, (0.05, 0.09)),
        Block(
            (-0.105, 0.1, -0.068, 0.068), (-0.075, 0.076, -0.05, 0.05), (0.088, ROOF_M), 0.85,
            stripe=Stripe(BAND, 0.2, 0.85, level=GLASS),
        ),
        Block(camera, camera, (0.088, model.camera.z_m + 0.012), 0.0, LENS, seen_m=NEAR),
        Block(tower, tower, (ROOF_M - 0.002, CAR_HEIGHT_M), 0.0, DARK, stripe=Stripe(BAND, 0.4, 0.8, level=WINDOW)),
    ]  # fmt: skip


def _row(block: Block, half_length: float, half_width: float, height: float) -> list[float]:
    """A block whose numbers are metres of a thing of this size, as a row of BLOCKS."""
    x_scale, y_scale = (half_length, half_length), (half_width, half_width)
    bottom, top = (np.array(four) / (*x_scale, *y_scale) for four in (block.bottom, block.top))
    rise = block.z[1] - block.z[0]
    # How far the top stands back behind the bottom: front, left, rear, right.
    back = [
        block.bottom[1] - block.top[1],
        block.bottom[3] - block.top[3],
        block.top[0] - block.bottom[0],
        block.top[2] - block.bottom[2],
    ]
    stripe = block.stripe
    return [
        *bottom, block.z[0] / height, *top, block.z[1] / height,
        *(by / math.hypot(by, rise) for by in back),
        block.shade, block.level, stripe.kind, stripe.low, stripe.high, stripe.shade, stripe.level, block.steered,
        *block.seen_m,
    ]  # fmt: skip


def _table() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """BLOCKS of all kinds, and (kinds, 2) first and last + 1 of each kind's."""
    of_car = [_row(block, DEEPRACER.length_m / 2, DEEPRACER.width_m / 2, CAR_HEIGHT_M) for block in car(DEEPRACER)]
    shapes = {
        Kind.BOX: box(),
        Kind.STRIPED_BOX: box(Stripe(BAND, 0.35, 0.7, shade=0.45)),
        Kind.PARCEL: box(Stripe(TAPE, -0.16, 0.16, shade=0.55)),
        Kind.BARRIER: box(),
    }
    rows: list[list[float]] = []
    ranges = np.zeros((len(Kind), 2), np.int64)
    for kind in Kind:
        first = len(rows)
        if kind in (Kind.PARKED_CAR, Kind.BOT_CAR, Kind.LEARNED_CAR):
            rows.extend(of_car)
        else:
            rows.extend(_row(block, 1.0, 1.0, 1.0) for block in shapes.get(kind, []))
        ranges[kind] = first, len(rows)
    return np.array(rows), ranges


BLOCKS, BLOCKS_OF_KIND = _table()
assert (BLOCKS_OF_KIND[:, 1] - BLOCKS_OF_KIND[:, 0]).max() <= MOST_BLOCKS
