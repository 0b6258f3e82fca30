"""What a drive log holds: one frozen dataclass per channel, written alike by the car and by the simulator.

drive_messages.py makes bytes of them. Steering is in degrees, positive left, everywhere. A new channel is a class and
an entry in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

# NaN is written as text, because the moment a model answers NaN is one that the log is for.
_JSON = ConfigDict(extra="ignore", ser_json_inf_nan="strings")


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """`/camera/front`: one picture as the camera gave it.

    sensor_time_ns: when the sensor saw it, on the monotonic clock of the car's computer; 0 where nobody says.
    """

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
    """`/imu`: acceleration and angular rate in the chip's own axes, x, y and z, however it is mounted."""

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
