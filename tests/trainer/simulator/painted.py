"""Things painted over an even picture by a camera that a test describes, without a simulator around them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.simulator.randomisation import EPISODE_DRAW
from trainer.simulator.solids import SOLIDS, paint_things
from trainer.simulator.surface_rows import COLUMN
from trainer.simulator.things import BOX_HEIGHT_M, BOX_LENGTH_M, BOX_WIDTH_M, THING, Kind
from trainer.simulator.view import VIEW
from trainer.simulator.work import make_work_space

WIDTH_PX, HEIGHT_PX = 160, 120
BOX_SIZE_M, CAR_SIZE_M = (BOX_LENGTH_M, BOX_WIDTH_M, BOX_HEIGHT_M), (0.28, 0.2, 0.19)


def thing(
    x_m: float,
    y_m: float,
    heading_deg: float = 0.0,
    *,
    kind: Kind = Kind.BOX,
    size_m: tuple[float, float, float] | None = None,
    grey: float = 200.0,
) -> NDArray[np.void]:
    """(1,) THING that stands there. size_m: length, width, height, by default those of the kind."""
    record = np.zeros(1, THING)
    usual = CAR_SIZE_M if kind in (Kind.PARKED_CAR, Kind.BOT_CAR, Kind.LEARNED_CAR) else BOX_SIZE_M
    length, width, height = size_m or usual
    record["kind"], record["x_m"], record["y_m"] = kind, x_m, y_m
    record["heading_rad"] = math.radians(heading_deg)
    record["half_length_m"], record["half_width_m"], record["height_m"] = length / 2, width / 2, height
    for name in ("grey", "red", "green", "blue"):
        record[name] = grey
    return record


def camera(
    *,
    height_m: float = 0.2,
    focal_px: float = 100.0,
    curve: float = 0.0,
    pitch_deg: float = 0.0,
    heading_deg: float = 0.0,
) -> NDArray[np.void]:
    """(1,) VIEW of a camera above the world's origin, level and along x unless turned; light is the same everywhere."""
    view = np.zeros(1, VIEW)
    heading, pitch = math.radians(heading_deg), math.radians(pitch_deg)
    cos_h, sin_h, cos_p, sin_p = math.cos(heading), math.sin(heading), math.cos(pitch), math.sin(pitch)
    axes = {
        "forward": (cos_p * cos_h, cos_p * sin_h, -sin_p),
        "right": (sin_h, -cos_h, 0.0),
        "down": (-sin_p * cos_h, -sin_p * sin_h, -cos_p),
    }
    for name, axis in axes.items():
        view[f"{name}_x"], view[f"{name}_y"], view[f"{name}_z"] = axis
    view["z_m"], view["focal_px"], view["curve"], view["light_0"] = height_m, focal_px, curve, 1.0
    return view


def paint(
    view: NDArray[np.void], things: list[NDArray[np.void]], *, ground: float = 100.0, channel: int = 0, **draws: Any
) -> NDArray[np.float64]:
    """(120, 160) levels of the things over an even ground. draws: of the episode; the lamp is ahead by default."""
    draw = np.zeros(1, EPISODE_DRAW)
    for name, value in ({"brightness": 1.0} | draws).items():
        draw[name] = value
    work = make_work_space(1, HEIGHT_PX, WIDTH_PX)
    work.rows[0, COLUMN : COLUMN + WIDTH_PX] = (np.arange(WIDTH_PX) + 0.5 - WIDTH_PX / 2) / view["focal_px"][0]
    levels = np.full((HEIGHT_PX + 2, WIDTH_PX + 2), ground, np.float32)
    scene, solids = np.concatenate(things), np.zeros(1, SOLIDS)
    paint_things(levels, view[0], draw[0], scene, len(scene), channel, work.rows[0], solids[0])
    return levels[1:-1, 1:-1].astype(float)


def covered(view: NDArray[np.void], things: list[NDArray[np.void]], **draws: Any) -> NDArray[np.float64]:
    """(120, 160) share of each pixel that things cover, shadows left out."""
    black, white = (paint(view, things, ground=ground, shadow_strength=0.0, **draws) for ground in (0.0, 100.0))
    return 1.0 - (white - black) / 100.0
