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
from trainer.evaluation.policy import load_policy

ROOT = "main_level/agent/main/online/"
CAMERA = ROOT + "network_0/FRONT_FACING_CAMERA/FRONT_FACING_CAMERA"
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


@pytest.fixture
def weights() -> np.ndarray:
    return (np.random.default_rng(3).normal(size=(120 * 160, 3)) / 40).astype(np.float32)


def archive(folder: Path, model: bytes, space: DiscreteActionSpace = SPACE) -> Path:
    path = folder / "stock.tar.gz"
    write_archive(path, metadata=ModelMetadata(space, version="4"), model=model, model_format="pb")
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


@pytest.mark.parametrize("content", [b"no graph at all", b""])
def test_what_is_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(LapwingError):
        load_policy(archive(tmp_path, content), tmp_path)
