"""What a turn of the control loop is in a drive log: a message on every channel that it has something for."""

from __future__ import annotations

from collections import deque
from typing import Literal

import numpy as np

from shared.actions import Action
from shared.drive_channels import (
    ActuatorOutput,
    CameraFrame,
    Command,
    DriveEvent,
    DriveMessage,
    DriveState,
    LidarScan,
    ModelOutput,
)
from shared.model_messages import model_input
from vehicle.actuator.lease import Driver
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.drive.turn import Decision, Turn

TimedMessage = tuple[float, DriveMessage]

JITTER_TURNS = 150  # ten seconds at 15 Hz
_NEAR = 0.01  # degrees or m/s; what was asked and what was applied differ by less than this in rounding alone


class TurnMessages:
    """Takes the turns of one loop in their order and remembers what is written on change alone."""

    def __init__(self) -> None:
        self._state = DriveState("")
        self._guard = ""
        self._scan_sequence: int | None = None
        self._decisions = 0
        self._decided_at_s: deque[float] = deque(maxlen=JITTER_TURNS)

    def of(self, turn: Turn, jpeg: bytes | None) -> list[TimedMessage]:
        """The messages with their times. jpeg: the turn's picture, None where there was no time for it."""
        messages = [] if turn.decision is None else self._decided(turn, turn.decision, jpeg)
        return messages + self._changed(turn.status)

    def jitter_p99_ms(self) -> float | None:
        """How far from the usual time between two decisions they come; None before there are enough."""
        if len(self._decided_at_s) < 3:
            return None
        between_s = np.diff(np.array(self._decided_at_s))
        return float(1000 * np.percentile(np.abs(between_s - np.median(between_s)), 99))

    def _decided(self, turn: Turn, decision: Decision, jpeg: bytes | None) -> list[TimedMessage]:
        frame, action, status = decision.frame, decision.action, turn.status
        messages: list[TimedMessage] = []
        if jpeg is not None:
            time_ns = round(frame.taken_at_s * 1e9)
            picture = CameraFrame(jpeg, frame.sequence, time_ns, frame.exposure_us, frame.gain)
            messages.append((frame.taken_at_s, picture))
        messages += self._new_scan(decision)
        if decision.observation:
            seen = model_input(self._decisions, decision.observation, frame_sequence=frame.sequence)
            output = ModelOutput(
                frame.sequence,
                tuple(decision.answer.tolist()),
                action.steering_angle_deg,
                action.speed_mps,
                1000 * (decision.decided_at_s - decision.observed_at_s),
            )
            messages += [(decision.observed_at_s, seen), (decision.decided_at_s, output)]
        messages.append((turn.commanded_at_s or decision.decided_at_s, command_of(turn, decision)))
        applied = status.applied
        output_us = status.steering_us, status.throttle_us
        limited_by = "" if turn.asked is None else limits_on(turn.asked, status)
        messages.append(
            (status.at_s, ActuatorOutput(applied.steering_angle_deg, applied.speed_mps, *output_us, limited_by))
        )
        self._decisions += 1
        self._decided_at_s.append(decision.decided_at_s)
        return messages

    def _new_scan(self, decision: Decision) -> list[TimedMessage]:
        scan = decision.scan
        if scan is None or scan.sequence == self._scan_sequence:
            return []
        self._scan_sequence = scan.sequence
        angles, ranges = tuple(scan.angles_deg.tolist()), tuple(scan.ranges_m.tolist())
        duration_s = scan.ended_at_s - scan.started_at_s
        return [(scan.ended_at_s, LidarScan(angles, ranges, duration_s, scan.sequence))]

    def _changed(self, status: ActuatorStatus) -> list[TimedMessage]:
        """The state if it is another one, and the event that this is."""
        messages: list[TimedMessage] = []
        before, now = self._state, drive_state(status)
        if now != before:
            self._state = now
            messages.append((status.at_s, now))
        if now.state == Phase.FAULT and before.state != Phase.FAULT:
            messages.append((status.at_s, DriveEvent("fault", status.reason)))
        elif before.is_armed and (not now.is_armed or now.epoch != before.epoch):
            messages.append((status.at_s, DriveEvent("stop", status.reason)))
        if status.guard and status.guard != self._guard:
            messages.append((status.at_s, DriveEvent("watchdog", status.guard)))
        self._guard = status.guard
        return messages


def command_of(turn: Turn, decision: Decision) -> Command:
    """What was asked of the car in this turn.

    What another driver asks is not known in the loop: for it stands what was applied.
    """
    applied, sequence = turn.status.applied, decision.frame.sequence
    if (action := turn.asked) is not None:
        return Command(action.steering_angle_deg, action.speed_mps, "autonomous", sequence, sequence)
    if turn.status.phase is Phase.ARMED and turn.status.driver is Driver.MANUAL:
        is_calibration = turn.status.mode is Mode.CALIBRATION
        source: Literal["manual", "calibration"] = "calibration" if is_calibration else "manual"
        return Command(applied.steering_angle_deg, applied.speed_mps, source, sequence, sequence)
    return Command(0.0, 0.0, "stop", sequence, sequence)


def limits_on(asked: Action, status: ActuatorStatus) -> str:
    """Why something else was applied than asked; empty where it was not."""
    if status.refused:
        return status.refused
    applied = status.applied
    limited = []
    if abs(asked.steering_angle_deg - applied.steering_angle_deg) > _NEAR:
        limited.append("steering")
    if abs(asked.speed_mps - applied.speed_mps) > _NEAR:
        limited.append("speed")
    if not limited:
        return ""
    return "; ".join([f"{' and '.join(limited)} limited", *status.warnings])


def drive_state(status: ActuatorStatus) -> DriveState:
    """The actuator's state as the log has it."""
    return DriveState(
        state=status.phase,
        mode=status.mode or status.driver or "",
        is_armed=status.phase is Phase.ARMED,
        reason=status.reason,
        epoch=status.epoch,
    )
