"""The actuator process: puts together what owns the servo board, and runs it."""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time

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
    Car,
    arming_obstacle,
    load_profile,
    neutral_ticks,
    open_bus_devices,
    open_computer,
    open_servo_board,
    open_tail_light,
)
from vehicle.hardware.protocols import TailLight
from vehicle.supervisor import Supervisor

log = logging.getLogger(__name__)


def run_actuator(car: Car, stop: threading.Event) -> None:
    """Until stop is set. The board is at rest on every way out that a program can take."""
    profile = load_profile(car)
    car.folder.create()
    board = open_servo_board(car, profile)
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
        guard = exits.enter_context(contextlib.closing(GuardLink(car.folder.guard, neutral_ticks(profile))))
        core = ActuatorCore(
            board,
            CalibratedPulses(profile),
            car.config.limits,
            new_epoch=lambda: secrets.randbits(48) + 1,
            guard=guard,
            esc_profile=esc_profile(profile.throttle),
            health=watch,
            arming_obstacle=arming_obstacle(car, profile),
            warnings=warnings,
            clock=time.monotonic,
            yaw_rate=YawRate(lambda: slack.readings.get(IMU)),
        )
        guard.meet(time.monotonic, time.sleep)
        server = ActuatorServer(
            core,
            car.folder.actuator,
            slack=slack,
            devices=watch.told,
            light=StatusLight(light),
            supervisor=Supervisor(),
        )
        server.run(stop)


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
