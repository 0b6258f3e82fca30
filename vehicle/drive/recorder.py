"""Writes a drive to a log, in a thread beside the loop: what it has no time for is left out and counted."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from shared.drive_channels import ActuatorOutput, CameraFrame, Command, DriveState
from shared.drive_log import DriveLogWriter
from shared.errors import StorageError
from vehicle.actuator.core import ActuatorStatus
from vehicle.actuator.state import Phase
from vehicle.drive.turn import Decision, Sight, Turn
from vehicle.hardware.pictures import copy_of, jpeg_of

LONGEST_QUEUE = 30  # two seconds at 15 Hz, 28 MB of pictures
SYNC_S = 2.0

log = logging.getLogger(__name__)


class LogRecorder:
    """A DriveRecorder. left_out: decisions not recorded, because the disk was slower than the drive."""

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        """StorageError when the file cannot be made or exists already."""
        self.left_out = 0
        self._writer = DriveLogWriter(path, start_time_s=time.monotonic(), start_wall_ns=time.time_ns(), about=about)
        self._waiting: queue.Queue[tuple[Decision | None, ActuatorStatus] | None] = queue.Queue(LONGEST_QUEUE)
        self._is_all_taken = False
        self._thread = threading.Thread(target=self._write_all, name="recorder")
        self._thread.start()

    def record(self, turn: Turn) -> None:
        """Take a turn over; the picture is copied, because the camera will use its memory again."""
        kept = turn.decision
        if kept is not None:
            kept = replace(kept, sight=Sight(copy_of(kept.frame), kept.scan))
        try:
            self._waiting.put_nowait((kept, turn.status))
        except queue.Full:
            self.left_out += 1

    def close(self) -> None:
        """Write what waits, then the end of the log."""
        self._waiting.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        try:
            with self._writer:
                self._write_until_closed()
        except StorageError as error:
            log.warning("The recording has ended, the drive goes on: %s", error)
        finally:
            # Whatever ended it: `record` and `close` must find somebody who takes.
            while not self._is_all_taken and self._waiting.get() is not None:
                self.left_out += 1

    def _write_until_closed(self) -> None:
        synced_s, state = time.monotonic(), DriveState("")
        while (item := self._waiting.get()) is not None:
            decision, status = item
            if decision is not None:
                self._write(decision, status)
            now = drive_state(status)
            if now != state:
                state = now
                self._writer.write(state, status.at_s)
            if time.monotonic() - synced_s >= SYNC_S:
                synced_s = time.monotonic()
                self._writer.sync()
        self._is_all_taken = True

    def _write(self, decision: Decision, status: ActuatorStatus) -> None:
        frame, action = decision.frame, decision.action
        jpeg = jpeg_of(frame)
        self._writer.write(CameraFrame(jpeg, frame.sequence, round(frame.taken_at_s * 1e9)), frame.taken_at_s)
        command = Command(action.steering_angle_deg, action.speed_mps, "autonomous", frame.sequence, frame.sequence)
        self._writer.write(command, decision.decided_at_s)
        applied = status.applied
        output = ActuatorOutput(
            applied.steering_angle_deg,
            applied.speed_mps,
            status.steering_us,
            status.throttle_us,
            status.refused,
        )
        self._writer.write(output, status.at_s)


def drive_state(status: ActuatorStatus) -> DriveState:
    """The actuator's state as the log has it."""
    return DriveState(
        state=status.phase,
        mode=status.driver or "",
        is_armed=status.phase is Phase.ARMED,
        reason=status.reason,
        epoch=status.epoch,
    )
