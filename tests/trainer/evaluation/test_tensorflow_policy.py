"""A stock DeepRacer archive, a frozen TensorFlow 1 graph, can be evaluated as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.actions import Action, DiscreteActionSpace
from shared.errors import LapwingError
from shared.model_archive import write_archive
from shared.model_metadata import ModelMetadata
from shared.sensors import FRONT_CAMERA
from tests.tf1_graph import linear_graph
from tests.trainer.sensor_sets import made_up
from trainer.evaluation.policy import load_policy

PICTURE = {FRONT_CAMERA: (120, 160, 1)}
SPACE = DiscreteActionSpace((Action(-20.0, 1.0), Action(0.0, 1.0), Action(20.0, 1.0)))


@pytest.fixture
def weights() -> np.ndarray:
    return (np.random.default_rng(3).normal(size=(120 * 160, 3)) / 40).astype(np.float32)


def archive(
    folder: Path, model: bytes, space: DiscreteActionSpace = SPACE, sensors: tuple[str, ...] = (FRONT_CAMERA,)
) -> Path:
    path = folder / "stock.tar.gz"
    metadata = ModelMetadata(space, sensors=sensors, version="4")
    write_archive(path, metadata=metadata, model=model, model_format="pb")
    return path


def test_it_answers_as_its_weights_say(tmp_path: Path, weights: np.ndarray) -> None:
    policy = load_policy(archive(tmp_path, linear_graph({FRONT_CAMERA: weights}, PICTURE)), tmp_path)
    pictures = np.random.default_rng(0).integers(0, 256, (4, 1, 120, 160), dtype=np.uint8)
    logits = pictures.reshape(4, -1).astype(np.float64) / 255 @ weights
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.abs(policy.act({FRONT_CAMERA: pictures}) - expected).max() < 1e-4


def test_a_graph_for_other_actions_is_refused(tmp_path: Path, weights: np.ndarray) -> None:
    space = DiscreteActionSpace((*SPACE.actions, Action(5.0, 0.5)))
    with pytest.raises(LapwingError, match=r"answers \[3\] values, its model_metadata.json has 4 actions"):
        load_policy(archive(tmp_path, linear_graph({FRONT_CAMERA: weights}, PICTURE), space), tmp_path)


LIDAR_FIRST = {"LIDAR": (64,), "STEREO_CAMERAS": (120, 160, 2)}


def test_inputs_of_several_sensors_are_told_apart_by_their_names(tmp_path: Path) -> None:
    chance = np.random.default_rng(4)
    weights = {name: chance.normal(size=(int(np.prod(sizes)), 3)) for name, sizes in LIDAR_FIRST.items()}
    weights["STEREO_CAMERAS"] /= 40
    graph = linear_graph(weights, LIDAR_FIRST)
    policy = load_policy(archive(tmp_path, graph, sensors=("STEREO_CAMERAS", "LIDAR")), tmp_path)
    seen = made_up(policy.metadata.sensors, 3)
    last = seen["STEREO_CAMERAS"].transpose(0, 2, 3, 1).reshape(3, -1) / 255
    logits = last @ weights["STEREO_CAMERAS"] + seen["LIDAR"] @ weights["LIDAR"]
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.abs(policy.act(seen) - expected / expected.sum(axis=1, keepdims=True)).max() < 1e-4


@pytest.mark.parametrize("sensors", [("FRONT_FACING_CAMERA", "LIDAR"), ("STEREO_CAMERAS",)])
def test_a_graph_that_takes_other_sensors_is_refused(tmp_path: Path, sensors: tuple[str, ...]) -> None:
    weights = {name: np.zeros((int(np.prod(sizes)), 3), np.float32) for name, sizes in LIDAR_FIRST.items()}
    with pytest.raises(LapwingError, match=r"has the inputs .*LIDAR/LIDAR.* parts belong together"):
        load_policy(archive(tmp_path, linear_graph(weights, LIDAR_FIRST), sensors=sensors), tmp_path)


@pytest.mark.parametrize("content", [b"no graph at all", b""])
def test_what_is_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(LapwingError):
        load_policy(archive(tmp_path, content), tmp_path)
