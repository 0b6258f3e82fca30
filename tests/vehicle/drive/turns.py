"""Turns of a loop as the recorder gets them, and stores to record them in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from shared.actions import STOP, Action
from shared.sensors import FRONT_CAMERA
from vehicle.actuator.lease import Driver
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.drive.drives import GIGABYTE, DriveStore
from vehicle.drive.turn import Decision, Sight, Turn
from vehicle.hardware.protocols import Frame, Scan

WANTED, ASKED, APPLIED = Action(10.0, 1.6), Action(10.0, 0.8), Action(9.5, 0.75)  # at half the model's speed
ARMED = ActuatorStatus(Phase.ARMED, Driver.AUTONOMOUS, 4, "", "", APPLIED, 1550.0, 1560.0, 8, 0.0)
STOPPED = replace(ARMED, phase=Phase.STOPPING, driver=None, reason="STOP was pressed", applied=STOP)
PERIOD_S = 1 / 15


def turn(sequence: int, status: ActuatorStatus = ARMED, *, at_s: float | None = None, **changes: Any) -> Turn:
    """One turn with a decision: the picture was taken at at_s (5 s and a fifteenth a turn), everything else followed.

    changes: `level` of the picture, `scan`, `observation` of the decision, `is_commanded`.
    """
    taken_at_s = 5.0 + sequence * PERIOD_S if at_s is None else at_s
    image = np.full((480, 640, 3), changes.get("level", 128), dtype=np.uint8)
    grey = np.full((1, 120, 160), sequence % 256, dtype=np.uint8)
    sight = Sight(Frame(image, taken_at_s, sequence), changes.get("scan"))
    answer = np.array([0.25, 0.75], dtype=np.float32)
    observation = changes.get("observation", {FRONT_CAMERA: grey})
    decision = Decision(sight, observation, answer, WANTED, taken_at_s + 0.003, taken_at_s + 0.005)
    commanded_at_s = taken_at_s + 0.006 if changes.get("is_commanded", True) else None
    asked = None if commanded_at_s is None else ASKED
    return Turn(decision, replace(status, at_s=taken_at_s + 0.007), commanded_at_s, asked)


def state_change(status: ActuatorStatus, at_s: float) -> Turn:
    """A turn in which only the actuator changed."""
    return Turn(None, replace(status, at_s=at_s), None)


def scan(sequence: int, at_s: float = 5.0) -> Scan:
    return Scan(np.array([0.0, 90.0], np.float32), np.array([1.5, 0.0], np.float32), at_s - 0.14, at_s, sequence)


def store(folder: Path, quota_bytes: int = GIGABYTE, free_bytes: int = 100 * GIGABYTE) -> DriveStore:
    """A folder of drives on a disk with as much free as a test says."""
    return DriveStore(folder, quota_bytes, free_bytes=lambda path: free_bytes)
