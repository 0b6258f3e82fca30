"""The link between the emulated board and a world: pulses go one way, pictures and poses the other.

Messages are values; `encode` and `MessageReader` are pure; `link_socket.py` carries them. Whatever is
not a message of this version raises LinkError: nonsense on a local link means two programs met by mistake.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.errors import LinkError

LINK_VERSION = 2
MAX_HEAD_BYTES = 64 * 1024
MAX_BLOB_BYTES = 4 * 1024 * 1024

_HEADER = struct.Struct("<2sBBII")  # magic, version, kind, bytes of JSON head, bytes of picture
_MAGIC = b"LW"


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of either side. about: what a person would like to know, such as the track's name."""

    role: Literal["board", "world"]
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PulseReport:
    """Board to world: the pulse widths on the outputs from time_s on. None: no pulse at all (output off).

    looks_with: what looks around besides the camera, readings as in shared/sensors.py: "lidar", "stereo". The world
    shows what is asked for, and only that.
    """

    time_s: float
    steering_us: float | None
    throttle_us: float | None
    looks_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CarPose:
    """Where the world's car is and how its lap goes. Heading counter-clockwise, steering left positive."""

    x_m: float = 0.0
    y_m: float = 0.0
    heading_rad: float = 0.0
    speed_mps: float = 0.0
    steering_angle_deg: float = 0.0
    progress_percent: float = 0.0
    laps: int = 0
    lap_time_s: float = 0.0
    last_lap_time_s: float | None = None
    off_track_count: int = 0
    is_off_track: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class WorldFrame:
    """World to board: what the sensors saw at time_s (the world's clock).

    frame_rgb: (480, 640, 3) uint8, the camera's, or the left one's of stereo cameras. right_rgb: the right one's, of
    the same shape, if the board looks with stereo cameras. around_m: (rays,) float32, if it looks with a LiDAR: metres
    from there, counter-clockwise from straight ahead, evenly spread over the full circle.
    """

    time_s: float
    sequence: int
    frame_rgb: NDArray[np.uint8]
    pose: CarPose = field(default_factory=CarPose)
    right_rgb: NDArray[np.uint8] | None = None
    around_m: NDArray[np.float32] | None = None


Message = Hello | PulseReport | WorldFrame
_HELLO, _PULSES, _FRAME = 1, 2, 3


def encode(message: Message) -> bytes:
    """One message as bytes: fixed header, JSON head, pictures and scan."""
    if isinstance(message, WorldFrame):
        return _encoded_frame(message)
    if isinstance(message, PulseReport):
        return _packed(_PULSES, asdict(message), b"")
    return _packed(_HELLO, {"role": message.role, "about": dict(message.about)}, b"")


def _encoded_frame(message: WorldFrame) -> bytes:
    picture, right, around = message.frame_rgb, message.right_rgb, message.around_m
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise LinkError(f"A world frame is (height, width, 3) of uint8, this one {picture.shape}, {picture.dtype}.")
    if right is not None and (right.shape, right.dtype) != (picture.shape, picture.dtype):
        raise LinkError(f"The right picture is {right.shape} of {right.dtype}, the left one {picture.shape}.")
    if around is not None and (around.ndim != 1 or around.dtype != np.float32 or not np.isfinite(around).all()):
        raise LinkError(f"A world's scan is finite numbers in a row, float32; this one {around.shape}, {around.dtype}.")
    head = {
        "time_s": message.time_s,
        "sequence": message.sequence,
        "height_px": picture.shape[0],
        "width_px": picture.shape[1],
        "has_right": right is not None,
        "rays": 0 if around is None else len(around),
        "pose": asdict(message.pose),
    }
    parts = [part for part in (picture, right, around) if part is not None]
    return _packed(_FRAME, head, b"".join(part.tobytes() for part in parts))


def _packed(kind: int, head: Mapping[str, Any], blob: bytes) -> bytes:
    try:
        text = json.dumps(head, allow_nan=False, separators=(",", ":")).encode()
    except ValueError as error:
        raise LinkError("A message with NaN or infinity was not sent.") from error
    if len(text) > MAX_HEAD_BYTES or len(blob) > MAX_BLOB_BYTES:
        raise LinkError(f"A message of {len(text)} + {len(blob)} bytes is too large for the link.")
    return _HEADER.pack(_MAGIC, LINK_VERSION, kind, len(text), len(blob)) + text + blob


class MessageReader:
    """Bytes in, in whatever pieces they come; whole messages out. A LinkError ends the stream."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Add bytes and return the messages they complete."""
        self._buffer += data
        messages: list[Message] = []
        while len(self._buffer) >= _HEADER.size:
            magic, version, kind, head_bytes, blob_bytes = _HEADER.unpack_from(self._buffer)
            if magic != _MAGIC:
                raise LinkError("The other side does not speak Lapwing's link protocol. Check the socket path.")
            if version != LINK_VERSION:
                raise LinkError(
                    f"The other side speaks version {version} of the link, this one {LINK_VERSION}. "
                    "Install the same Lapwing on both sides."
                )
            if head_bytes > MAX_HEAD_BYTES or blob_bytes > MAX_BLOB_BYTES:
                raise LinkError(f"The link announced {head_bytes} + {blob_bytes} bytes, which is too large.")
            end = _HEADER.size + head_bytes + blob_bytes
            if len(self._buffer) < end:
                break
            head = bytes(self._buffer[_HEADER.size : _HEADER.size + head_bytes])
            blob = bytes(self._buffer[_HEADER.size + head_bytes : end])
            del self._buffer[:end]
            messages.append(_decoded(kind, head, blob))
        return messages


def _decoded(kind: int, head: bytes, blob: bytes) -> Message:
    try:
        values = json.loads(head, parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        raise LinkError(f"The link brought a damaged message ({error}).") from error
    if not isinstance(values, dict):
        raise LinkError("The link brought a message without fields.")
    if kind == _FRAME:
        return _world_frame(values, blob)
    if blob:
        raise LinkError("The link brought a picture in a message that has none.")
    if kind == _PULSES:
        return PulseReport(
            time_s=_take(values, "time_s", float),
            steering_us=_take_optional(values, "steering_us"),
            throttle_us=_take_optional(values, "throttle_us"),
            looks_with=_names(values, "looks_with"),
        )
    if kind == _HELLO:
        return _hello(values)
    raise LinkError(f"The link brought a message of unknown kind {kind}.")


def _hello(values: dict[str, Any]) -> Hello:
    role, about = _take(values, "role", str), values.get("about", {})
    if role != "board" and role != "world":
        raise LinkError(f"The other side of the link calls itself {role!r:.40}, neither board nor world.")
    if not isinstance(about, dict) or not all(isinstance(text, str) for text in about.values()):
        raise LinkError("The other side of the link introduced itself wrongly.")
    return Hello("board" if role == "board" else "world", about)


def _world_frame(values: dict[str, Any], blob: bytes) -> WorldFrame:
    height_px, width_px = _take(values, "height_px", int), _take(values, "width_px", int)
    has_right, rays = _take(values, "has_right", bool), _take(values, "rays", int)
    size = height_px * width_px * 3
    pictures_end = size * (2 if has_right else 1)
    if height_px <= 0 or width_px <= 0 or rays < 0 or pictures_end + rays * 4 != len(blob):
        raise LinkError(f"The link brought a {width_px}x{height_px} picture and {rays} rays of {len(blob)} bytes.")
    pose = values.get("pose")
    if not isinstance(pose, dict):
        raise LinkError("The link brought a picture without a pose.")
    around_m = np.frombuffer(blob, dtype=np.float32, offset=pictures_end)
    if not np.isfinite(around_m).all():
        raise LinkError("The link brought a scan that is not finite.")
    pictures = np.frombuffer(blob, dtype=np.uint8, count=pictures_end).reshape(-1, height_px, width_px, 3)
    return WorldFrame(
        time_s=_take(values, "time_s", float),
        sequence=_take(values, "sequence", int),
        frame_rgb=pictures[0],
        pose=_car_pose(pose),
        right_rgb=pictures[1] if has_right else None,
        around_m=around_m if rays else None,
    )


def _names(values: dict[str, Any], name: str) -> tuple[str, ...]:
    found = values.get(name)
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise LinkError(f"The link brought {name} = {found!r:.40}, which is no list of names.")
    return tuple(found)


def _car_pose(values: dict[str, Any]) -> CarPose:
    taken: dict[str, Any] = {}
    for entry in fields(CarPose):
        kind = _POSE_KINDS.get(entry.name, float)
        taken[entry.name] = (
            _take_optional(values, entry.name) if entry.default is None else _take(values, entry.name, kind)
        )
    return CarPose(**taken)


_POSE_KINDS: dict[str, type] = {"laps": int, "off_track_count": int, "is_off_track": bool}

_Value = TypeVar("_Value", float, int, str, bool)


def _take(values: Mapping[str, Any], name: str, kind: type[_Value]) -> _Value:
    value = values.get(name)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            value = math.inf
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise LinkError(f"The link brought {name} = {value!r:.40}, which is not a {kind.__name__}.")
    return value


def _take_optional(values: Mapping[str, Any], name: str) -> float | None:
    return None if values.get(name) is None else _take(values, name, float)


def _not_finite(name: str) -> float:
    raise LinkError(f"The link brought {name} instead of a number.")
