"""DeepRacer's own archives, frozen TensorFlow graphs, are driven by OpenVINO as they are."""

from __future__ import annotations

import numpy as np
import pytest

from shared.actions import Action, DiscreteActionSpace
from shared.errors import LapwingError
from shared.model_archive import ModelArchive, pack_archive, read_archive
from shared.model_metadata import ModelMetadata
from shared.observation import model_inputs
from tests.tf1_graph import graph_of_onnx, linear_graph
from tests.trainer.sensor_sets import made_up
from vehicle.drive.engine import open_engine
from vehicle.models.store import SHIPPED_MODEL

SPACE = DiscreteActionSpace((Action(-20.0, 1.0), Action(0.0, 1.0), Action(20.0, 1.0)))
SIZES = {
    "observation": (120, 160, 1),
    "FRONT_FACING_CAMERA": (120, 160, 1),
    "LEFT_CAMERA": (120, 160, 1),
    "STEREO_CAMERAS": (120, 160, 2),
    "LIDAR": (64,),
    "SECTOR_LIDAR": (8,),
}


def stock(graph: bytes, sensors: tuple[str, ...], space: DiscreteActionSpace = SPACE) -> ModelArchive:
    """As the service packs it: its own metadata, and no word of ours."""
    metadata = ModelMetadata(space, sensors=sensors, sensors_as_written=sensors, version="4")
    return read_archive(pack_archive(metadata=metadata, model=graph, model_format="pb"), name="stock")


def archive_of(sensors: tuple[str, ...]) -> tuple[ModelArchive, dict[str, np.ndarray]]:
    chance = np.random.default_rng(4)
    weights = {name: chance.normal(size=(int(np.prod(SIZES[name])), 3)) / 40 for name in sensors}
    return stock(linear_graph(weights, {name: SIZES[name] for name in sensors}), sensors), weights


@pytest.mark.parametrize(
    "sensors",
    [
        ("observation",),
        ("FRONT_FACING_CAMERA",),
        ("LEFT_CAMERA",),
        ("STEREO_CAMERAS",),
        ("LIDAR", "STEREO_CAMERAS"),
        ("FRONT_FACING_CAMERA", "SECTOR_LIDAR"),
    ],
    ids="+".join,
)
def test_it_answers_as_its_weights_say(sensors: tuple[str, ...]) -> None:
    archive, weights = archive_of(sensors)
    engine = open_engine(archive)
    seen = made_up(archive.metadata.sensors, 1)
    logits = np.zeros(3)
    for written, sensor in zip(sensors, archive.metadata.sensors, strict=True):
        values = seen[sensor].astype(np.float64)
        values = values.transpose(0, 2, 3, 1) / 255 if values.ndim == 4 else values
        logits += values.reshape(-1) @ weights[written]
    expected = np.exp(logits - logits.max())
    assert np.abs(engine.infer(model_inputs(seen))[0] - expected / expected.sum()).max() < 1e-4


def test_an_engine_that_cannot_read_graphs_is_passed_over() -> None:
    archive, _ = archive_of(("FRONT_FACING_CAMERA",))
    assert open_engine(archive, "onnxruntime").name == "openvino"


def test_a_graph_answers_as_the_network_it_was_made_of() -> None:
    ours = read_archive(SHIPPED_MODEL)
    space = ours.metadata.action_space
    assert isinstance(space, DiscreteActionSpace)
    sensor = ours.metadata.sensors[0]
    theirs = stock(graph_of_onnx(ours.model_bytes, sensor), ours.metadata.sensors, space)
    engines = [open_engine(ours), open_engine(theirs)]
    for seed in range(5):
        answers = [engine.infer(model_inputs(made_up([sensor], 1, seed=seed))) for engine in engines]
        np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)


@pytest.mark.parametrize(
    ("sizes", "claimed", "space", "reason"),
    [
        ({"FRONT_FACING_CAMERA": (120, 160, 1)}, ("FRONT_FACING_CAMERA", "LIDAR"), SPACE, "has the inputs"),
        ({"FRONT_FACING_CAMERA": (120, 160, 1)}, ("STEREO_CAMERAS",), SPACE, r"\[None, 1, 120, 160\]"),
        ({"FRONT_FACING_CAMERA": (84, 84, 1)}, ("FRONT_FACING_CAMERA",), SPACE, r"\[None, 1, 84, 84\]"),
        ({"FRONT_FACING_CAMERA": (120, 160, 1)}, ("FRONT_FACING_CAMERA",),
         DiscreteActionSpace((Action(0.0, 1.0),) * 4), r"has shape .*3\], its metadata asks for \[1, 4\]"),
    ],
)  # fmt: skip
def test_a_graph_that_is_not_its_metadata_is_refused(
    sizes: dict[str, tuple[int, ...]], claimed: tuple[str, ...], space: DiscreteActionSpace, reason: str
) -> None:
    weights = {name: np.zeros((int(np.prod(size)), 3)) for name, size in sizes.items()}
    with pytest.raises(LapwingError, match=reason):
        open_engine(stock(linear_graph(weights, sizes), claimed, space))


@pytest.mark.parametrize("content", [b"no graph at all", b"\x0a\xff\xff\xff\xff"])
def test_what_is_no_graph_is_refused(content: bytes) -> None:
    with pytest.raises(LapwingError, match="cannot be loaded"):
        open_engine(stock(content, ("FRONT_FACING_CAMERA",)))
