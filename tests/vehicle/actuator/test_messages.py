"""What goes over the actuator's socket comes out the same, and nonsense is refused with a sentence."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.actions import Action
from shared.errors import LinkError
from vehicle.actuator.lease import Driver, Lease, Pulses
from vehicle.actuator.messages import (
    Answer,
    ArmRequest,
    ClearRequest,
    DevicesRequest,
    RenewRequest,
    StatusRequest,
    StopRequest,
    decode_answer,
    decode_request,
    encode_answer,
    encode_request,
)
from vehicle.actuator.mode import Mode
from vehicle.actuator.slack import Reading
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus

LEASE = Lease(7, Driver.AUTONOMOUS, 3, 10.5, 0.1, Action(-12.5, 1.25), 10.45)
STATUS = ActuatorStatus(Phase.ARMED, Driver.MANUAL, 9, "why", "not now", Action(1.0, 2.0), 1500.0, 1600.0, 12, 3.5)


@pytest.mark.parametrize(
    "request_",
    [
        LEASE,
        replace(LEASE, driver=Driver.MANUAL, action=Pulses(1480.5, 1500.0)),
        replace(LEASE, driver=Driver.MANUAL, action=Pulses(1480.5, 1500.0, silent=True)),
        *(ArmRequest(mode, 1.5) for mode in Mode),
        StopRequest("the button"),
        ClearRequest(),
        RenewRequest(),
        StatusRequest(),
        DevicesRequest(),
    ],
)
def test_every_request_survives_the_socket(request_: object) -> None:
    assert decode_request(encode_request(request_)) == request_  # type: ignore[arg-type]


@pytest.mark.parametrize("problem", [None, "not yet"])
@pytest.mark.parametrize(
    "status",
    [
        STATUS,
        replace(STATUS, mode=Mode.DRY_RUN, warnings=("hot", "low"), stops_without_pulses_s="holds"),
        replace(STATUS, silent_since_s=3.25, stops_without_pulses_s=0.5),
    ],
)
def test_the_answer_survives_the_socket(status: ActuatorStatus, problem: str | None) -> None:
    assert decode_answer(encode_answer(Answer(status, problem))) == Answer(status, problem)


def test_what_devices_said_survives_the_socket_too() -> None:
    devices = {"battery": Reading({"voltage_v": 7.4}, 12.5), "imu": Reading({}, 3.0, "it failed twice")}
    answer = Answer(STATUS, None, devices)
    assert decode_answer(encode_answer(answer)) == answer


def test_nan_is_carried_so_that_the_core_can_refuse_it() -> None:
    message = encode_request(Lease(7, Driver.AUTONOMOUS, 3, 10.5, 0.1, Action(float("nan"), 1.0), 10.45))
    lease = decode_request(message)
    assert isinstance(lease, Lease)
    assert math.isnan(lease.action.steering_angle_deg)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"[]",
        b"{",
        b"{}",
        b'{"kind": "explode"}',
        b'{"kind": "status", "more": 1}',
        b'{"kind": "arm", "mode": "cat", "top_speed_mps": 1}',
        b'{"kind": "arm", "mode": "manual"}',
        b'{"kind": "arm", "mode": "manual", "top_speed_mps": 1' + b"0" * 400 + b"}",
        b'{"kind": "stop"}',
        b'{"kind": "lease"}',
        b'{"kind": "lease", "action": 3}',
        b'{"kind": "lease", "pulses": 3}',
        encode_request(LEASE).replace(b'"action"', b'"pulses": {"steering_us": 1, "throttle_us": 2}, "action"'),
        b"[" * 4000,
    ],
)
def test_nonsense_is_refused(message: bytes) -> None:
    with pytest.raises(LinkError):
        decode_request(message)


@pytest.mark.parametrize("field", ["epoch", "sequence", "ttl_s", "driver", "action", "rests_on_s"])
@pytest.mark.parametrize("value", ["text", None, [], {}])
def test_a_lease_with_a_wrong_field_is_refused(field: str, value: object) -> None:
    values = json.loads(encode_request(LEASE))
    values[field] = value
    with pytest.raises(LinkError):
        decode_request(json.dumps(values).encode())


@pytest.mark.parametrize("value", ["true", "", None, 0, 1, 1.0, [], {}])
def test_silence_is_asked_for_by_a_plain_true_and_nothing_else(value: object) -> None:
    values = json.loads(encode_request(replace(LEASE, action=Pulses(1500.0, 1500.0, silent=True))))
    values["pulses"]["silent"] = value
    with pytest.raises(LinkError):
        decode_request(json.dumps(values).encode())
    del values["pulses"]["silent"]
    with pytest.raises(LinkError):
        decode_request(json.dumps(values).encode())


@given(st.builds(Pulses, st.floats(), st.floats(), st.booleans()))
def test_pulses_of_any_kind_arrive_as_they_were_sent(pulses: Pulses) -> None:
    lease = decode_request(encode_request(replace(LEASE, action=pulses)))
    assert isinstance(lease, Lease)
    assert repr(lease.action) == repr(pulses)  # NaN is not equal to itself


@given(st.binary(max_size=200))
def test_random_bytes_never_raise_anything_else(message: bytes) -> None:
    for decode in (decode_request, decode_answer):
        with pytest.raises(LinkError):
            decode(message)
