"""The sensors a model may see, as a table. A new one is an entry here; a test of the table names the rest."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.errors import MetadataError

CAMERA_WIDTH_PX = 160
CAMERA_HEIGHT_PX = 120
FRONT_CAMERA = "FRONT_FACING_CAMERA"


@dataclass(frozen=True, slots=True)
class SensorSpec:
    """What one sensor contributes to a model's input.

    name: the name in model_metadata.json, which is also the name of the model's input.
    shape: one observation without the batch; for a camera (channels, height, width) with a stack of one.
    low, high: the range of the values, as the network's input receives them.
    """

    name: str
    kind: Literal["camera", "lidar"]
    shape: tuple[int, ...]
    dtype: str
    low: float
    high: float
    aliases: tuple[str, ...] = ()


_ALL = (
    SensorSpec(
        name=FRONT_CAMERA,
        kind="camera",
        shape=(1, CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX),
        dtype="uint8",
        low=0.0,
        high=255.0,
        aliases=("observation",),  # what metadata before version 2 calls it
    ),
)

SENSORS: dict[str, SensorSpec] = {sensor.name: sensor for sensor in _ALL}

_BY_ANY_NAME: dict[str, str] = {name.upper(): sensor.name for sensor in _ALL for name in (sensor.name, *sensor.aliases)}


def sensor_name(name: str) -> str:
    """The name in the table for a name or an alias; MetadataError for a sensor we do not have."""
    known = _BY_ANY_NAME.get(name.upper())
    if known is not None:
        return known
    close = difflib.get_close_matches(name.upper(), _BY_ANY_NAME, n=1)
    hint = f" Did you mean '{_BY_ANY_NAME[close[0]]}'?" if close else ""
    raise MetadataError(f"The sensor '{name}' is not supported. Supported: {', '.join(SENSORS)}.{hint}")


def check_sensor_set(names: Sequence[str]) -> tuple[str, ...]:
    """Names from the table, in order, or MetadataError: exactly one camera, at most one LiDAR."""
    canonical = tuple(sensor_name(name) for name in names)
    kinds = [SENSORS[name].kind for name in canonical]
    if kinds.count("camera") != 1:
        raise MetadataError(f"A model needs exactly one camera, this one has {kinds.count('camera')}: {list(names)}.")
    if kinds.count("lidar") > 1:
        raise MetadataError(f"A model has at most one LiDAR, this one has {kinds.count('lidar')}: {list(names)}.")
    return canonical
