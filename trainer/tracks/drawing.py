"""A track as a picture, PNG or SVG: the same shapes in metres, painted by two small back ends."""

from __future__ import annotations

import io
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.atomic_files import write_atomic
from shared.errors import TrackError
from trainer.tracks.look import Rgb
from trainer.tracks.track import Track

Floats = NDArray[np.float64]

DEFAULT_WIDTH_PX = 1200
WIDTH_RANGE_PX = (100, 8000)
# Pillow does not smooth edges: paint this much larger and shrink.
OVERSAMPLING = 3
BORDER_LINE_M = 0.05
CENTRE_LINE_M = 0.03
DASH_M, DASH_GAP_M = 0.3, 0.2
START_ROWS, START_SQUARE_M = 2, 0.1
INK: Rgb = (250, 250, 246)
SHADE: Rgb = (28, 30, 32)


@dataclass(frozen=True, slots=True)
class Shape:
    """A filled area or, with line_m, a line; points_m is (P, 2)."""

    points_m: Floats
    colour: Rgb
    line_m: float | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text that starts at x_m, with its baseline at y_m."""

    x_m: float
    y_m: float
    height_m: float
    text: str


@dataclass(frozen=True, slots=True)
class Scene:
    """What to paint, back to front, in a frame low_m..high_m."""

    low_m: Floats
    high_m: Floats
    background: Rgb
    shapes: list[Shape]
    labels: list[Label]


def draw_png(track: Track, path: Path | None = None, width_px: int = DEFAULT_WIDTH_PX) -> bytes:
    """The track seen from above; also written to path when one is given."""
    from PIL import Image, ImageDraw, ImageFont

    scene = track_scene(track)
    size_px = _size_px(scene, width_px)
    scale = OVERSAMPLING * width_px / (scene.high_m - scene.low_m)[0]
    image = Image.new("RGB", (OVERSAMPLING * size_px[0], OVERSAMPLING * size_px[1]), scene.background)
    canvas = ImageDraw.Draw(image)
    for shape in scene.shapes:
        points = [(float(x), float(y)) for x, y in _to_px(scene, shape.points_m, scale)]
        if shape.line_m is None:
            canvas.polygon(points, fill=shape.colour)
        else:
            canvas.line(points, fill=shape.colour, width=max(1, round(shape.line_m * scale)), joint="curve")
    for label in scene.labels:
        corner = _to_px(scene, np.array([[label.x_m, label.y_m]]), scale)[0]
        font = ImageFont.load_default(size=max(1.0, label.height_m * scale))
        canvas.text((float(corner[0]), float(corner[1])), label.text, fill=INK, font=font, anchor="ls")
    stream = io.BytesIO()
    image.resize(size_px, Image.Resampling.LANCZOS).save(stream, "PNG", optimize=True)
    if path is not None:
        write_atomic(path, stream.getvalue())
    return stream.getvalue()


def draw_svg(track: Track, path: Path | None = None, width_px: int = DEFAULT_WIDTH_PX) -> str:
    """The same picture as the text of an SVG file; also written to path when one is given."""
    scene = track_scene(track)
    width, height = _size_px(scene, width_px)
    scale = width_px / (scene.high_m - scene.low_m)[0]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{escape(track.title or track.name)}</title>",
        f'<rect width="100%" height="100%" fill="{_hex(scene.background)}"/>',
    ]
    for shape in scene.shapes:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in _to_px(scene, shape.points_m, scale))
        if shape.line_m is None:
            lines.append(f'<polygon points="{points}" fill="{_hex(shape.colour)}"/>')
        else:
            lines.append(
                f'<polyline points="{points}" fill="none" stroke="{_hex(shape.colour)}" '
                f'stroke-width="{max(0.5, shape.line_m * scale):.1f}" stroke-linejoin="round"/>'
            )
    for label in scene.labels:
        x, y = _to_px(scene, np.array([[label.x_m, label.y_m]]), scale)[0]
        lines.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-family="sans-serif" '
            f'font-size="{label.height_m * scale:.1f}" fill="{_hex(INK)}">{escape(label.text)}</text>'
        )
    text = "\n".join([*lines, "</svg>"]) + "\n"
    if path is not None:
        write_atomic(path, text)
    return text


def track_scene(track: Track) -> Scene:
    """Field, road, lines, start, direction, scale bar and name."""
    borders = np.concatenate((track.left_border_m, track.right_border_m))
    low, high = borders.min(axis=0), borders.max(axis=0)
    extent = float((high - low).max())
    unit_m = max(0.01 * extent, 0.02)
    low, high = low - np.array([5.0, 11.0]) * unit_m, high + np.array([5.0, 12.0]) * unit_m
    shapes = [*_road(track), *_centre_dashes(track), *_lines(track), *_start(track)]
    bar_m = max(length for length in (0.5, 1.0, 2.0, 5.0, 10.0) if length <= max(0.3 * extent, 0.5))
    x, y = low + np.array([5.0, 4.0]) * unit_m
    shapes.append(
        Shape(np.array([[x, y + unit_m], [x, y], [x + bar_m, y], [x + bar_m, y + unit_m]]), INK, 0.4 * unit_m)
    )
    figures = f"{track.length_m:.2f} m long, {track.mean_width_m:.2f} m wide" + ("" if track.closed else ", open")
    title = track.title or track.name
    # A letter is about half as wide as it is high; a long title is written smaller.
    title_m = min(3.6 * unit_m, 1.7 * float(high[0] - x) / len(title))
    labels = [
        Label(float(x), float(high[1] - 5.5 * unit_m), title_m, title),
        Label(float(x), float(high[1] - 8.8 * unit_m), 2.2 * unit_m, figures),
        Label(float(x + bar_m + 1.5 * unit_m), float(y - 0.3 * unit_m), 2.2 * unit_m, f"{bar_m:g} m"),
    ]
    return Scene(low, high, track.look.field_rgb, shapes, labels)


def _road(track: Track) -> list[Shape]:
    left, right = track.left_border_m, track.right_border_m
    if not track.closed:
        return [Shape(np.concatenate((left, right[::-1])), track.look.road_rgb)]
    inner, outer = sorted((left, right), key=lambda line: float(np.ptp(line, axis=0).sum()))
    return [Shape(outer, track.look.road_rgb), Shape(inner, track.look.field_rgb)]


def _lines(track: Track) -> list[Shape]:
    return [Shape(line, track.look.border_rgb, BORDER_LINE_M) for line in (track.left_border_m, track.right_border_m)]


def _centre_dashes(track: Track) -> list[Shape]:
    starts = np.arange(0.0, track.length_m - DASH_M, DASH_M + DASH_GAP_M)
    along = np.linspace(0.0, DASH_M, 7)
    return [Shape(track.position(start + along), track.look.centre_rgb, CENTRE_LINE_M) for start in starts]


def _start(track: Track) -> list[Shape]:
    """A chequered line across the first waypoint and an arrow in the driving direction."""
    left, right = (float(half) for half in track.half_widths_m(0.0))
    across = max(2, round((left + right) / START_SQUARE_M))
    edges = np.linspace(-right, left, across + 1)
    shapes = []
    for row in range(START_ROWS):
        arcs = START_SQUARE_M * np.array([row, row, row + 1, row + 1])
        for column in range(across):
            laterals = edges[[column, column + 1, column + 1, column]]
            colour = INK if (row + column) % 2 else SHADE
            shapes.append(Shape(track.position(arcs, laterals), colour))
    size = 0.5 * min(left, right)
    outline = size * np.array([(0, 0.25), (1.0, 0.25), (1.0, 0.6), (2.0, 0), (1.0, -0.6), (1.0, -0.25), (0, -0.25)])
    arrow = track.position(START_SQUARE_M * (START_ROWS + 1.5) + outline[:, 0], outline[:, 1])
    return [*shapes, Shape(arrow, INK)]


def _size_px(scene: Scene, width_px: int) -> tuple[int, int]:
    if not WIDTH_RANGE_PX[0] <= width_px <= WIDTH_RANGE_PX[1]:
        raise TrackError(
            f"A picture {width_px} px wide is not possible. Choose {WIDTH_RANGE_PX[0]} to {WIDTH_RANGE_PX[1]} px."
        )
    extent = scene.high_m - scene.low_m
    return width_px, max(1, round(width_px * extent[1] / extent[0]))


def _to_px(scene: Scene, points_m: Floats, scale: float) -> Floats:
    corner = np.array([scene.low_m[0], scene.high_m[1]])
    pixels: Floats = (points_m - corner) * np.array([scale, -scale])
    return pixels


def _hex(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
