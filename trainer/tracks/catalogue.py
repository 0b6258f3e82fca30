"""The catalogue: every data file in this folder is a track, found by its name or one of its aliases."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from shared.errors import TrackError
from trainer.tracks.generator import generate_track
from trainer.tracks.route_files import read_npy
from trainer.tracks.track import Track
from trainer.tracks.track_file import read_content, read_track_file

CATALOGUE_FOLDER = Path(__file__).parent
DEFAULT_TRACK = "lapwing_loop"

Read = TypeVar("Read")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """One line of the list of tracks."""

    name: str
    title: str
    description: str
    aliases: tuple[str, ...]
    closed: bool
    length_m: float
    width_m: float
    path: Path


def list_tracks(folder: Path | None = None) -> list[TrackInfo]:
    """Every track of the catalogue and of the given folder of one's own, by name."""
    return [_info(track, path) for path, track in _readable(read_track_file, folder)]


def load_track(name_or_path: str | Path, folder: Path | None = None) -> Track:
    """Open a track: a name or alias of the catalogue or of folder, generated_SEED, or the path of a file.

    Raises TrackError with the closest names when there is no such track.
    """
    path = Path(name_or_path)
    if path.suffix == ".npy":
        return read_npy(path)
    if path.suffix == ".toml":
        return read_track_file(path)
    generated = re.fullmatch(r"generated_(\d{1,18})", str(name_or_path))
    if generated:
        return generate_track(int(generated[1]))
    files = _track_files(folder)
    if str(name_or_path) in files:
        return read_track_file(files[str(name_or_path)])
    return _load_by_alias(str(name_or_path), folder)


def track_reference(name: str, folder: Path) -> str:
    """What finds this track from anywhere: the path of one's own file of that name in folder, else the name itself."""
    own = folder / f"{name}.toml"
    return str(own.resolve()) if own.is_file() else name


def _load_by_alias(wanted: str, folder: Path | None) -> Track:
    contents = list(_readable(read_content, folder))
    names = {alias.casefold(): path for path, content in contents for alias in content.aliases}
    names |= {path.stem.casefold(): path for path, _ in contents}
    if wanted.casefold() in names:
        return read_track_file(names[wanted.casefold()])
    close = difflib.get_close_matches(wanted.casefold(), names, n=2, cutoff=0.6)
    closest = list(dict.fromkeys(names[name].stem for name in close))
    hint = f"Did you mean {' or '.join(repr(name) for name in closest)}? " if closest else ""
    raise TrackError(f"There is no track '{wanted}'. {hint}`lapwing tracks list` shows all of them.")


def _readable(read: Callable[[Path], Read], folder: Path | None) -> Iterator[tuple[Path, Read]]:
    """What can be read, by name. One damaged file of one's own must not hide all other tracks."""
    for name, path in sorted(_track_files(folder).items()):
        try:
            yield path, read(path)
        except TrackError as error:
            logger.warning("Left out track %s: %s", name, error)


def _track_files(folder: Path | None) -> dict[str, Path]:
    own = sorted(folder.glob("*.toml")) if folder is not None and folder.is_dir() else []
    return {path.stem: path for path in (*own, *sorted(CATALOGUE_FOLDER.glob("*.toml")))}


def _info(track: Track, path: Path) -> TrackInfo:
    return TrackInfo(
        track.name,
        track.title,
        track.description,
        track.aliases,
        track.closed,
        track.length_m,
        track.mean_width_m,
        path,
    )
