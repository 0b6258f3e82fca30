"""Draw one car's drive as an mp4: top or chase view, path coloured by speed, camera picture, instruments.

A frame is 960 x 480: the view on the left, on the right what the car's camera sees and below it the
instruments. One simulated step of 1/15 s is one frame, so the film runs in real time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from trainer.evaluation.mp4 import Mp4Writer
from trainer.evaluation.track_map import Colour, MapThing, TrackMap, speed_colour

if TYPE_CHECKING:
    from trainer.tracks import Track

View = Literal["top", "chase"]
VIEW_WIDTH_PX, VIEW_HEIGHT_PX = 640, 480
PANEL_WIDTH_PX = 320  # the 160 x 120 camera picture, twice as large
CAMERA_HEIGHT_PX = 240
MAP_SIZE_PX = 176
# An hour-long evaluation must not fill the disk: a film stops growing after four minutes of driving.
MAX_FRAMES = 4 * 60 * 15
PANEL, TEXT, FAINT, CAR = (24, 26, 30), (238, 238, 238), (150, 154, 162), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """What one frame shows. camera: (120, 160) grey. chase: (480, 640, 3), None in a top view. things: on the road."""

    x_m: float
    y_m: float
    heading_rad: float
    speed_mps: float
    steering_angle_deg: float
    progress_percent: float
    lap: int
    lap_time_s: float
    note: str
    camera: NDArray[np.uint8]
    chase: NDArray[np.uint8] | None = None
    things: tuple[MapThing, ...] = ()


class LapVideo:
    """One film. `add` a frame per step; leaving the `with` block finishes the file."""

    def __init__(
        self, path: Path, track: Track, *, view: View = "top", max_speed_mps: float = 1.0, title: str = "",
        rate_hz: float = 15.0,
    ) -> None:  # fmt: skip
        self.view = view
        self.frames = 0
        self._max_speed_mps = max(max_speed_mps, 0.1)
        self._title = title
        self._scale = speed_scale(self._max_speed_mps)
        self._newest: NDArray[np.uint8] | None = None
        size = (VIEW_WIDTH_PX, VIEW_HEIGHT_PX) if view == "top" else (MAP_SIZE_PX, MAP_SIZE_PX)
        self._map = TrackMap(track, *size, max_speed_mps=self._max_speed_mps)
        self._writer = Mp4Writer(path, VIEW_WIDTH_PX + PANEL_WIDTH_PX, VIEW_HEIGHT_PX, rate_hz)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._writer.close()
        else:
            self._writer.abandon()

    def add(self, frame: VideoFrame) -> None:
        """Draw a frame. Frames after the film's greatest length are left out."""
        if self.frames < MAX_FRAMES:
            self._newest = np.asarray(self.draw(frame))
            self.repeat()

    def repeat(self) -> None:
        """Show the newest frame once more."""
        if self.frames < MAX_FRAMES and self._newest is not None:
            self._writer.write(self._newest)
            self.frames += 1

    def draw(self, frame: VideoFrame) -> Image.Image:
        """The picture of a frame; extends the path, so call it once per step."""
        self._map.extend(frame.x_m, frame.y_m, frame.speed_mps)
        car = MapThing(frame.x_m, frame.y_m, frame.heading_rad, CAR, is_pointed=True)
        picture = Image.new("RGB", (VIEW_WIDTH_PX + PANEL_WIDTH_PX, VIEW_HEIGHT_PX), PANEL)
        map_picture = self._map.draw((*frame.things, car))
        if frame.chase is None:
            picture.paste(map_picture, (0, 0))
        else:
            picture.paste(Image.fromarray(frame.chase), (0, 0))
            picture.paste(map_picture, (8, 8), Image.new("L", map_picture.size, 216))
        camera = Image.fromarray(frame.camera).resize((PANEL_WIDTH_PX, CAMERA_HEIGHT_PX), Image.Resampling.BICUBIC)
        picture.paste(camera.convert("RGB"), (VIEW_WIDTH_PX, 0))
        picture.paste(self._scale, (4, VIEW_HEIGHT_PX - self._scale.height - 4))
        draw_instruments(ImageDraw.Draw(picture), frame, self._max_speed_mps, self._title)
        return picture


def draw_instruments(draw: ImageDraw.ImageDraw, frame: VideoFrame, max_speed_mps: float, title: str) -> None:
    """Speed, steering, progress and lap time, in the lower right of the picture."""
    left, top, width = VIEW_WIDTH_PX + 16, CAMERA_HEIGHT_PX + 10, PANEL_WIDTH_PX - 32
    speed = min(max(frame.speed_mps / max_speed_mps, 0.0), 1.0)
    draw.text((left, top), f"{frame.speed_mps:.2f} m/s", fill=TEXT, font=font(26))
    draw.text((left + width, top + 8), f"lap {frame.lap}", fill=FAINT, font=font(16), anchor="ra")
    draw_bar(draw, left, top + 36, width, 0.0, speed, speed_colour(speed))

    angle_deg = frame.steering_angle_deg
    side = "straight" if abs(angle_deg) < 0.5 else "left" if angle_deg > 0 else "right"
    draw.text((left, top + 58), f"steering {abs(angle_deg):.0f}° {side}", fill=TEXT, font=font(16))
    # Left is left in the picture too, whatever the sign.
    angle = min(max(-angle_deg / 30.0, -1.0), 1.0)
    draw_bar(draw, left, top + 82, width, 0.5, 0.5 + angle / 2, (96, 165, 250))

    draw.text((left, top + 104), f"progress {frame.progress_percent:.1f} %", fill=TEXT, font=font(16))
    draw_bar(draw, left, top + 128, width, 0.0, min(max(frame.progress_percent / 100, 0.0), 1.0), (74, 200, 120))

    draw.text((left, top + 148), f"{frame.lap_time_s:.2f} s", fill=TEXT, font=font(26))
    draw.text((left + width, top + 156), frame.note, fill=FAINT, font=font(16), anchor="ra")
    draw.text((left, top + 192), shorten(title, width), fill=FAINT, font=font(14))


def speed_scale(max_speed_mps: float) -> Image.Image:
    """The key of the path's colours."""
    width, height = 140, 10
    picture = Image.new("RGB", (width + 94, height + 12), PANEL)
    draw = ImageDraw.Draw(picture)
    for x in range(width):
        draw.line((8 + x, 6, 8 + x, 6 + height), fill=speed_colour(x / (width - 1)))
    draw.text((width + 16, 3), f"0 to {max_speed_mps:.1f} m/s", fill=TEXT, font=font(12))
    return picture


def draw_bar(
    draw: ImageDraw.ImageDraw, left: float, top: float, width: float, start: float, end: float, fill: Colour
) -> None:
    """A gauge whose filled part runs from one fraction of its width to another."""
    draw.rectangle((left, top, left + width, top + 10), fill=(52, 55, 62))
    low, high = sorted((start, end))
    draw.rectangle((left + low * width, top, left + max(high * width, low * width + 2), top + 10), fill=fill)


def shorten(text: str, width_px: float) -> str:
    """The text, cut with dots to what fits."""
    if font(14).getlength(text) <= width_px:
        return text
    while text and font(14).getlength(text + "…") > width_px:
        text = text[:-1]
    return text + "…"


@lru_cache(maxsize=8)
def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font: there is no need to look for one on the machine."""
    return ImageFont.load_default(size=size_px)
