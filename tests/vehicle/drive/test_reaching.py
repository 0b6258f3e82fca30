"""A drive outlives its actuators, and what it knows of the car is what each of them knows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.profile_file import export_profile, shipped_profile
from shared.actions import STOP, Action
from tests.vehicle.actuator.test_server import Running
from tests.vehicle.drive.test_loop import RememberingActuator
from tests.vehicle.drive.test_senses import Devices, Rig
from tests.vehicle.drive.test_service import no_pilot, service
from vehicle.actuator.messages import RenewRequest
from vehicle.config import CarConfig
from vehicle.drive.api_server import ApiServer
from vehicle.drive.process import keep_driving, open_senses
from vehicle.drive.ready_models import ReadyModels
from vehicle.hardware.protocols import Frame
from vehicle.hardware.this_car import Car
from vehicle.runtime_folder import RuntimeFolder


@pytest.fixture
def car(folder: RuntimeFolder, tmp_path: Path) -> Car:
    return Car(CarConfig(calibrations=tmp_path), folder, emulated=True)


def speed_after_mps(car: Car, moment_s: float) -> float:
    """What the senses say of a car that stood, so long after 1 m/s was applied."""
    senses, picture = open_senses(car), np.zeros((1, 1, 3), np.uint8)
    senses.use(("camera", "motion"))
    senses.sight(Frame(picture, 0.0, 1), STOP, 100.0)
    sight = senses.sight(Frame(picture, 0.0, 2), Action(0.0, 1.0), 100.0 + moment_s)
    assert sight is not None
    assert sight.motion is not None
    return sight.motion.wheel_speed_mps


@pytest.mark.parametrize("lag_s", [0.1, 0.6])
def test_the_car_is_thought_to_follow_as_its_calibration_says(car: Car, lag_s: float) -> None:
    profile = shipped_profile("emulated")
    profile = profile.changed(throttle=profile.throttle.changed(lag_s=lag_s))
    car.folder.calibrating.write_text(export_profile(profile))
    assert speed_after_mps(car, lag_s) == pytest.approx(1.0 - np.exp(-1.0))


def test_without_a_calibration_that_can_be_read_it_follows_as_most_cars_do(car: Car) -> None:
    car.folder.calibrating.write_text("{")
    assert 0.0 < speed_after_mps(car, 0.2) < 1.0


def test_for_another_actuator_what_the_model_sees_with_is_opened_anew(clock: Any) -> None:
    rig, other = Rig(clock, "lidar"), Devices()
    rig.drive(0.3)
    rig.loop.reach(RememberingActuator(), other.senses)
    assert other.opened == ["lidar"]
    sights = rig.pilot.decisions
    rig.drive(0.5)  # there are scans, but only of the LiDAR before
    assert rig.pilot.decisions == sights


@pytest.fixture
def ready() -> Iterator[ReadyModels]:
    ready = ReadyModels(no_pilot)
    yield ready
    ready.close()


def test_a_drive_hears_of_every_actuator_also_of_one_that_began_anew(car: Car, ready: ReadyModels) -> None:
    reached, stop = threading.Semaphore(0), threading.Event()
    desk = service(ready, None)
    server = ApiServer(desk, car.folder.drive)
    thread = threading.Thread(target=keep_driving, args=(car, desk, server, stop, reached.release))
    actuator = Running(car.folder)
    thread.start()
    assert reached.acquire(timeout=10.0)
    client = actuator.client()
    assert client.ask(RenewRequest()).problem is None
    client.close()
    actuator.end()
    actuator = Running(car.folder)
    assert reached.acquire(timeout=10.0)
    while desk.actuator_problem:
        time.sleep(0.005)
    stop.set()
    thread.join()
    actuator.end()
    server.close()
