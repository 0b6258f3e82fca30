"""Our own track files: reviewable TOML with the corners of a centre line, or the rows of an import."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from shared.errors import SettingsError, TrackError
from shared.settings import Settings, load_settings
from trainer.tracks.corners import Corner, track_from_corners
from trainer.tracks.look import Look
from trainer.tracks.track import Track
from trainer.tracks.validity import MAX_ROWS, check_track

# A track file holds at most MAX_ROWS rows of six figures; far more text than that is no track.
MAX_FILE_BYTES = 16_000_000
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"

Colour = Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]
Figure = Annotated[float, Field(ge=-10_000, le=10_000)]


class LookFile(Settings):
    """Colours a track is painted in, as #rrggbb."""

    field: Colour = Field("#588c4a", description="Ground beside the road.")
    road: Colour = Field("#44464a", description="Road surface.")
    border: Colour = Field("#f0f0ec", description="Border lines.")
    centre: Colour = Field("#f4c430", description="Dashed centre line.")


class TrackFile(Settings):
    """What stands in a track file. Exactly one of corners and rows is given."""

    title: str = Field("", max_length=80, description="Name for people.")
    description: str = Field("", max_length=400, description="What this track is good for.")
    aliases: tuple[str, ...] = Field((), max_length=20, description="Other names the track is found under.")
    closed: bool = Field(True, description="A loop, or a road with two ends.")
    width_m: float = Field(0.76, ge=0.2, le=10.0, description="Road width where a corner gives none of its own.")
    corners: tuple[tuple[Figure, ...], ...] = Field(
        (), max_length=1_000, description="x_m, y_m, radius_m and, if it differs, width_m of every corner."
    )
    rows: tuple[tuple[Figure, Figure, Figure, Figure, Figure, Figure], ...] = Field(
        (),
        max_length=MAX_ROWS,
        description="Centre, left and right border, x_m and y_m each, of an imported route.",
    )
    look: LookFile = Field(LookFile(), description="Colours.")


def read_track_file(path: Path) -> Track:
    """Read and check one track file. Raises TrackError naming the file and what is wrong."""
    return track_from_file(path.stem, read_content(path))


def read_content(path: Path) -> TrackFile:
    """What stands in a track file, before its geometry is built. Raises TrackError."""
    check_name(path.stem)
    try:
        size_bytes = path.stat().st_size
    except OSError as error:
        raise TrackError(f"There is no track file {path} to read. Check the path.") from error
    if size_bytes > MAX_FILE_BYTES:
        raise TrackError(f"{path} is larger than {MAX_FILE_BYTES // 10**6} MB. That is no track file.")
    try:
        return load_settings(TrackFile, path)
    except SettingsError as error:
        raise TrackError(str(error).partition("\n")[0]) from error


def track_from_file(name: str, content: TrackFile) -> Track:
    """Build and check the track that a file describes."""
    if bool(content.corners) == bool(content.rows):
        raise TrackError(f"Track {name}: give either corners or rows, and only one of them.")
    look = Look(**{f"{part}_rgb": _rgb(colour) for part, colour in content.look.model_dump().items()})
    if content.rows:
        rows = np.array(content.rows)
        track = Track(
            name, content.closed, rows[:, :2], rows[:, 2:4], rows[:, 4:],
            content.title, content.description, content.aliases, look,
        )  # fmt: skip
    else:
        corners = [_corner(name, number, row, content.width_m) for number, row in enumerate(content.corners, 1)]
        track = track_from_corners(
            name,
            corners,
            closed=content.closed,
            title=content.title,
            description=content.description,
            aliases=content.aliases,
            look=look,
        )
    check_track(track)
    return track


def track_file_text(track: Track) -> str:
    """The text of a track file with the rows of any track, to a hundredth of a millimetre."""
    look = {name.removesuffix("_rgb"): getattr(track.look, name) for name in Look.__slots__}
    rows = np.concatenate((track.waypoints_m, track.left_border_m, track.right_border_m), axis=1)
    lines = [
        f"title = {_quoted(track.title)}",
        f"description = {_quoted(track.description)}",
        f"aliases = [{', '.join(_quoted(alias) for alias in track.aliases)}]",
        f"closed = {str(track.closed).lower()}",
        "# centre x y, left border x y, right border x y, in metres and driving order",
        "rows = [",
        *("  [" + ", ".join(f"{figure:.5f}" for figure in row) + "]," for row in rows),
        "]",
        "",
        "[look]",
        *(f'{part} = "#{red:02x}{green:02x}{blue:02x}"' for part, (red, green, blue) in look.items()),
    ]
    return "\n".join(lines) + "\n"


def check_name(name: str) -> str:
    """Return a name that is also a safe file name, or raise TrackError."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise TrackError(f"'{name}' cannot name a track. Use at most 64 letters, digits, '_' and '-'.")
    return name


def _corner(name: str, number: int, row: tuple[float, ...], width_m: float) -> Corner:
    if len(row) not in (3, 4):
        raise TrackError(
            f"Track {name}: corner {number} has {len(row)} figures; x_m, y_m, radius_m [, width_m] are due."
        )
    x_m, y_m, radius_m, *width = row
    if radius_m < 0:
        raise TrackError(f"Track {name}: corner {number} has a radius of {radius_m:g} m. Give 0 or more.")
    return Corner(x_m, y_m, radius_m, width[0] if width else width_m)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", " ", escaped) + '"'
