"""What the car's tests share: a clock that moves when told, and an emulated board on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from shared.actions import DEFAULT_ACTION_SPACE
from shared.model_archive import ModelArchive, pack_archive, read_archive
from shared.model_metadata import ModelMetadata
from shared.policy_io import POLICY_OUTPUT
from shared.sensors import FRONT_CAMERA
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.pca9685 import Pca9685Board
from vehicle.runtime_folder import RuntimeFolder


class FakeClock:
    """Seconds that pass only by `sleep`."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def board(clock: FakeClock) -> EmulatedBoard:
    return EmulatedBoard(clock)


@pytest.fixture
def servo_board(board: EmulatedBoard, clock: FakeClock) -> Pca9685Board:
    """The real driver on the emulated chip; not started."""
    return Pca9685Board(LocalI2C(board.wire), sleep=clock.sleep)


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> RuntimeFolder:
    """A short path: sockets take 107 bytes."""
    folder = RuntimeFolder(Path(tmp_path_factory.mktemp("car")))
    folder.path.chmod(0o700)
    return folder


def onnx_model(outputs: int = 15, *, channels: int = 1, bias: float = 0.0) -> bytes:
    """A small policy that looks at the mean of the columns: its answer depends on what it sees."""
    rng = np.random.default_rng(3)
    shape = [1, channels, 120, 160]
    weights = (rng.normal(0.0, 0.01, (channels * 160, outputs))).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", [FRONT_CAMERA, "rows"], ["columns"], keepdims=0),
        helper.make_node("Flatten", ["columns"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["scores"]),
        helper.make_node("Softmax", ["scores"], [POLICY_OUTPUT], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "policy",
        [helper.make_tensor_value_info(FRONT_CAMERA, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(POLICY_OUTPUT, TensorProto.FLOAT, [1, outputs])],
        [
            numpy_helper.from_array(np.array([2], dtype=np.int64), "rows"),
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.full((1, outputs), bias, dtype=np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return model.SerializeToString()


@pytest.fixture(scope="session")
def make_archive() -> Callable[..., bytes]:
    """A model archive as bytes. Options: those of onnx_model, and metadata."""

    def make(metadata: ModelMetadata | None = None, **options: Any) -> bytes:
        metadata = metadata or ModelMetadata(DEFAULT_ACTION_SPACE)
        return pack_archive(metadata=metadata, model=onnx_model(**options))

    return make


@pytest.fixture(scope="session")
def archive(make_archive: Callable[..., bytes]) -> ModelArchive:
    """A model that can drive, at least in principle."""
    return read_archive(make_archive(), name="tiny")
