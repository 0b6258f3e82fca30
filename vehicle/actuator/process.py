"""The actuator process: puts together what owns the servo board, and runs it."""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time

from calibration.pulses import CalibratedPulses
from vehicle.actuator.core import ActuatorCore
from vehicle.actuator.esc import esc_profile
from vehicle.actuator.guard_link import GuardLink
from vehicle.actuator.realtime import ACTUATOR_PRIORITY, become_realtime
from vehicle.actuator.server import ActuatorServer
from vehicle.hardware.assembly import Car, arming_obstacle, load_profile, neutral_ticks, open_servo_board
from vehicle.supervisor import Supervisor

log = logging.getLogger(__name__)


def run_actuator(car: Car, stop: threading.Event) -> None:
    """Until stop is set. The board is at rest on every way out that a program can take."""
    profile = load_profile(car)
    car.folder.create()
    board = open_servo_board(car, profile)
    warning = become_realtime(ACTUATOR_PRIORITY)
    if warning is not None:
        log.warning("%s", warning)
    with contextlib.closing(GuardLink(car.folder.guard, neutral_ticks(profile))) as guard:
        core = ActuatorCore(
            board,
            CalibratedPulses(profile),
            car.config.limits,
            new_epoch=lambda: secrets.randbits(48) + 1,
            guard=guard,
            esc_profile=esc_profile(profile.throttle),
            arming_obstacle=arming_obstacle(car, profile),
            warnings=() if warning is None else (warning,),
            clock=time.monotonic,
        )
        guard.meet(time.monotonic, time.sleep)
        ActuatorServer(core, car.folder.actuator, supervisor=Supervisor()).run(stop)
