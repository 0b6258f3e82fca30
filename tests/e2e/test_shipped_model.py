"""The model that comes with the car drives it: in one process on a virtual clock, and as real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.model_archive import pack_archive, read_archive
from tests.tf1_graph import graph_of_onnx
from vehicle.drive.engine import open_engine
from vehicle.drive.pilot import ModelPilot
from vehicle.models.store import SHIPPED_MODEL

MakeCar = Callable[..., Any]


@pytest.fixture(params=["openvino", "onnxruntime"])
def pilot(request: pytest.FixtureRequest) -> ModelPilot:
    archive = read_archive(SHIPPED_MODEL)
    return ModelPilot(archive, open_engine(archive, request.param))


def test_it_drives_a_lap_in_a_light_world_from_camera_picture_to_pulse(virtual_car: MakeCar, pilot: ModelPilot) -> None:
    assert virtual_car(pilot=pilot, preset="light", seed=7).drive_lap()


def test_it_drives_the_same_lap_twice(virtual_car: MakeCar) -> None:
    logs = []
    for _ in range(2):
        archive = read_archive(SHIPPED_MODEL)
        car = virtual_car(pilot=ModelPilot(archive, open_engine(archive)), preset="light", seed=3)
        car.arm()
        car.run(4.0)
        logs.append(car.pulse_log())
    assert logs[0] == logs[1]


def test_as_a_graph_of_deepracers_it_drives_the_lap_too(virtual_car: MakeCar) -> None:
    ours = read_archive(SHIPPED_MODEL)
    graph = graph_of_onnx(ours.model_bytes, ours.metadata.sensors[0])
    stock = read_archive(pack_archive(metadata=ours.metadata, model=graph, model_format="pb"))
    assert virtual_car(pilot=ModelPilot(stock, open_engine(stock)), preset="light", seed=7).drive_lap()


@pytest.mark.wall_clock
def test_one_command_drives_a_lap_with_real_processes(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = Path(tmp_path_factory.mktemp("up"))
    folder.chmod(0o700)
    command = [sys.executable, "-m", "vehicle.cli", "up", "--emulated", "--laps", "1", "--timeout", "45"]
    world = f"{sys.executable} -m trainer.cli world --track lapwing_loop --world light"
    finished = subprocess.run(
        [
            *(*command, "--runtime", str(folder), "--world-command", world, "--record", str(folder / "lap.mcap")),
            *("--set", f"record.folder={folder / 'drives'}"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    logs = "\n".join(f"{log.name}: {log.read_text()}" for log in folder.glob("*.log"))
    assert finished.returncode == 0, finished.stdout + finished.stderr + logs
    assert "Lap 1 complete" in finished.stdout
    assert "Everything is at rest." in finished.stdout
    assert (folder / "lap.mcap").stat().st_size > 100_000
