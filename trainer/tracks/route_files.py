"""DeepRacer's route files: N x 6 npy with centre, inner and outer border, read without trust."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from shared.atomic_files import write_atomic
from shared.errors import TrackError
from trainer.tracks.track import FARTHEST_M, Track
from trainer.tracks.validity import MAX_ROWS, check_track, signed_area_m2

MAGIC = b"\x93NUMPY"
# Version 1 headers hold at most 64 kB; a real one has 128 bytes.
MAX_HEADER_BYTES = 4096
# What numpy writes for a plain array; anything else is no route.
HEADER = re.compile(
    r"\{'descr': '(?P<descr>[^']{1,40})', 'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>[\dL, ]{0,40})\), \}\s*"
)
DTYPES = ("<f8", ">f8", "<f4", ">f4")
# First and last row of a loop agree to rounding; an open road has its ends metres apart.
CLOSED_GAP_M = 0.001


def read_npy(path: Path, name: str | None = None) -> Track:
    """Read and check a route file. Raises TrackError saying what is wrong with it.

    The header is checked before a byte of data is read, and nothing is ever unpickled.
    """
    try:
        with path.open("rb") as stream:
            rows = _read_rows(path, stream)
    except FileNotFoundError as error:
        raise TrackError(f"There is no route file {path}. Check the path.") from error
    except OSError as error:
        raise TrackError(f"Route file {path} cannot be read: {error.strerror or error}.") from error
    track = _track_from_rows(rows, name or path.stem)
    check_track(track)
    return track


def npy_rows(track: Track) -> NDArray[np.float64]:
    """(W, 6): centre, inner and outer border. The inner border of an open track is its left one."""
    left_is_inner = not track.closed or signed_area_m2(track.waypoints_m) > 0
    borders = (track.left_border_m, track.right_border_m)
    inner, outer = borders if left_is_inner else borders[::-1]
    return np.concatenate((track.waypoints_m, inner, outer), axis=1)


def write_npy(track: Track, path: Path) -> None:
    """Write a DeepRacer route file."""
    write_atomic(path, npy_bytes(track))


def npy_bytes(track: Track) -> bytes:
    """The content of a DeepRacer route file of this track."""
    stream = io.BytesIO()
    np.save(stream, npy_rows(track), allow_pickle=False)
    return stream.getvalue()


def _read_rows(path: Path, stream: BinaryIO) -> NDArray[np.float64]:
    header = stream.read(len(MAGIC) + 6)
    if header[: len(MAGIC)] != MAGIC or len(header) < len(MAGIC) + 6:
        raise TrackError(f"{path} is not a NumPy file. A DeepRacer route is an .npy file of N x 6 numbers.")
    short = header[len(MAGIC)] == 1
    size = int.from_bytes(header[len(MAGIC) + 2 : len(MAGIC) + (4 if short else 6)], "little")
    if size > MAX_HEADER_BYTES:
        raise TrackError(f"{path} has a header of {size} bytes; at most {MAX_HEADER_BYTES} are read.")
    stream.seek(len(MAGIC) + (4 if short else 6))
    header_text = stream.read(size).decode("latin-1")
    matched = HEADER.fullmatch(header_text)
    if matched is None:
        raise TrackError(f"{path} has a damaged NumPy header, or holds no plain array. Fetch the file again.")
    shape = tuple(int(count) for count in re.findall(r"\d+", matched["shape"]))
    if len(shape) != 2 or shape[1] != 6 or not 3 <= shape[0] <= MAX_ROWS:
        raise TrackError(
            f"{path} holds an array of shape {shape}. A route has 3 to {MAX_ROWS} rows of 6 columns: "
            f"centre x y, inner x y, outer x y."
        )
    if matched["descr"] not in DTYPES:
        raise TrackError(f"{path} holds values of type {matched['descr']}. A route holds floating-point metres.")
    dtype = np.dtype(matched["descr"])
    expected = math.prod(shape) * dtype.itemsize
    content = stream.read(expected + 1)
    if len(content) != expected:
        held = "more than" if len(content) > expected else f"{len(content)} of"
        raise TrackError(f"{path} holds {held} the {expected} bytes its header announces. Fetch the file again.")
    order: Literal["F", "C"] = "F" if matched["fortran"] == "True" else "C"
    rows = np.frombuffer(content, dtype=dtype).reshape(shape, order=order)
    fit = np.abs(rows) <= FARTHEST_M
    if not fit.all():
        row, column = np.argwhere(~fit)[0]
        raise TrackError(
            f"{path}: row {row}, column {column} is {rows[row, column]}, "
            f"not a number within {FARTHEST_M:.0f} m of the origin."
        )
    return rows.astype(np.float64)


def _track_from_rows(rows: NDArray[np.float64], name: str) -> Track:
    centre, inner, outer = rows[:, :2], rows[:, 2:4], rows[:, 4:]
    closed = bool(np.hypot(*(centre[0] - centre[-1])) <= CLOSED_GAP_M)
    if closed:
        centre, inner, outer = (np.concatenate((line[:-1], line[:1])) for line in (centre, inner, outer))
    along = np.gradient(centre, axis=0)
    to_inner = inner - centre
    inner_is_left = np.median(along[:, 0] * to_inner[:, 1] - along[:, 1] * to_inner[:, 0]) >= 0
    left, right = (inner, outer) if inner_is_left else (outer, inner)
    return Track(name, closed, centre, left, right)
