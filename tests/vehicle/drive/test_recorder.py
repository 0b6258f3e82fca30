"""A recorded drive can be read back, and a slow or full disk never holds the loop."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from shared.actions import Action
from shared.drive_channels import ActuatorOutput, CameraFrame, Command, DriveState
from shared.drive_log import read_drive_log
from shared.errors import StorageError
from vehicle.actuator.core import ActuatorStatus
from vehicle.actuator.lease import Driver
from vehicle.actuator.state import Phase
from vehicle.drive.recorder import LONGEST_QUEUE, LogRecorder
from vehicle.drive.turn import Decision, Sight, Turn
from vehicle.hardware.protocols import Frame

APPLIED = Action(9.5, 0.75)
STATUS = ActuatorStatus(Phase.ARMED, Driver.AUTONOMOUS, 4, "", "", APPLIED, 1550.0, 1560.0, 8, 5.01)


def turn(sequence: int, level: int = 128) -> Turn:
    image = np.full((480, 640, 3), level, dtype=np.uint8)
    taken_at_s = 5.0 + sequence / 15
    sight = Sight(Frame(image, taken_at_s, sequence))
    answer = np.array([0.25, 0.75], dtype=np.float32)
    decision = Decision(sight, {}, answer, Action(10.0, 0.8), taken_at_s + 0.003, taken_at_s + 0.005)
    return Turn(decision, STATUS, taken_at_s + 0.005)


def test_a_drive_is_read_back_as_it_was(tmp_path: Path) -> None:
    recorder = LogRecorder(tmp_path / "drive.mcap", {"model": "tiny"})
    for sequence in range(1, 11):
        recorder.record(turn(sequence))
    recorder.close()
    messages = [entry.message for entry in read_drive_log(tmp_path / "drive.mcap").entries]
    frames = [message for message in messages if isinstance(message, CameraFrame)]
    commands = [message for message in messages if isinstance(message, Command)]
    outputs = [message for message in messages if isinstance(message, ActuatorOutput)]
    assert [frame.sequence for frame in frames] == list(range(1, 11))
    assert abs(int(simplejpeg.decode_jpeg(frames[0].jpeg).mean()) - 128) <= 1
    assert {(command.steering_angle_deg, command.speed_mps) for command in commands} == {(10.0, 0.8)}
    assert {(output.steering_angle_deg, output.steering_us) for output in outputs} == {(9.5, 1550.0)}
    assert [message for message in messages if isinstance(message, DriveState)] == [
        DriveState("armed", "autonomous", True, "", 4)
    ]


def test_the_picture_is_the_one_of_the_decision_although_its_memory_is_used_again(tmp_path: Path) -> None:
    recorder = LogRecorder(tmp_path / "drive.mcap", {})
    taken = turn(1, level=200)
    recorder.record(taken)
    assert taken.decision is not None
    taken.decision.frame.image[:] = 0
    recorder.close()
    (frame,) = [
        entry.message
        for entry in read_drive_log(tmp_path / "drive.mcap").entries
        if isinstance(entry.message, CameraFrame)
    ]
    assert simplejpeg.decode_jpeg(frame.jpeg).mean() > 195


def test_what_the_disk_cannot_take_is_left_out_and_counted(tmp_path: Path) -> None:
    recorder = LogRecorder(tmp_path / "drive.mcap", {})
    for sequence in range(1, 20 * LONGEST_QUEUE):
        recorder.record(turn(sequence))
    recorder.close()
    written = [entry for entry in read_drive_log(tmp_path / "drive.mcap").entries if isinstance(entry.message, Command)]
    assert recorder.left_out > 0
    assert len(written) + recorder.left_out == 20 * LONGEST_QUEUE - 1


def test_a_log_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "drive.mcap").write_bytes(b"precious")
    with pytest.raises(StorageError):
        LogRecorder(tmp_path / "drive.mcap", {})
    assert (tmp_path / "drive.mcap").read_bytes() == b"precious"


@pytest.mark.parametrize("pictures", [1, 40])  # the disk is full at the end of the log, or on the way
def test_a_full_disk_ends_the_recording_and_not_the_drive(tmp_path: Path, pictures: int) -> None:
    path = tmp_path / "drive.mcap"
    recorder = LogRecorder(path, {})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, hard))
    try:
        for sequence in range(1, pictures + 1):
            recorder.record(turn(sequence))
            while recorder._waiting.qsize() == LONGEST_QUEUE:
                time.sleep(0.001)
        recorder.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not recorder._thread.is_alive()
    assert not read_drive_log(path).is_complete
