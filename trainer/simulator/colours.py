"""What colour every surface has: the track's own hues at the episode's grey levels, and light's strength on top."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.observation import LUMA_WEIGHTS

if TYPE_CHECKING:
    from trainer.tracks import Look

# Levels of one channel, exposure included.
PALETTE = np.dtype(
    [
        (name, np.float32)
        for name in (
            "road", "road_grain", "border", "dash", "field", "field_grain",
            "wall", "wall_grain", "background", "background_grain",
        )
    ]
)  # fmt: skip

# The learned cars of a world, in their order.
CAR_RGB = np.array([[214, 48, 38], [36, 98, 204], [244, 172, 30], [70, 170, 80], [150, 70, 190], [235, 235, 235]])
WALL_RGB = (172, 176, 186)
BACKGROUND_RGB = (176, 204, 236)
# How far apart the materials' hues turn when they are shifted: not all by the same angle.
HUE_SHARES = {"road": 0.5, "border": -0.4, "dash": 0.7, "field": 1.0, "wall": -1.0, "background": 0.3}


def luma(rgb: ArrayLike) -> float:
    """Grey level of a colour, as the observation is computed."""
    return float(np.dot(LUMA_WEIGHTS, np.asarray(rgb)) / sum(LUMA_WEIGHTS))


def at_level(rgb: tuple[float, float, float], level: float, hue_shift_deg: float = 0.0) -> NDArray[np.float64]:
    """(3,) the colour with its hue turned and its luma changed to level; where a channel is full, it goes to white."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(value / 255.0 for value in rgb))
    turned = np.array(colorsys.hls_to_rgb((hue + hue_shift_deg / 360.0) % 1.0, lightness, saturation)) * 255.0
    turned = np.maximum(turned, 1.0)
    full = turned * (255.0 / turned.max())
    most = luma(full)
    if level <= most:
        return full * (level / most)
    return full + (255.0 - full) * ((level - most) / (255.0 - most))


def surfaces_of(look: Look) -> dict[str, tuple[float, float, float]]:
    """Every surface's colour before an episode changes it."""
    return {
        "road": look.road_rgb,
        "border": look.border_rgb,
        "dash": look.centre_rgb,
        "field": look.field_rgb,
        "wall": WALL_RGB,
        "background": BACKGROUND_RGB,
    }


def mix_colours(look: Look, draw: np.void) -> NDArray[np.void]:
    """(3,) PALETTE: red, green and blue levels whose luma is exactly the grey camera's."""
    palettes = np.zeros(3, PALETTE)
    for name, rgb in surfaces_of(look).items():
        shift_deg = float(draw["hue_shift_deg"]) * HUE_SHARES[name]
        palettes[name] = at_level(rgb, float(draw[f"{name}_level"]), shift_deg) * draw["brightness"]
    for name in ("road", "field", "wall", "background"):
        palettes[f"{name}_grain"] = draw[f"{name}_texture"] * draw["brightness"]
    return palettes
