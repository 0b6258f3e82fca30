"""What a drive log holds: one frozen dataclass per channel, written alike by the car and by the simulator.

Steering is in degrees, positive left, everywhere. A new channel is a class and an entry in the table.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

# NaN is written as text, because the moment a model answers NaN is one that the log is for.
_JSON = ConfigDict(extra="ignore", ser_json_inf_nan="strings")


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """`/camera/front`: one picture as the camera gave it. sensor_time_ns: the sensor's own clock, raw."""

    jpeg: bytes
    sequence: int
    sensor_time_ns: int = 0
    exposure_us: float | None = None
    gain: float | None = None


@dataclass(frozen=True, slots=True)
class ModelInput:
    """`/model/input`: what the model saw, by hash; now and then all of it.

    sha256: of the values of every sensor, in the order of the model's sensors. grey_base64: the camera's uint8
    channels x 120 x 160, or None. other_values: those of the other sensors, one after the other.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _JSON
    frame_sequence: int
    sha256: str
    grey_base64: str | None = None
    other_values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """`/model/output`: the policy's raw values (probabilities, or steering and speed in -1..1) decoded."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON
    frame_sequence: int
    values: tuple[float, ...]
    steering_angle_deg: float
    speed_mps: float
    inference_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Command:
    """`/cmd`: what was asked of the car and by whom."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON
    steering_angle_deg: float
    speed_mps: float
    source: Literal["autonomous", "manual", "calibration", "stop"]
    sequence: int = 0
    frame_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class ActuatorOutput:
    """`/actuator`: what was really applied. Microseconds None: no pulse. limited_by: why not /cmd."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON
    steering_angle_deg: float
    speed_mps: float
    steering_us: float | None
    throttle_us: float | None
    limited_by: str = ""


@dataclass(frozen=True, slots=True)
class LidarScan:
    """`/lidar`: one turn of the LiDAR, at the time of its last point, in the car's frame.

    angles_deg: from straight ahead, left positive, any turn. ranges_m: 0 where nothing came back.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _JSON
    angles_deg: tuple[float, ...]
    ranges_m: tuple[float, ...]
    duration_s: float = 0.0
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class ImuSample:
    """`/imu`: acceleration and angular rate in the car's frame: x forward, y left, z up."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON
    acceleration_mps2: tuple[float, float, float]
    angular_rate_dps: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class BatterySample:
    """`/battery`: of the car or the computer, as source says. charge_fraction: 0 to 1."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON
    voltage_v: float | None = None
    current_a: float | None = None
    charge_fraction: float | None = None
    source: str = "car"


@dataclass(frozen=True, slots=True)
class OperatorInput:
    """`/operator`: what a person's stick and buttons say, -1 to 1, left and forward positive. client: whose."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON
    steering_fraction: float
    throttle_fraction: float
    buttons: tuple[str, ...] = ()
    client: str = ""


@dataclass(frozen=True, slots=True)
class DriveState:
    """`/state`: the actuator's state machine, written on change. epoch: another one with every arming."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON
    state: str
    mode: str = ""
    is_armed: bool = False
    reason: str = ""
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class DriveEvent:
    """`/event`: something to look for: `lap` (value: seconds), `off_track`, `bookmark`, `watchdog`, …"""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON
    kind: str
    text: str = ""
    value: float | None = None


@dataclass(frozen=True, slots=True)
class PoseSample:
    """`/pose`: where the car was, by simulator, lap timer or LiDAR. Heading counter-clockwise from x."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON
    x_m: float
    y_m: float
    heading_deg: float
    speed_mps: float = 0.0
    steering_angle_deg: float = 0.0
    progress_percent: float = 0.0
    lap: int = 0
    is_off_track: bool = False
    source: str = "simulator"


@dataclass(frozen=True, slots=True)
class ObjectSample:
    """One thing on the road: its middle, its heading as in PoseSample. kind: a name of the simulator's, lower case."""

    kind: str
    x_m: float
    y_m: float
    heading_deg: float
    speed_mps: float = 0.0


@dataclass(frozen=True, slots=True)
class ObjectsSample:
    """`/objects`: what shares the road with the car, in an order that lasts; `nothing` holds an empty place.

    Written just before the `/pose` of the same moment.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _JSON
    objects: tuple[ObjectSample, ...]
    source: str = "simulator"


@dataclass(frozen=True, slots=True)
class SystemSample:
    """`/system`: how the computer is, about once a second. throttled_bits: the Pi firmware's flags."""

    __pydantic_config__: ClassVar[ConfigDict] = _JSON
    cpu_percent: float | None = None
    cpu_temperature_c: float | None = None
    memory_percent: float | None = None
    throttled_bits: int | None = None
    loop_jitter_p99_ms: float | None = None
    wifi_rssi_dbm: float | None = None
    browser_round_trip_ms: float | None = None


DriveMessage = (
    CameraFrame
    | ModelInput
    | ModelOutput
    | Command
    | ActuatorOutput
    | LidarScan
    | ImuSample
    | BatterySample
    | OperatorInput
    | DriveState
    | DriveEvent
    | PoseSample
    | ObjectsSample
    | SystemSample
)

CAMERA_CHANNEL = "/camera/front"
CHANNELS: dict[str, type[DriveMessage]] = {
    CAMERA_CHANNEL: CameraFrame,
    "/model/input": ModelInput,
    "/model/output": ModelOutput,
    "/cmd": Command,
    "/actuator": ActuatorOutput,
    "/lidar": LidarScan,
    "/imu": ImuSample,
    "/battery": BatterySample,
    "/operator": OperatorInput,
    "/state": DriveState,
    "/event": DriveEvent,
    "/pose": PoseSample,
    "/objects": ObjectsSample,
    "/system": SystemSample,
}
CHANNEL_OF: dict[type[DriveMessage], str] = {kind: channel for channel, kind in CHANNELS.items()}


def schema_name(channel: str) -> str:
    """The name of the channel's JSON schema; the camera's is Foxglove's own: its tools show the picture."""
    return "foxglove.CompressedImage" if channel == CAMERA_CHANNEL else f"lapwing.{CHANNELS[channel].__name__}"


def schema_text(channel: str) -> bytes:
    """The channel's JSON schema."""
    if channel == CAMERA_CHANNEL:
        return json.dumps(_COMPRESSED_IMAGE_SCHEMA).encode()
    return json.dumps(_adapter(CHANNELS[channel]).json_schema()).encode()


def encode_message(message: DriveMessage, log_time_ns: int) -> bytes:
    """The message as JSON."""
    if not isinstance(message, CameraFrame):
        return _adapter(type(message)).dump_json(message)
    image = {
        "timestamp": {"sec": log_time_ns // 1_000_000_000, "nsec": log_time_ns % 1_000_000_000},
        "frame_id": "camera",
        "format": "jpeg",
        "sequence": message.sequence,
        "sensor_time_ns": message.sensor_time_ns,
        "exposure_us": message.exposure_us,
        "gain": message.gain,
    }
    # The picture is joined on as bytes: as a string of JSON it would be looked at letter by letter, three times.
    head = json.dumps(image).encode().removesuffix(b"}")
    return b"".join((head, b', "data": "', base64.b64encode(message.jpeg), b'"}'))


def decode_message(channel: str, data: bytes) -> DriveMessage | None:
    """The message, or None for a channel or content that this version does not know."""
    kind = CHANNELS.get(channel)
    try:
        if kind is CameraFrame:
            return _camera_frame(json.loads(data))
        return None if kind is None else _adapter(kind).validate_json(data)
    except (ValidationError, ValueError, KeyError, TypeError, binascii.Error):
        return None


def _camera_frame(image: Mapping[str, Any]) -> CameraFrame:
    return CameraFrame(
        jpeg=base64.b64decode(image["data"], validate=True),
        sequence=int(image["sequence"]),
        sensor_time_ns=int(image.get("sensor_time_ns", 0)),
        exposure_us=image.get("exposure_us"),
        gain=image.get("gain"),
    )


def _adapter(kind: type[DriveMessage]) -> TypeAdapter[DriveMessage]:
    return _adapters()[kind]


@cache
def _adapters() -> dict[type, TypeAdapter[DriveMessage]]:
    return {kind: TypeAdapter[DriveMessage](kind) for kind in CHANNELS.values() if kind is not CameraFrame}


# https://docs.foxglove.dev/docs/sdk/schemas/compressed-image
_COMPRESSED_IMAGE_SCHEMA = {
    "title": "foxglove.CompressedImage",
    "type": "object",
    "properties": {
        "timestamp": {
            "type": "object",
            "title": "time",
            "properties": {"sec": {"type": "integer"}, "nsec": {"type": "integer"}},
        },
        "frame_id": {"type": "string"},
        "data": {"type": "string", "contentEncoding": "base64"},
        "format": {"type": "string"},
    },
}
