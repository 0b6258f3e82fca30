"""Models of every sensor set drive the emulated car: what they see on it is what is there, and it matters to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.lidar import lidar_input, rays_from_scan
from shared.model_archive import read_archive
from shared.sensors import (
    DISCRETIZED_SECTOR_LIDAR,
    FRONT_CAMERA,
    LIDAR,
    SECTOR_LIDAR,
    SENSORS,
    STEREO_CAMERAS,
    WHEEL_SPEED_AND_YAW_RATE,
)
from tests.e2e.scripted_models import BRISK_MPS, MODELS, model_with
from trainer.simulator import RaceSettings
from trainer.simulator.race import BarrierSettings
from vehicle.drive.engine import open_engine
from vehicle.drive.pilot import ModelPilot
from vehicle.drive.turn import Decision, Turn

MakeCar = Callable[..., Any]
WALLS = RaceSettings(barriers=BarrierSettings(count=6))


@lru_cache
def pilot_with(*sensors: str) -> ModelPilot:
    archive = model_with(*sensors)
    return ModelPilot(archive, open_engine(archive, "onnxruntime"))


class Witness:
    """Every decision, and what was true when it was taken."""

    def __init__(self) -> None:
        self.car: Any = None
        self.decisions: list[Decision] = []
        self.around_m: list[NDArray[np.float32]] = []
        self.speeds_mps: list[float] = []
        self.headings_rad: list[float] = []
        self.seen: list[NDArray[Any]] = []

    def record(self, turn: Turn) -> None:
        if turn.decision is not None and turn.commanded_at_s is not None:
            self.decisions.append(turn.decision)
            self.around_m.append(self.car.board.lidar.around_m)
            self.speeds_mps.append(self.car.pose.speed_mps)
            self.headings_rad.append(self.car.pose.heading_rad)
            *_, last = turn.decision.observation.values()
            self.seen.append(last.copy())


def driven(make_car: MakeCar, duration_s: float, *sensors: str, **world: Any) -> Witness:
    """A stretch of road that a model with these sensors drove."""
    witness = Witness()
    witness.car = make_car(pilot=pilot_with(*sensors), recorder=witness, preset="light", seed=7, **world)
    witness.car.arm()
    witness.car.run(duration_s)
    assert witness.car.is_armed()
    assert witness.car.pose.off_track_count == 0
    assert witness.car.pose.progress_percent > 10.0
    return witness


@pytest.mark.parametrize("sensor", [name for name in SENSORS if name != FRONT_CAMERA])
def test_with_every_sensor_a_model_drives_a_lap(virtual_car: MakeCar, sensor: str) -> None:
    sensors = (sensor,) if SENSORS[sensor].kind == "camera" else (FRONT_CAMERA, sensor)
    assert virtual_car(pilot=pilot_with(*sensors), preset="light", seed=7).drive_lap()


def test_stereo_cameras_drive_by_two_pictures_of_one_moment(virtual_car: MakeCar) -> None:
    witness = driven(virtual_car, 5.0, STEREO_CAMERAS)
    for decision, (left, right) in zip(witness.decisions, witness.seen, strict=True):
        assert decision.sight.right is not None
        assert decision.sight.right.taken_at_s == decision.frame.taken_at_s
        assert not np.array_equal(left, right)


@pytest.mark.parametrize("sensor", [LIDAR, SECTOR_LIDAR, DISCRETIZED_SECTOR_LIDAR])
def test_a_lidar_slows_the_car_where_a_wall_is_near(virtual_car: MakeCar, sensor: str) -> None:
    witness = driven(virtual_car, 8.0, FRONT_CAMERA, sensor, race=WALLS)
    config = pilot_with(FRONT_CAMERA, sensor).archive.metadata.lidar
    assert config is not None
    around_deg = np.arange(720) / 2
    there = [
        lidar_input(rays_from_scan(around_deg, around_m, config, yaw_deg=0.0, clockwise=False), sensor, config)
        for around_m in witness.around_m
    ]
    # A turn of the LiDAR takes a tenth of a second, and the car is not where it was when it began.
    range_of = 1.5 if sensor == LIDAR else 1.0
    assert np.abs(np.array(witness.seen) - there).mean() < 0.05 * range_of
    slow = np.array([decision.action.speed_mps < 0.5 for decision in witness.decisions])
    assert 5 < slow.sum() < len(slow) - 5
    speeds_mps = np.array(witness.speeds_mps)
    assert speeds_mps[slow].mean() < 0.7 * speeds_mps[~slow].max()


def test_a_model_that_feels_its_motion_holds_its_speed(virtual_car: MakeCar) -> None:
    witness = driven(virtual_car, 6.0, FRONT_CAMERA, WHEEL_SPEED_AND_YAW_RATE)
    assert np.mean(witness.speeds_mps[15:]) == pytest.approx(BRISK_MPS, abs=0.1)
    # What the car is told comes a moment before what it does, and its wheels follow more smoothly.
    turned_rps = smoothed(np.diff(np.unwrap(witness.headings_rad)) * 15)
    felt_rps = smoothed(np.array(witness.seen)[:-1, 1])
    assert np.corrcoef(turned_rps, felt_rps)[0, 1] > 0.8


def smoothed(values: NDArray[Any]) -> NDArray[Any]:
    """The mean over a third of a second."""
    return np.convolve(values, np.full(5, 0.2), "valid")


def test_camera_and_lidar_drive_a_lap(virtual_car: MakeCar) -> None:
    """The model was trained among boxes, on other roads; this world has none."""
    archive = read_archive(MODELS / "avoid_objects.tar.gz")
    car = virtual_car(pilot=ModelPilot(archive, open_engine(archive)), preset="light", seed=7)
    assert car.drive_lap()
    assert car.loop.decision.sight.scan is not None


def test_a_model_whose_actions_are_ranges_drives_too(virtual_car: MakeCar) -> None:
    archive = read_archive(MODELS / "avoid_objects_continuous.tar.gz")
    witness = Witness()
    witness.car = virtual_car(pilot=ModelPilot(archive, open_engine(archive)), recorder=witness, preset="light", seed=7)
    witness.car.arm()
    witness.car.run(6.0)
    assert witness.car.is_armed()
    assert witness.car.pose.off_track_count == 0
    assert witness.car.pose.progress_percent > 10.0
    assert len({decision.action for decision in witness.decisions}) > 0.5 * len(
        witness.decisions
    )  # the others are at an end of a range
