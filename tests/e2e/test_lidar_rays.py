"""The car's LiDAR against the simulator's, of the same pose: what a model learnt with is what it drives by.

From the world over the link, the emulated RPLIDAR's bytes on a pseudo-terminal and the driver to the model's rays. The
device has a point every 0.9 degrees, the world a ray every half degree and a noise of 1 cm. So a ray may be any
distance that is to be seen within 1.5 degrees of it, give or take 5 cm; half of those on flat surfaces are within 2 cm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.profile import LidarPose
from shared.cars import DEEPRACER
from shared.lidar import LidarConfig, rays_from_scan
from shared.sensors import FRONT_CAMERA, LIDAR
from shared.world_link import PulseReport
from trainer.simulator import RaceSettings, RandomisationSettings, Simulator, SimulatorSettings
from trainer.simulator.race import BarrierSettings, BotSettings, BoxSettings
from trainer.simulator.settings import LidarSettings, StartSettings
from trainer.tracks import Track
from trainer.world import World
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.rplidar import BAUD_RATE
from vehicle.emulated.rplidar_pty import RplidarPty
from vehicle.hardware.lidar_mount import ScanFrame
from vehicle.hardware.rplidar import Rplidar
from vehicle.hardware.rplidar_port import RplidarPort

MODEL = LidarConfig()  # DeepRacer's 64 rays
FINE = LidarConfig(num_rays=720, fov_deg=360.0)
NEAR_M, USUALLY_M, EDGE_DEG = 0.05, 0.02, 1.5
FLAT_M = 0.15  # by less than this differ the distances around a ray on a flat surface
SEED = 5
LONG_S = 20.0
BUSY = RaceSettings(boxes=BoxSettings(count=6), bots=BotSettings(count=2), barriers=BarrierSettings(count=8))


@pytest.fixture
def board() -> EmulatedBoard:
    return EmulatedBoard(time.monotonic)


@pytest.fixture
def lidar(board: EmulatedBoard, tmp_path: Path) -> Iterator[Rplidar]:
    """The car's driver on the board's device."""
    path, stop = tmp_path / "lidar", threading.Event()
    device = threading.Thread(target=RplidarPty(board.lidar, path).run, args=(stop,))
    device.start()
    while not path.exists():
        time.sleep(0.005)
    driver = Rplidar(lambda: RplidarPort(str(path), (BAUD_RATE,)), ScanFrame(LidarPose(), DEEPRACER.lidar))
    yield driver
    driver.close()
    stop.set()
    device.join()


def rays_on_the_car(board: EmulatedBoard, lidar: Rplidar, track: Track, start: float) -> NDArray[np.float32]:
    """(64,) metres: what a model gets of a car that stands there."""
    world = World(track, preset="off", seed=SEED, start_fraction=start, race=BUSY)
    world.hear(PulseReport(0.0, None, None, ("lidar",)))
    board.show(world.frame())
    shown_at_s, scan = time.monotonic(), lidar.wait_newer(0, LONG_S)
    while scan is not None and scan.started_at_s < shown_at_s:
        scan = lidar.wait_newer(scan.sequence, LONG_S)
    assert scan is not None, lidar.problem
    return rays_from_scan(scan.angles_deg, scan.ranges_m, MODEL, yaw_deg=0.0, clockwise=False)


def rays_in_training(track: Track, start: float, config: LidarConfig) -> NDArray[np.float32]:
    """(rays,) metres: what the simulator gives a model there, without noise."""
    settings = SimulatorSettings(
        threads=1,
        randomisation=RandomisationSettings(preset="off"),
        start=StartSettings(round_robin_fraction=0.0),
        lidar=LidarSettings(rays=config.num_rays, fov_deg=config.fov_deg, noise_m=0.0),
        race=BUSY,
    )
    sensors = (FRONT_CAMERA, LIDAR)
    simulator = Simulator([track], settings, seeds=[SEED], start_fraction=[start], sensors=sensors)
    simulator.reset()
    rays: NDArray[np.float32] = simulator.lidar[0].copy()
    return rays


def beside(fine_m: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(64,) each: the nearest and the furthest that is to be seen within EDGE_DEG of each of the model's rays."""
    apart_deg = np.abs((MODEL.angles_deg[:, None] - FINE.angles_deg + 180.0) % 360.0 - 180.0)
    is_beside = apart_deg <= EDGE_DEG
    return np.where(is_beside, fine_m, np.inf).min(axis=1), np.where(is_beside, fine_m, -np.inf).max(axis=1)


@pytest.mark.wall_clock
def test_the_cars_rays_are_the_simulators(board: EmulatedBoard, lidar: Rplidar, loop_track: Track) -> None:
    errors_m, shortest_m = [], np.inf
    for start in (0.0, 0.22, 0.43, 0.71):
        found_m = rays_on_the_car(board, lidar, loop_track, start)
        expected_m = rays_in_training(loop_track, start, MODEL)
        nearest_m, furthest_m = beside(rays_in_training(loop_track, start, FINE))
        assert (found_m >= nearest_m - NEAR_M).all()
        assert (found_m <= furthest_m + NEAR_M).all()
        is_flat = furthest_m - nearest_m < FLAT_M
        errors_m.append(np.abs(found_m - expected_m)[is_flat])
        shortest_m = min(shortest_m, expected_m.min())
    assert sum(map(len, errors_m)) > 100
    assert np.median(np.concatenate(errors_m)) <= USUALLY_M
    assert shortest_m < 1.0  # there was something to see
