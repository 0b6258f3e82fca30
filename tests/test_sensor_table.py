"""What a sensor needs besides its entry in shared/sensors.py: a new one fails here until it has everything."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch

from shared.actions import DEFAULT_ACTION_SPACE
from shared.observation import Observer, model_inputs, observation_spec
from shared.sensors import FRONT_CAMERA, SENSORS
from tests.trainer.simulator.made_up import oval_track
from trainer.environment.spaces import observation_space_of_one
from trainer.ppo.networks import build_network
from trainer.simulator import Simulator

GOLDEN_PATH = Path(__file__).parent / "golden" / "sensors.json"
GOLDEN = json.loads(GOLDEN_PATH.read_text())
PICTURES = np.load(GOLDEN_PATH.with_name("observation.npz"))


def set_with(name: str) -> tuple[str, ...]:
    """The smallest legal set of sensors with this one."""
    return (name,) if SENSORS[name].kind == "camera" else (FRONT_CAMERA, name)


def golden_readings() -> dict[str, np.ndarray]:
    return {
        "camera": PICTURES["640x480"][None],
        "stereo": PICTURES["stereo"],
        "lidar": np.array(GOLDEN["lidar"], np.float32),
        "motion": np.array(GOLDEN["motion"], np.float32),
    }


def needed(name: str, what: str, where: str) -> str:
    return f"{name} has no {what} yet: {where}"


@pytest.mark.parametrize("name", SENSORS)
def test_a_sensor_has_a_golden_vector(name: str) -> None:
    reading = SENSORS[name].reading
    assert reading in golden_readings(), needed(name, "golden reading", f"add '{reading}' to {GOLDEN_PATH.name}")
    assert name in GOLDEN, needed(name, "golden vector", f"what a model gets of that reading, in {GOLDEN_PATH.name}")
    seen = Observer(set_with(name)).push(golden_readings())[name]
    if SENSORS[name].kind == "camera":  # the picture's hash
        assert hashlib.sha256(seen.tobytes()).hexdigest() == GOLDEN[name]
    else:
        np.testing.assert_array_equal(seen, np.array(GOLDEN[name], np.float32))


@pytest.mark.parametrize("name", SENSORS)
def test_a_sensor_is_simulated(name: str) -> None:
    simulator = Simulator([oval_track()], seeds=[1, 2], sensors=set_with(name))
    simulator.reset()
    readings = simulator.readings()
    where = "trainer/simulator/sensing.py computes it, and SensorArrays.readings() names it"
    assert SENSORS[name].reading in readings, needed(name, "reading", where)
    observer = Observer(set_with(name), 3, cars=2)
    spec = observation_spec(name, 3)
    seen = observer.push(readings)[name]
    assert (seen.shape, seen.dtype) == ((2, *spec.shape), np.dtype(spec.dtype))


@pytest.mark.parametrize("name", SENSORS)
def test_a_sensor_has_an_embedder(name: str) -> None:
    sensors = set_with(name)
    built = build_network("fast", sensors, 2, DEFAULT_ACTION_SPACE)
    inputs = model_inputs({sensor: np.zeros((1, *observation_spec(sensor, 2).shape)) for sensor in sensors})
    with torch.no_grad():
        policy, value = built(*(torch.from_numpy(inputs[sensor]) for sensor in sensors))
    assert policy.shape[-1] == DEFAULT_ACTION_SPACE.output_size, needed(name, "embedder", "trainer/ppo/networks.py")
    assert torch.isfinite(value).all()


@pytest.mark.parametrize("name", SENSORS)
def test_a_sensor_has_a_space(name: str) -> None:
    spec = observation_spec(name, 2)
    space = observation_space_of_one(set_with(name), 2, None)
    box = space[name] if isinstance(space, gymnasium.spaces.Dict) else space
    assert (box.shape, box.dtype) == (spec.shape, np.dtype(spec.dtype))
    seen = Observer(set_with(name), 2).push(golden_readings())[name]
    assert box.contains(seen)
