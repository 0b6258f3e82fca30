"""A track seen from above, for films: its road, the paths driven on it, and the things on it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from trainer.simulator import Simulator
from trainer.simulator.state import FIRST_STATUS_OVER
from trainer.simulator.things import Kind
from trainer.tracks import Track

Colour = tuple[int, int, int]
Trail = tuple[Colour, Sequence[tuple[float, float]]]

# No car drives as far as this in a step, and one that stands came from no further than this.
DRIVING_JUMP_M, STANDING_JUMP_M, STANDING_MPS = 0.6, 0.08, 0.05
SMALLEST_PX = 22  # of the double-size picture: the length of what would be too small to be seen
THINNEST_PX = 6  # of the double-size picture: what is thinner would be nothing but its dark edge

FIELD, ROAD, BORDER, CENTER, EDGE = (46, 92, 58), (58, 60, 66), (240, 240, 240), (222, 184, 60), (0, 0, 0)
# Slow to fast; dark to light as well, so that it reads without colour vision (the anchors of "plasma").
SPEED_COLOURS = np.array([(84, 39, 203), (178, 42, 144), (225, 100, 98), (252, 166, 54), (240, 249, 33)], float)
COLOUR_OF_KIND: dict[int, Colour] = {
    Kind.BOX: (188, 142, 92),
    Kind.STRIPED_BOX: (214, 120, 60),
    Kind.PARCEL: (166, 118, 66),
    Kind.PARKED_CAR: (120, 150, 190),
    Kind.BOT_CAR: (176, 180, 188),
    Kind.LEARNED_CAR: (244, 172, 30),
    Kind.BARRIER: (205, 208, 214),
}


@dataclass(frozen=True, slots=True)
class MapThing:
    """Something on the road, seen from above. is_pointed: an arrowhead, as cars have it. label: beside it."""

    x_m: float
    y_m: float
    heading_rad: float
    colour: Colour
    length_m: float = 0.30
    width_m: float = 0.165
    is_pointed: bool = False
    label: str = ""


class TrackMap:
    """A track with the path of one car on it, coloured by speed, and with things. Drawn at twice the size."""

    def __init__(self, track: Track, width_px: int, height_px: int, *, max_speed_mps: float) -> None:
        self._max_speed_mps = max_speed_mps
        corners = np.concatenate([track.left_border_m, track.right_border_m])
        low, high = corners.min(axis=0), corners.max(axis=0)
        room_px = 0.90 * np.array([width_px, height_px]) * 2
        self._scale_px_per_m = float((room_px / np.maximum(high - low, 0.1)).min())
        self._middle_m = (low + high) / 2
        self._middle_px = np.array([width_px, height_px], dtype=float)
        self._previous_m: tuple[float, float] | None = None
        self._picture = Image.new("RGB", (2 * width_px, 2 * height_px), FIELD)
        self._draw_track(track)

    def to_px(self, points_m: NDArray[np.float64]) -> list[tuple[float, float]]:
        """Pixels of the double-size picture of points (..., 2) in metres; y grows downwards in a picture."""
        offset = (np.reshape(points_m, (-1, 2)) - self._middle_m) * self._scale_px_per_m
        return [(float(x), float(y)) for x, y in self._middle_px + offset * (1, -1)]

    def extend(self, x_m: float, y_m: float, speed_mps: float) -> None:
        """Draw the path on to this point. A jump, as of a car that was put back, leaves a gap."""
        previous_m, self._previous_m = self._previous_m, (x_m, y_m)
        if previous_m is None or was_put_there(previous_m, (x_m, y_m), speed_mps):
            return
        previous, here = self.to_px(np.array([previous_m, (x_m, y_m)]))
        colour = speed_colour(speed_mps / self._max_speed_mps)
        width = max(4, round(0.05 * self._scale_px_per_m))
        draw = ImageDraw.Draw(self._picture)
        draw.line((*previous, *here), fill=colour, width=width)
        # Round ends, so that the bends of the path have no notches.
        radius = width / 2
        draw.ellipse((here[0] - radius, here[1] - radius, here[0] + radius, here[1] + radius), fill=colour)

    def draw(self, things: Iterable[MapThing], trails: Sequence[Trail] = ()) -> Image.Image:
        """The map with things on it, at their real size (but never smaller than can be seen).

        trails: colour and the points, in metres, that something came along lately.
        """
        picture = self._picture.copy()
        draw = ImageDraw.Draw(picture)
        for colour, points_m in trails:
            if len(points_m) > 1:
                draw.line(self.to_px(np.array(points_m)), fill=colour, width=max(3, round(0.03 * self._scale_px_per_m)))
        for thing in things:
            self._draw_thing(draw, thing)
        return picture.reduce(2)

    def _draw_thing(self, draw: ImageDraw.ImageDraw, thing: MapThing) -> None:
        growth = max(1.0, SMALLEST_PX / self._scale_px_per_m / thing.length_m)
        ahead = np.array([math.cos(thing.heading_rad), math.sin(thing.heading_rad)]) * thing.length_m / 2 * growth
        left = np.array([-ahead[1], ahead[0]]) * thing.width_m / thing.length_m
        here = np.array([thing.x_m, thing.y_m])
        corners = [here + ahead + left, here - ahead + left, here - ahead - left, here + ahead - left]
        if thing.is_pointed:
            corners = [here + ahead, here - ahead + left, here - ahead - left]
        is_thin = thing.width_m * growth * self._scale_px_per_m < THINNEST_PX
        edge = thing.colour if is_thin else EDGE
        draw.polygon(self.to_px(np.array(corners)), fill=thing.colour, outline=edge, width=2)
        if thing.label:
            x, y = self.to_px(here)[0]
            place = (x + SMALLEST_PX, y)
            draw.text(place, thing.label, BORDER, anchor="lm", font_size=26, stroke_width=3, stroke_fill=EDGE)

    def _draw_track(self, track: Track) -> None:
        draw = ImageDraw.Draw(self._picture)
        left, right = self.to_px(track.left_border_m), self.to_px(track.right_border_m)
        # Quadrilateral by quadrilateral: a polygon of the whole ring would fill wrongly where a track nears
        # itself.
        for i in range(len(left) - 1):
            draw.polygon((left[i], left[i + 1], right[i + 1], right[i]), fill=ROAD)
        width = max(2, round(0.03 * self._scale_px_per_m))
        for border in (left, right):
            draw.line(border, fill=BORDER, width=width, joint="curve")
        dash_m = 0.2
        for arc_m in np.arange(0.0, track.length_m, 2 * dash_m):
            ends = track.position(np.array([arc_m, min(arc_m + dash_m, track.length_m)]))
            draw.line(self.to_px(ends), fill=CENTER, width=max(1, width // 2))
        start = np.stack([track.left_border_m[0], track.right_border_m[0]])
        draw.line(self.to_px(start), fill=(230, 60, 60), width=width)


def was_put_there(before_m: tuple[float, float], here_m: tuple[float, float], speed_mps: float) -> bool:
    """Whether a car was moved by somebody since the step before, instead of driving there."""
    longest_m = STANDING_JUMP_M if speed_mps < STANDING_MPS else DRIVING_JUMP_M
    return math.dist(before_m, here_m) > longest_m


def things_around(simulator: Simulator, car: int) -> tuple[MapThing, ...]:
    """The barriers of a car's track, and the boxes and bots of its world."""
    record = simulator.cars.records[car]
    objects = simulator.objects[int(record["world_index"])]
    things = [*simulator.barriers(int(record["track_index"])), *objects[objects["active"] != 0]]
    return tuple(
        MapThing(
            x_m=float(thing["x_m"]),
            y_m=float(thing["y_m"]),
            heading_rad=float(thing["heading_rad"]),
            colour=COLOUR_OF_KIND[int(thing["kind"])],
            length_m=2 * float(thing["half_length_m"]),
            width_m=2 * float(thing["half_width_m"]),
            is_pointed=int(thing["kind"]) in (Kind.BOT_CAR, Kind.PARKED_CAR),
        )
        for thing in things
    )


def cars_around(simulator: Simulator, car: int) -> tuple[MapThing, ...]:
    """The other learned cars of a car's world that still drive."""
    records = simulator.cars.records
    is_other = (records["world_index"] == records["world_index"][car]) & (np.arange(len(records)) != car)
    return tuple(
        MapThing(
            x_m=float(record["x_m"]),
            y_m=float(record["y_m"]),
            heading_rad=float(record["heading_rad"]),
            colour=COLOUR_OF_KIND[Kind.LEARNED_CAR],
            is_pointed=True,
        )
        for record in records[is_other & (records["status"] < FIRST_STATUS_OVER)]
    )


def speed_colour(fraction: float) -> Colour:
    """Colour of a speed as a fraction of the fastest one."""
    place = min(max(fraction, 0.0), 1.0) * (len(SPEED_COLOURS) - 1)
    channels = [round(float(np.interp(place, range(len(SPEED_COLOURS)), SPEED_COLOURS[:, i]))) for i in range(3)]
    return channels[0], channels[1], channels[2]
