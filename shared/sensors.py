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
LEFT_CAMERA = "LEFT_CAMERA"
STEREO_CAMERAS = "STEREO_CAMERAS"
LIDAR = "LIDAR"
SECTOR_LIDAR = "SECTOR_LIDAR"
DISCRETIZED_SECTOR_LIDAR = "DISCRETIZED_SECTOR_LIDAR"
WHEEL_SPEED_AND_YAW_RATE = "WHEEL_SPEED_AND_YAW_RATE"

Kind = Literal["camera", "lidar", "motion"]
Reading = Literal["camera", "stereo", "lidar", "motion"]


@dataclass(frozen=True, slots=True)
class SensorSpec:
    """What one sensor contributes to a model's input.

    name: the name in model_metadata.json, which is also the name of the model's input.
    reading: the raw reading it is made of: camera (1, 120, 160) and stereo (2, 120, 160) uint8, left picture first;
        lidar (rays,) float32 metres; motion (2,) float32, wheel speed in m/s and yaw rate in rad/s, left positive.
    shape: one observation without the batch; for a camera (channels, height, width) with a stack of one, for a LiDAR
        that of the default LidarConfig.
    low, high: the range of the values, as the network's input receives them.
    """

    name: str
    kind: Kind
    reading: Reading
    shape: tuple[int, ...]
    dtype: str
    low: float
    high: float
    aliases: tuple[str, ...] = ()


def _camera(name: str, reading: Reading, pictures: int = 1, aliases: tuple[str, ...] = ()) -> SensorSpec:
    shape = (pictures, CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX)
    return SensorSpec(name, "camera", reading, shape, "uint8", 0.0, 255.0, aliases)


_ALL = (
    _camera(FRONT_CAMERA, "camera", aliases=("observation",)),  # what metadata before version 2 calls it
    _camera(LEFT_CAMERA, "camera"),  # DeepRacer's other name for a single camera that looks ahead
    _camera(STEREO_CAMERAS, "stereo", pictures=2),
    # Metres, from the nearest to the distance beyond which nothing counts.
    SensorSpec(LIDAR, "lidar", "lidar", (64,), "float32", 0.15, 1.0),
    # One number per sector: 1 when something is near.
    SensorSpec(SECTOR_LIDAR, "lidar", "lidar", (8,), "float32", 0.0, 1.0),
    # For each of 8 sectors, which of 7 distances the nearest thing has; the eighth means nothing, and is left out.
    SensorSpec(DISCRETIZED_SECTOR_LIDAR, "lidar", "lidar", (8 * 7,), "float32", 0.0, 1.0),
    SensorSpec(WHEEL_SPEED_AND_YAW_RATE, "motion", "motion", (2,), "float32", -20.0, 20.0),
)

SENSORS: dict[str, SensorSpec] = {sensor.name: sensor for sensor in _ALL}

_BY_ANY_NAME: dict[str, str] = {name.upper(): sensor.name for sensor in _ALL for name in (sensor.name, *sensor.aliases)}


def sensor_name(name: str) -> str:
    """The name in the table for a name or an alias; MetadataError for a sensor we do not have."""
    known = _BY_ANY_NAME.get(name.upper())
    if known is not None:
        return known
    close = difflib.get_close_matches(name.upper(), _BY_ANY_NAME)
    # The first word says more than the last: FRONT_CAMERA has more letters of LEFT_CAMERA than of the front camera.
    close.sort(key=lambda match: match.split("_")[0] != name.upper().split("_")[0])
    hint = f" Did you mean '{_BY_ANY_NAME[close[0]]}'?" if close else ""
    raise MetadataError(f"The sensor '{name}' is not supported. Supported: {', '.join(SENSORS)}.{hint}")


def check_sensor_set(names: Sequence[str]) -> tuple[str, ...]:
    """Names from the table, in order, or MetadataError: exactly one camera, at most one LiDAR and one of motion."""
    canonical = tuple(sensor_name(name) for name in names)
    kinds = [SENSORS[name].kind for name in canonical]
    if kinds.count("camera") != 1:
        raise MetadataError(
            f"A model needs exactly one camera sensor, this one has {kinds.count('camera')}: {list(names)}. "
            f"Keep one of: {_names_of('camera')}."
        )
    titles: tuple[tuple[Kind, str], ...] = (("lidar", "LiDAR"), ("motion", "motion"))
    for kind, title in titles:
        if kinds.count(kind) > 1:
            raise MetadataError(
                f"A model has at most one {title} sensor, this one has {kinds.count(kind)}: {list(names)}. "
                f"Keep one of: {_names_of(kind)}."
            )
    return canonical


def sensor_of_kind(names: Sequence[str], kind: Kind) -> str | None:
    """The sensor of this kind among names from the table, None when there is none."""
    return next((name for name in names if SENSORS[name].kind == kind), None)


def _names_of(kind: str) -> str:
    return ", ".join(name for name, sensor in SENSORS.items() if sensor.kind == kind)
