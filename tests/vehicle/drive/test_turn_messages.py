"""What a turn is in a log: every channel, what was asked and what was applied, and events on a change alone."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shared.actions import STOP
from shared.drive_channels import (
    ActuatorOutput,
    CameraFrame,
    Command,
    DriveEvent,
    DriveState,
    LidarScan,
    ModelInput,
    ModelOutput,
)
from shared.sensors import FRONT_CAMERA, SECTOR_LIDAR
from tests.vehicle.drive.turns import APPLIED, ARMED, ASKED, STOPPED, WANTED, scan, state_change, turn
from vehicle.actuator.lease import Driver
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.drive.turn_messages import TurnMessages


def only(kind: type, messages: list[tuple[float, Any]]) -> list[Any]:
    return [message for _, message in messages if isinstance(message, kind)]


def test_a_turn_speaks_on_every_channel_with_the_time_of_each_stage() -> None:
    messages = TurnMessages().of(turn(3, scan=scan(9, at_s=5.15)), b"jpeg")
    times = {type(message): round(time_s - 5.2, 3) for time_s, message in messages}
    assert times == {
        CameraFrame: 0.0,
        LidarScan: -0.05,
        ModelInput: 0.003,
        ModelOutput: 0.005,
        Command: 0.006,
        ActuatorOutput: 0.007,
        DriveState: 0.007,
    }


def test_a_picture_says_when_and_how_it_was_exposed() -> None:
    taken = turn(3)
    assert taken.decision is not None
    frame = replace(taken.decision.frame, exposure_us=8000.0, gain=1.5)
    exposed = replace(taken, decision=replace(taken.decision, sight=replace(taken.decision.sight, frame=frame)))
    assert only(CameraFrame, TurnMessages().of(exposed, b"jpeg")) == [
        CameraFrame(b"jpeg", 3, 5_200_000_000, 8000.0, 1.5)
    ]


def test_what_was_asked_and_what_was_applied_are_two_messages() -> None:
    messages = TurnMessages().of(turn(3), b"jpeg")
    (command,), (output,), (answer,) = (only(kind, messages) for kind in (Command, ActuatorOutput, ModelOutput))
    assert (command.steering_angle_deg, command.speed_mps, command.source) == (*asked_values(), "autonomous")
    assert (output.steering_angle_deg, output.speed_mps) == (APPLIED.steering_angle_deg, APPLIED.speed_mps)
    assert (output.steering_us, output.throttle_us) == (1550.0, 1560.0)
    assert (answer.values, answer.speed_mps) == ((0.25, 0.75), WANTED.speed_mps)
    assert answer.inference_ms == pytest.approx(2.0)


def asked_values() -> tuple[float, float]:
    return ASKED.steering_angle_deg, ASKED.speed_mps


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (replace(ARMED, applied=ASKED), ""),
        (ARMED, "steering and speed limited"),
        (replace(ARMED, applied=replace(ASKED, speed_mps=0.4)), "speed limited"),
        (
            replace(ARMED, applied=replace(ASKED, speed_mps=0.4), warnings=("the computer is too hot",)),
            "speed limited; the computer is too hot",
        ),
        (replace(ARMED, refused="the command is stale"), "the command is stale"),
    ],
)
def test_the_log_says_why_something_else_was_applied(status: ActuatorStatus, reason: str) -> None:
    (output,) = only(ActuatorOutput, TurnMessages().of(turn(1, status), None))
    assert output.limited_by == reason


@pytest.mark.parametrize(
    ("status", "source", "speed_mps"),
    [
        (replace(ARMED, driver=Driver.MANUAL, mode=Mode.MANUAL), "manual", APPLIED.speed_mps),
        (replace(ARMED, driver=Driver.MANUAL, mode=Mode.CALIBRATION), "calibration", APPLIED.speed_mps),
        (replace(ARMED, phase=Phase.READY, driver=None, applied=STOP), "stop", 0.0),
    ],
)
def test_a_decision_that_nobody_follows_is_no_command(status: ActuatorStatus, source: str, speed_mps: float) -> None:
    messages = TurnMessages().of(turn(1, status, is_commanded=False), None)
    (command,) = only(Command, messages)
    assert (command.source, command.speed_mps) == (source, speed_mps)
    assert only(ModelOutput, messages)[0].speed_mps == WANTED.speed_mps
    assert only(ActuatorOutput, messages)[0].limited_by == ""


def test_what_the_model_saw_is_hashed_every_time_and_whole_every_tenth() -> None:
    log = TurnMessages()
    seen = [only(ModelInput, log.of(turn(sequence), None))[0] for sequence in range(1, 13)]
    grey = np.full((1, 120, 160), 12, dtype=np.uint8).tobytes()
    assert seen[11].sha256 == hashlib.sha256(grey).hexdigest()
    assert [number for number, message in enumerate(seen) if message.grey_base64] == [0, 10]
    assert b64decode(seen[10].grey_base64) == bytes([11]) * 120 * 160


def test_what_other_sensors_gave_the_model_is_in_the_hash_and_beside_the_picture() -> None:
    grey, sectors = np.zeros((1, 120, 160), np.uint8), np.array([0, 1, 0, 0, 0, 0, 0, 1], np.float32)
    messages = TurnMessages().of(turn(1, observation={FRONT_CAMERA: grey, SECTOR_LIDAR: sectors}), None)
    (seen,) = only(ModelInput, messages)
    assert seen.other_values == (0, 1, 0, 0, 0, 0, 0, 1)
    assert seen.sha256 == hashlib.sha256(grey.tobytes() + sectors.tobytes()).hexdigest()


def test_a_scan_is_written_once_however_many_decisions_see_it() -> None:
    log = TurnMessages()
    scans = [only(LidarScan, log.of(turn(number, scan=scan(number // 2)), None)) for number in range(4)]
    assert [len(found) for found in scans] == [1, 0, 1, 0]
    assert scans[0][0].ranges_m == (1.5, 0.0)
    assert scans[0][0].duration_s == pytest.approx(0.14)


def test_the_state_is_written_on_change() -> None:
    log = TurnMessages()
    assert only(DriveState, log.of(turn(1), None)) == [DriveState("armed", "autonomous", True, "", 4)]
    assert only(DriveState, log.of(turn(2), None)) == []
    assert only(DriveState, log.of(state_change(STOPPED, 6.0), None))[0].reason == "STOP was pressed"


def test_the_end_of_a_drive_and_a_fault_are_events_once() -> None:
    log = TurnMessages()
    fault = replace(STOPPED, phase=Phase.FAULT, reason="the board does not answer")
    ready = replace(STOPPED, phase=Phase.READY, reason="")
    told = [only(DriveEvent, log.of(state_change(status, 6.0), None)) for status in (ready, ARMED, STOPPED, STOPPED)]
    assert told == [[], [], [DriveEvent("stop", "STOP was pressed")], []]
    assert only(DriveEvent, log.of(state_change(fault, 7.0), None)) == [DriveEvent("fault", fault.reason)]
    assert only(DriveEvent, log.of(state_change(fault, 7.0), None)) == []


def test_a_drive_that_ended_and_began_between_two_turns_has_ended() -> None:
    log = TurnMessages()
    log.of(turn(1), None)
    assert only(DriveEvent, log.of(turn(2, replace(ARMED, epoch=5)), None)) == [DriveEvent("stop", "")]


def test_a_guard_that_goes_away_is_an_event() -> None:
    log = TurnMessages()
    alone = replace(ARMED, guard="the guard is gone")
    told = [only(DriveEvent, log.of(turn(number, status), None)) for number, status in enumerate((ARMED, alone, alone))]
    assert told == [[], [DriveEvent("watchdog", "the guard is gone")], []]


def test_the_jitter_is_how_far_decisions_come_from_their_usual_time() -> None:
    log = TurnMessages()
    assert log.jitter_p99_ms() is None
    for number in range(100):
        log.of(turn(number, at_s=number * 0.066 + (0.010 if number == 50 else 0.0)), None)
    assert log.jitter_p99_ms() == pytest.approx(10.0, abs=0.3)
