"""A stock DeepRacer archive, a frozen TensorFlow 1 graph, can be evaluated as it is.

The graph is written here byte by byte (protobuf wire format, GraphDef of TensorFlow 1): TensorFlow itself is not
needed, neither for the test nor for the program.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.actions import Action, DiscreteActionSpace
from shared.errors import LapwingError
from shared.model_archive import write_archive
from shared.model_metadata import ModelMetadata
from shared.sensors import FRONT_CAMERA
from tests.trainer.sensor_sets import made_up
from trainer.evaluation.policy import load_policy

ROOT = "main_level/agent/main/online/"
NETWORK = ROOT + "network_1/"
CAMERA = NETWORK + "FRONT_FACING_CAMERA/FRONT_FACING_CAMERA"
POLICY = ROOT + "network_1/ppo_head_0/policy"
SPACE = DiscreteActionSpace((Action(-20.0, 1.0), Action(0.0, 1.0), Action(20.0, 1.0)))
FLOAT, INT32 = 1, 3  # DataType of tensorflow/core/framework/types.proto


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def whole(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def nested(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def shape(sizes: tuple[int, ...]) -> bytes:
    return b"".join(nested(2, whole(1, size)) for size in sizes)


def node(name: str, kind: str, inputs: tuple[str, ...] = (), **attributes: bytes) -> bytes:
    content = nested(1, name.encode()) + nested(2, kind.encode())
    content += b"".join(nested(3, one.encode()) for one in inputs)
    for key, value in attributes.items():
        content += nested(5, nested(1, key.encode()) + nested(2, value))
    return nested(1, content)


def constant(name: str, array: np.ndarray) -> bytes:
    kind = whole(6, FLOAT if array.dtype == np.float32 else INT32)
    tensor = whole(1, FLOAT if array.dtype == np.float32 else INT32)
    tensor += nested(2, shape(array.shape)) + nested(4, array.tobytes())
    return node(name, "Const", dtype=kind, value=nested(8, tensor))


def graph(weights: np.ndarray, policy_name: str = POLICY) -> bytes:
    """softmax(picture / 255 @ weights): input (?, 120, 160, 1), output (?, actions)."""
    kind = whole(6, FLOAT)
    return b"".join(
        [
            node(CAMERA, "Placeholder", dtype=kind, shape=nested(7, shape((-1, 120, 160, 1)))),
            constant("scale", np.float32(255).reshape(())),
            node("scaled", "RealDiv", (CAMERA, "scale"), T=kind),
            constant("flat/shape", np.array([-1, 120 * 160], np.int32)),
            node("flat", "Reshape", ("scaled", "flat/shape"), T=kind, Tshape=whole(6, INT32)),
            constant("weights", weights),
            node("logits", "MatMul", ("flat", "weights"), T=kind, transpose_a=whole(5, 0), transpose_b=whole(5, 0)),
            node(policy_name, "Softmax", ("logits",), T=kind),
            nested(4, whole(1, 27)),
        ]
    )


def graph_of_sensors(inputs: dict[str, tuple[int, ...]], weights: dict[str, np.ndarray]) -> bytes:
    """softmax of the sum of flat(input) @ weights, over inputs of these shapes without the batch, in this order."""
    kind = whole(6, FLOAT)
    nodes, total = [], ""
    for name, sizes in inputs.items():
        nodes += [
            node(NETWORK + f"{name}/{name}", "Placeholder", dtype=kind, shape=nested(7, shape((-1, *sizes)))),
            constant(f"{name}/to", np.array([-1, int(np.prod(sizes))], np.int32)),
            node(f"{name}/flat", "Reshape", (NETWORK + f"{name}/{name}", f"{name}/to"), T=kind, Tshape=whole(6, INT32)),
            constant(f"{name}/w", weights[name]),
            node(f"{name}/out", "MatMul", (f"{name}/flat", f"{name}/w"), T=kind, transpose_a=whole(5, 0),
                 transpose_b=whole(5, 0)),
        ]  # fmt: skip
        if total:
            nodes.append(node(f"{name}/sum", "AddV2", (total, f"{name}/out"), T=kind))
        total = f"{name}/sum" if total else f"{name}/out"
    return b"".join([*nodes, node(POLICY, "Softmax", (total,), T=kind), nested(4, whole(1, 27))])


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
    policy = load_policy(archive(tmp_path, graph(weights)), tmp_path)
    pictures = np.random.default_rng(0).integers(0, 256, (4, 1, 120, 160), dtype=np.uint8)
    logits = pictures.reshape(4, -1).astype(np.float64) / 255 @ weights
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.abs(policy.act({FRONT_CAMERA: pictures}) - expected).max() < 1e-4


def test_a_graph_for_other_actions_is_refused(tmp_path: Path, weights: np.ndarray) -> None:
    space = DiscreteActionSpace((*SPACE.actions, Action(5.0, 0.5)))
    with pytest.raises(LapwingError, match=r"answers \[3\] values, its model_metadata.json has 4 actions"):
        load_policy(archive(tmp_path, graph(weights), space), tmp_path)


LIDAR_FIRST = {"LIDAR": (64,), "STEREO_CAMERAS": (120, 160, 2)}


def test_inputs_of_several_sensors_are_told_apart_by_their_names(tmp_path: Path) -> None:
    chance = np.random.default_rng(4)
    weights = {name: chance.normal(size=(int(np.prod(sizes)), 3)) for name, sizes in LIDAR_FIRST.items()}
    weights["STEREO_CAMERAS"] /= 10_000
    graph = graph_of_sensors(LIDAR_FIRST, {name: array.astype(np.float32) for name, array in weights.items()})
    policy = load_policy(archive(tmp_path, graph, sensors=("STEREO_CAMERAS", "LIDAR")), tmp_path)
    seen = made_up(policy.metadata.sensors, 3)
    last = seen["STEREO_CAMERAS"].transpose(0, 2, 3, 1).reshape(3, -1)
    logits = last @ weights["STEREO_CAMERAS"] + seen["LIDAR"] @ weights["LIDAR"]
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.abs(policy.act(seen) - expected / expected.sum(axis=1, keepdims=True)).max() < 1e-4


@pytest.mark.parametrize("sensors", [("FRONT_FACING_CAMERA", "LIDAR"), ("STEREO_CAMERAS",)])
def test_a_graph_that_takes_other_sensors_is_refused(tmp_path: Path, sensors: tuple[str, ...]) -> None:
    weights = {name: np.zeros((int(np.prod(sizes)), 3), np.float32) for name, sizes in LIDAR_FIRST.items()}
    with pytest.raises(LapwingError, match=r"has the inputs .*LIDAR/LIDAR.* parts belong together"):
        load_policy(archive(tmp_path, graph_of_sensors(LIDAR_FIRST, weights), sensors=sensors), tmp_path)


@pytest.mark.parametrize("content", [b"no graph at all", b""])
def test_what_is_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(LapwingError):
        load_policy(archive(tmp_path, content), tmp_path)
