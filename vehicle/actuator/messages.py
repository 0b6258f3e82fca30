"""What clients and the actuator say to each other: one JSON object a message, one answer a request.

Requests: a lease, arm, stop, clear (a fault), renew, status, devices. The answer is always the actuator's status after
it, with `problem` set when the request was refused, and what other devices of the bus said for who asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shared.actions import Action
from shared.errors import LinkError
from vehicle.actuator.lease import Driver, Lease, Pulses
from vehicle.actuator.mode import Mode
from vehicle.actuator.slack import Reading
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus

LONGEST_MESSAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class ArmRequest:
    """Arm the car. Only the connection that asked drives then; when it closes, the car stops."""

    mode: Mode
    top_speed_mps: float


@dataclass(frozen=True, slots=True)
class StopRequest:
    """End the drive. Anybody may say it."""

    reason: str


@dataclass(frozen=True, slots=True)
class ClearRequest:
    """The fault has been looked at."""


@dataclass(frozen=True, slots=True)
class RenewRequest:
    """Another calibration is in force: come to rest, and begin anew with it."""


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Only ask."""


@dataclass(frozen=True, slots=True)
class DevicesRequest:
    """Ask what the other devices of the bus said."""


Request = Lease | ArmRequest | StopRequest | ClearRequest | RenewRequest | StatusRequest | DevicesRequest


@dataclass(frozen=True, slots=True)
class Answer:
    """problem: why the request was refused; None when it was done. devices: only for who asked for them."""

    status: ActuatorStatus
    problem: str | None = None
    devices: Mapping[str, Reading] | None = None


def encode_request(request: Request) -> bytes:
    """One message."""
    values = {"kind": _KINDS[type(request)], **asdict(request)}
    if isinstance(request, Lease) and isinstance(request.action, Pulses):
        values["pulses"] = values.pop("action")
    return json.dumps(values).encode()


def decode_request(message: bytes) -> Request:
    """The request, or LinkError for whatever is not one."""
    values = _object(message)
    kind = values.pop("kind", None)
    try:
        if kind == "lease":
            action = _action(values)
            times = _floats({name: values.pop(name) for name in ("issued_at_s", "ttl_s", "rests_on_s")})
            epoch, sequence = _whole(values.pop("epoch")), _whole(values.pop("sequence"))
            lease = Lease(epoch, Driver(values.pop("driver")), sequence, action=action, **times)
            return _complete(lease, values)
        if kind == "arm":
            request = ArmRequest(Mode(values.pop("mode")), float(values.pop("top_speed_mps")))
            return _complete(request, values)
        if kind == "stop":
            return _complete(StopRequest(str(values.pop("reason"))[:200]), values)
        if kind == "clear":
            return _complete(ClearRequest(), values)
        if kind == "renew":
            return _complete(RenewRequest(), values)
        if kind == "status":
            return _complete(StatusRequest(), values)
        if kind == "devices":
            return _complete(DevicesRequest(), values)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise LinkError(f"The actuator does not understand this {kind} message: {error}.") from error
    raise LinkError(f"The actuator knows no message of kind {kind!r}.")


def encode_answer(answer: Answer) -> bytes:
    """One message."""
    values = {"problem": answer.problem, **asdict(answer.status)}
    if answer.devices is not None:
        values["devices"] = {name: asdict(reading) for name, reading in answer.devices.items()}
    return json.dumps(values).encode()


def decode_answer(message: bytes) -> Answer:
    """The answer, or LinkError."""
    values = _object(message)
    try:
        problem, devices = values.pop("problem"), values.pop("devices", None)
        if devices is not None:
            devices = {name: Reading(**reading) for name, reading in devices.items()}
        values["phase"] = Phase(values["phase"])
        values["driver"] = None if values["driver"] is None else Driver(values["driver"])
        values["mode"] = None if values["mode"] is None else Mode(values["mode"])
        values["applied"] = Action(**values["applied"])
        values["warnings"] = tuple(values["warnings"])
        return Answer(ActuatorStatus(**values), problem, devices)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LinkError(f"The actuator's answer is not understood: {error}.") from error


_KINDS: dict[type, str] = {
    Lease: "lease",
    ArmRequest: "arm",
    StopRequest: "stop",
    ClearRequest: "clear",
    RenewRequest: "renew",
    StatusRequest: "status",
    DevicesRequest: "devices",
}


def _object(message: bytes) -> dict[str, Any]:
    try:
        values = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise LinkError("A message of the actuator's socket is not JSON.") from error
    if not isinstance(values, dict):
        raise LinkError("A message of the actuator's socket is not a JSON object.")
    return values


def _action(values: dict[str, Any]) -> Action | Pulses:
    if "pulses" in values:
        pulses = values.pop("pulses")
        silent = _truth(pulses.pop("silent"))
        return Pulses(**_floats(pulses), silent=silent)
    return Action(**_floats(values.pop("action")))


def _floats(values: dict[str, Any]) -> dict[str, float]:
    """Numbers as they came, NaN included: the core refuses those by name, and that refusal stops the car."""
    return {name: float(value) for name, value in values.items()}


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _complete(request: Request, left: dict[str, Any]) -> Request:
    if left:
        raise ValueError(f"unknown {', '.join(sorted(left))}")
    return request
