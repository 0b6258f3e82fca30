"""The actuator process: puts together what owns the servo board, and runs it."""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from dataclasses import dataclass

from calibration.pulses import CalibratedPulses
from shared.errors import HardwareError
from vehicle.actuator.beside import BesideReader
from vehicle.actuator.core import ActuatorCore
from vehicle.actuator.esc import esc_profile
from vehicle.actuator.guard_link import GuardLink
from vehicle.actuator.health_watch import IMU, Fitted, HealthWatch
from vehicle.actuator.realtime import ACTUATOR_PRIORITY, become_realtime
from vehicle.actuator.server import ActuatorServer
from vehicle.actuator.slack import SlackReader
from vehicle.actuator.status_light import StatusLight
from vehicle.actuator.yaw_rate import YawRate
from vehicle.hardware.absent import NoTailLight
from vehicle.hardware.assembly import (
    neutral_first,
    neutral_ticks,
    open_bus_devices,
    open_computer,
    open_servo_board,
    open_tail_light,
)
from vehicle.hardware.protocols import TailLight
from vehicle.hardware.this_car import Car, arming_obstacle, load_profile
from vehicle.supervisor import Supervisor

log = logging.getLogger(__name__)


def run_actuator(car: Car, stop: threading.Event) -> None:
    """Until stop is set; anew when somebody put another calibration in force and says so.

    The board is at rest on every way out that a program can take, and in between.
    """
    car.folder.create()
    with contextlib.ExitStack() as exits:
        slack = SlackReader(open_bus_devices(car, exits))
        light, dark = _tail_light(car, exits)
        beside = BesideReader([open_computer(car)])
        beside.start()
        exits.callback(beside.close)
        watch = HealthWatch(lambda: {**slack.readings, **beside.readings}, fitted(car))
        warnings = tuple(warning for warning in (become_realtime(ACTUATOR_PRIORITY), dark) if warning)
        for warning in warnings:
            log.warning("%s", warning)
        parts = Parts(slack, watch, StatusLight(light), warnings)
        while _serve(car, parts, stop):
            log.info("Begins anew, with the calibration that is in force now.")


@dataclass(frozen=True, slots=True)
class Parts:
    """What an actuator keeps when it begins anew. warnings: for the status."""

    slack: SlackReader
    watch: HealthWatch
    light: StatusLight
    warnings: tuple[str, ...]


def _serve(car: Car, parts: Parts, stop: threading.Event) -> bool:
    """With the calibration that is in force now. Whether to do it once more."""
    profile = load_profile(car)
    obstacle = arming_obstacle(car, profile)
    told = [obstacle] if obstacle is not None and not car.folder.calibrating.exists() else []
    board = open_servo_board(car, profile)
    link = GuardLink(car.folder.guard, neutral_ticks(car, profile), neutral_first=neutral_first(profile))
    with contextlib.closing(link) as guard:
        core = ActuatorCore(
            board,
            CalibratedPulses(profile),
            car.config.limits,
            new_epoch=lambda: secrets.randbits(48) + 1,
            guard=guard,
            esc_profile=esc_profile(profile.throttle),
            health=parts.watch,
            arming_obstacle=obstacle,
            warnings=(*parts.warnings, *told),
            clock=time.monotonic,
            yaw_rate=YawRate(lambda: parts.slack.readings.get(IMU)),
        )
        guard.meet(time.monotonic, time.sleep)
        server = ActuatorServer(
            core,
            car.folder.actuator,
            slack=parts.slack,
            devices=parts.watch.told,
            light=parts.light,
            supervisor=Supervisor(),
        )
        return server.run(stop)


def fitted(car: Car) -> Fitted:
    """What the settings say of the devices that the car's health is known from."""
    battery, imu = car.config.devices.battery, car.config.devices.imu
    return Fitted(
        battery=None if battery.gauge == "none" else battery.limits,
        imu=None if imu.chip == "none" else imu.limits,
        computer=not car.emulated,
    )


def _tail_light(car: Car, exits: contextlib.ExitStack) -> tuple[TailLight, str | None]:
    """The light, and why it stays dark. No car stands still for it."""
    try:
        return open_tail_light(car, exits), None
    except HardwareError as error:
        return NoTailLight(), str(error)
