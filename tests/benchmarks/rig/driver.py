"""Drives for a benchmark: the real control loop on the emulated camera, with a pilot that never changes its mind.

One process waits with everything loaded; for each line on its standard input it makes a copy of itself that arms
the car and drives, and says the copy's number. SIGUSR1 hangs the copy, SIGUSR2 cuts its connection to the actuator.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

from shared.actions import Action
from shared.errors import LapwingError
from tests.benchmarks.rig.hangable import hang
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.messages import ArmRequest
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.drive.loop import DriveLoop
from vehicle.drive.turn import Decision, Sight
from vehicle.emulated.camera import EmulatedCamera
from vehicle.runtime_folder import RuntimeFolder

SPEED_MPS = 1.0


class SteadyPilot:
    """Always the same."""

    top_speed_mps = 3.0
    control_rate_hz = 15.0
    readings = ("camera",)

    def decide(self, sight: Sight) -> Decision:
        """Straight ahead."""
        now_s = time.monotonic()
        return Decision(sight, {}, np.zeros(0, np.float32), Action(0.0, SPEED_MPS), now_s, now_s)

    def forget(self) -> None:
        """There is nothing to forget."""


def drive(folder: RuntimeFolder) -> None:
    """Until something happens to this process or its connection."""
    camera = EmulatedCamera(folder.board_camera)
    actuator = ActuatorClient(folder.actuator)
    signal.signal(signal.SIGUSR1, hang)
    signal.signal(signal.SIGUSR2, lambda *_: actuator.close())
    while actuator.status().phase is not Phase.READY or camera.latest() is None:
        time.sleep(0.01)
    if actuator.ask(ArmRequest(Mode.AUTONOMOUS, SteadyPilot.top_speed_mps)).problem is None:
        DriveLoop(camera, SteadyPilot(), actuator).run(threading.Event())


def main(path: Path) -> None:
    """Make drivers as they are asked for, and bury the dead ones."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                drive(RuntimeFolder(path))
                code = 0
            except (LapwingError, OSError):
                code = 2
            finally:
                os._exit(code)
        print(child, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
