"""What a console says to the drive over its socket, and what it is told: the messages; client.py sends them.

A message is two lengths, an object in JSON and bytes that are not JSON (a picture). One answer a request, in order.
This module reaches no driver and no engine, so that a console which imports it reaches none either.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from shared.errors import LinkError
from vehicle.actuator.mode import DriveMode, Mode
from vehicle.actuator.status import ActuatorStatus
from vehicle.drive.confidence import Confidence
from vehicle.drive.latency import LatencyReport
from vehicle.drive.load import Load

LENGTHS = struct.Struct("!II")  # of the JSON, of the bytes after it
LARGEST_REQUEST_BYTES = 16 * 1024
LARGEST_ANSWER_BYTES = 8 * 1024 * 1024
LONGEST_WAIT_S = 2.0
THE_NEXT = "that drives next"  # how a model is called while its name is not known

_STRICT: ConfigDict = {"extra": "forbid", "ser_json_inf_nan": "constants"}


@dataclass(frozen=True, slots=True)
class StateRequest:
    """How everything stands."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    kind: Literal["state"] = "state"


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """The newest picture as JPEG, as soon as its sequence is another than the one that is had already.

    view: what the camera sees, or the grey picture that the model sees. wait_s: for how long to wait for it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    view: Literal["camera", "model"] = "camera"
    had: int = 0
    wait_s: Annotated[float, Field(ge=0.0, le=LONGEST_WAIT_S)] = 0.0
    kind: Literal["picture"] = "picture"


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """The newest scan of the LiDAR, as for a picture."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    had: int = 0
    wait_s: Annotated[float, Field(ge=0.0, le=LONGEST_WAIT_S)] = 0.0
    kind: Literal["scan"] = "scan"


@dataclass(frozen=True, slots=True)
class StartRequest:
    """Arm the car and let the model drive. model: an installed one; None: the one in place."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    mode: DriveMode = Mode.AUTONOMOUS
    model: Annotated[str, Field(max_length=200)] | None = None
    kind: Literal["start"] = "start"


@dataclass(frozen=True, slots=True)
class StopRequest:
    """End the drive."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    reason: Annotated[str, Field(max_length=200)] = "stopped from the console"
    kind: Literal["stop"] = "stop"


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """Load a model in the background, so that choosing it takes no time."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    model: Annotated[str, Field(max_length=200)]
    kind: Literal["prepare"] = "prepare"


@dataclass(frozen=True, slots=True)
class ChooseRequest:
    """The model that drives from the next arming on, also after a restart."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    model: Annotated[str, Field(max_length=200)]
    kind: Literal["choose"] = "choose"


@dataclass(frozen=True, slots=True)
class SpeedScaleRequest:
    """Drive at this share of the model's speeds, from the next command on."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    speed_scale: Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
    kind: Literal["speed scale"] = "speed scale"


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """Begin or end a recording. name: among the recorded drives; None: one made of the time."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    is_on: bool
    name: Annotated[str, Field(max_length=200)] | None = None
    kind: Literal["record"] = "record"


@dataclass(frozen=True, slots=True)
class BookmarkRequest:
    """Keep this moment: the recording, or else the last half minute, is saved and never deleted to make room."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    text: Annotated[str, Field(max_length=200)] = ""
    kind: Literal["bookmark"] = "bookmark"


@dataclass(frozen=True, slots=True)
class OperatorRequest:
    """What a person's stick and buttons say, for the log: -1 to 1, left and forward positive. client: whose."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    steering_fraction: Annotated[float, Field(ge=-1.0, le=1.0, allow_inf_nan=False)]
    throttle_fraction: Annotated[float, Field(ge=-1.0, le=1.0, allow_inf_nan=False)]
    buttons: Annotated[tuple[Annotated[str, Field(max_length=40)], ...], Field(max_length=16)] = ()
    client: Annotated[str, Field(max_length=200)] = ""
    kind: Literal["operator"] = "operator"


Request = (
    StateRequest
    | PictureRequest
    | ScanRequest
    | StartRequest
    | StopRequest
    | PrepareRequest
    | ChooseRequest
    | SpeedScaleRequest
    | RecordRequest
    | BookmarkRequest
    | OperatorRequest
)


@dataclass(frozen=True, slots=True)
class ModelReport:
    """The model in place: the one that the next arming drives with."""

    name: str
    sha256: str
    engine: str
    sensors: tuple[str, ...]
    top_speed_mps: float
    control_rate_hz: float


@dataclass(frozen=True, slots=True)
class DecisionReport:
    """The newest decision. steering_angle_deg, speed_mps: what the model wants, before any limit."""

    frame_sequence: int
    age_s: float
    steering_angle_deg: float
    speed_mps: float
    answer: tuple[float, ...]
    confidence: Confidence | None = None


@dataclass(frozen=True, slots=True)
class DriveReport:
    """How everything stands.

    actuator: None while there is none. missing: what the car waits for before it can drive, sentences.
    preparing: names of models being loaded, THE_NEXT among them. ready: names of those that can be chosen at once.
    problems: by name, why a model could not be loaded or was taken out. recording: its name, None without one.
    """

    actuator: ActuatorStatus | None
    model: ModelReport | None
    decision: DecisionReport | None
    missing: tuple[str, ...] = ()
    preparing: tuple[str, ...] = ()
    ready: tuple[str, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    speed_scale: float = 1.0
    recording: str | None = None
    latency: LatencyReport = field(default_factory=LatencyReport)
    load: Load = field(default_factory=Load)


@dataclass(frozen=True, slots=True)
class ScanReport:
    """One turn of the LiDAR, as Scan has it: degrees counter-clockwise from straight ahead, 0 m is nothing."""

    sequence: int
    angles_deg: tuple[float, ...]
    ranges_m: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """problem: why the request was refused, a sentence; empty when it was done.

    sequence: of the picture in the bytes; 0: there is none that is newer.
    """

    problem: str = ""
    state: DriveReport | None = None
    sequence: int = 0
    scan: ScanReport | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """jpeg: of the picture with this sequence."""

    sequence: int
    jpeg: bytes


def packed(content: bytes, attached: bytes = b"") -> bytes:
    """One message as it goes over the socket."""
    return LENGTHS.pack(len(content), len(attached)) + content + attached


def encode_request(request: Request) -> bytes:
    """The request's JSON."""
    return _requests().dump_json(request)


def decode_request(content: bytes) -> Request:
    """The request, or LinkError with a sentence for whatever is not one."""
    try:
        request: Request = _requests().validate_json(content)
        return request
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        raise LinkError(f"The drive does not understand this message: {where or 'it'}: {first['msg']}.") from error


def encode_answer(answer: Answer) -> bytes:
    """The answer's JSON."""
    return _answers().dump_json(answer)


def decode_answer(content: bytes) -> Answer:
    """The answer, or LinkError."""
    try:
        return _answers().validate_json(content)
    except ValidationError as error:
        raise LinkError(f"The drive's answer is not understood: {error.errors()[0]['msg']}.") from error


@cache
def _requests() -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[Request, Field(discriminator="kind")])


@cache
def _answers() -> TypeAdapter[Answer]:
    return TypeAdapter(Answer)
