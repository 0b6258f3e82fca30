"""How a track wants to be painted: four colours that the camera and the drawings start from."""

from __future__ import annotations

from dataclasses import dataclass

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Look:
    """Colours as red, green, blue in 0..255. Randomisation may repaint them."""

    field_rgb: Rgb = (88, 140, 74)
    road_rgb: Rgb = (68, 70, 74)
    border_rgb: Rgb = (240, 240, 236)
    centre_rgb: Rgb = (244, 196, 48)
