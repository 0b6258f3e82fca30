"""Pictures for people and for the emulated camera: colour, any size, from the car, from behind it or from above.

The same scene and the same loops as the training camera's, for three channels instead of one. A picture four times as
wide, reduced by four, is the training camera's picture: blur and noise keep the size of its pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shared.errors import SimulationError
from shared.observation import LUMA_WEIGHTS
from shared.sensors import CAMERA_WIDTH_PX
from trainer.simulator.colours import mix_colours
from trainer.simulator.fused import fma
from trainer.simulator.gathering import copy_car, gather_things
from trainer.simulator.kernels import kernel
from trainer.simulator.picture import (
    NOISE_MASK,
    choose_blur,
    draw_levels,
    noise_key_of,
    prepare_scene,
)
from trainer.simulator.random_numbers import mixed
from trainer.simulator.solids import RED, paint_things
from trainer.simulator.surface_rows import ONE, WHITE, WIDEST_PX, ZERO, F
from trainer.simulator.textures import NOISE_UNIT
from trainer.simulator.view import look_from_above, look_from_behind, look_through_camera
from trainer.simulator.work import WorkSpace, make_work_space
from trainer.simulator.worlds import Race
from trainer.tracks import Track

ViewName = Literal["camera", "chase", "top", "left_camera", "right_camera"]
CAMERA, CHASE, TOP, LEFT_CAMERA, RIGHT_CAMERA = 0, 1, 2, 3, 4
RED_SHARE, GREEN_SHARE, BLUE_SHARE = (F(weight / sum(LUMA_WEIGHTS)) for weight in LUMA_WEIGHTS)
VIEWS = {
    "camera": CAMERA,
    "chase": CHASE,
    "top": TOP,
    "left_camera": LEFT_CAMERA,
    "right_camera": RIGHT_CAMERA,
}


@dataclass(frozen=True, slots=True, eq=False)
class Scenery:
    """What a simulator lends to be drawn: its arrays, as the kernels take them."""

    tracks: Sequence[Track]
    cars: NDArray[np.void]
    draws: NDArray[np.void]
    track_records: NDArray[np.void]
    line: NDArray[np.float64]
    ground: NDArray[np.int64]
    mount: NDArray[np.void]
    grain: NDArray[np.int8]
    noise: NDArray[np.int8]
    race: Race


class Renderer:
    """Draws colour pictures of one simulator; keeps the scratch of the last size it was asked for."""

    def __init__(self, scenery: Scenery) -> None:
        self._scenery = scenery
        self._size = (0, 0)
        self._work: WorkSpace | None = None
        self._levels = np.zeros((3, 2, 2), np.float32)

    def picture(self, car: int, width_px: int, height_px: int, view: ViewName) -> NDArray[np.uint8]:
        """(height_px, width_px, 3) red, green, blue."""
        scenery = self._scenery
        self._check(car, width_px, height_px, view)
        work = self._work_space(width_px, height_px)
        track = scenery.tracks[int(scenery.cars["track_index"][car])]
        palettes = mix_colours(track.look, scenery.draws[car])
        blur = np.zeros(2)
        key = draw_colours(
            self._levels, blur, VIEWS[view], car, scenery.cars, scenery.draws, scenery.track_records, scenery.line,
            scenery.race, scenery.mount, scenery.ground, scenery.grain, palettes, work.views, work.scenes,
            work.plans[0], work.rows[0], work.words[0], work.texels[0], work.halves[0], work.things[0], work.solids,
        )  # fmt: skip
        pixels = np.empty((height_px, width_px, 3), np.uint8)
        if view not in ("chase", "top"):
            spacing = max(1, round(width_px / CAMERA_WIDTH_PX))
            noise_level = float(scenery.draws["noise_level"][car])
        else:
            blur[:], spacing, noise_level = 0.0, 1, 0.0
        develop_colours(pixels, self._levels, blur, spacing, scenery.noise, noise_level, np.uint64(key))
        return pixels

    def _check(self, car: int, width_px: int, height_px: int, view: str) -> None:
        if view not in VIEWS:
            raise SimulationError(f"There is no view '{view}'. Use one of: {', '.join(VIEWS)}.")
        count = len(self._scenery.cars)
        if not 0 <= car < count:
            raise SimulationError(f"There is no car {car}. This simulator has cars 0 to {count - 1}.")
        if not (8 <= width_px <= WIDEST_PX and 8 <= height_px <= WIDEST_PX):
            raise SimulationError(
                f"A picture of {width_px} x {height_px} cannot be drawn; sides of 8 to {WIDEST_PX} pixels can."
            )

    def _work_space(self, width_px: int, height_px: int) -> WorkSpace:
        if self._work is None or self._size != (width_px, height_px):
            self._work = make_work_space(1, height_px, width_px)
            self._levels = np.zeros((3, height_px + 2, width_px + 2), np.float32)
            self._size = (width_px, height_px)
        return self._work


@kernel
def draw_colours(
    levels,
    blur,
    kind,
    car,
    cars,
    draws,
    tracks,
    line,
    race,
    mount,
    ground,
    grain,
    palettes,
    views,
    scenes,
    plans,
    rows,
    words,
    texels,
    halves,
    things,
    solids,
):
    """Draw the three channels into levels (3, H + 2, W + 2); fills the blur, returns the noise's key."""
    height, width = levels.shape[1] - 2, levels.shape[2] - 2
    view, scene, draw = views[0], scenes[0], draws[car]
    track = tracks[cars[car].track_index]
    if kind == CHASE:
        look_from_behind(view, cars[car], draw, track, width)
    elif kind == TOP:
        look_from_above(view, draw, track, width, height)
    else:
        side = 1 if kind == LEFT_CAMERA else -1 if kind == RIGHT_CAMERA else 0
        look_through_camera(view, cars[car], draw, mount[0], track, width, side)
    prepare_scene(scene, view, draw, track, cars[car].episode)
    choose_blur(blur, cars[car], draw, view, width)
    count = gather_things(things, car, cars, draw, race, tracks, line)
    if kind in (CHASE, TOP):
        copy_car(things[count], cars[car], 0, race.record[0], track, line)
        count += 1
    for channel in range(3):
        draw_levels(levels[channel], view, scene, palettes[channel], ground, grain, plans, rows, words, texels, halves)
        paint_things(levels[channel], view, draw, things, count, RED + channel, rows, solids[0])
    return noise_key_of(cars[car])


@kernel
def develop_colours(pixels, levels, blur, spacing, noise, noise_level, noise_key):
    """Turn levels into (H, W, 3) bytes. spacing: pixels of this picture that are one of the training camera's.

    Neighbours that are mixed lie one training pixel apart, and the noise of a training pixel is that of all its parts.
    A colour that is too bright or too dark for a channel loses its colour before it loses its luma.
    """
    beside, above, scale = F(blur[0]), F(blur[1]), F(noise_level / NOISE_UNIT)
    centre, middle = ONE - beside - beside, ONE - above - above
    height, width = pixels.shape[0], pixels.shape[1]
    column = np.empty((3, width), np.float32)
    for row in range(height):
        top, below = max(row - spacing, 0) + 1, min(row + spacing, height - 1) + 1
        start = np.int64(mixed(noise_key + np.uint64(row // spacing)) & NOISE_MASK)
        for channel in range(3):
            upper, here, lower = levels[channel, top], levels[channel, row + 1], levels[channel, below]
            for c in range(width):
                column[channel, c] = fma(here[c + 1], middle, (upper[c + 1] + lower[c + 1]) * above)
        for c in range(width):
            left, right = max(c - spacing, 0), min(c + spacing, width - 1)
            speck = F(noise[start + c // spacing]) * scale
            red = fma(column[0, c], centre, (column[0, left] + column[0, right]) * beside) + speck
            green = fma(column[1, c], centre, (column[1, left] + column[1, right]) * beside) + speck
            blue = fma(column[2, c], centre, (column[2, left] + column[2, right]) * beside) + speck
            grey = fma(red, RED_SHARE, fma(green, GREEN_SHARE, blue * BLUE_SHARE))
            grey = min(max(grey, ZERO), WHITE)
            brightest, darkest = max(red, max(green, blue)) - grey, min(red, min(green, blue)) - grey
            colourful = ONE
            if brightest > WHITE - grey:
                colourful = (WHITE - grey) / brightest
            if darkest < -grey:
                colourful = min(colourful, -grey / darkest)
            pixels[row, c, 0] = as_byte(fma(red - grey, colourful, grey))
            pixels[row, c, 1] = as_byte(fma(green - grey, colourful, grey))
            pixels[row, c, 2] = as_byte(fma(blue - grey, colourful, grey))


@kernel
def as_byte(level):
    """The nearest of 0 to 255."""
    return np.uint8(np.int32(np.rint(min(max(level, ZERO), WHITE))))
