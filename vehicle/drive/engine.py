"""What runs the model: OpenVINO, or ONNX Runtime where there is no OpenVINO. Float32, said explicitly."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.errors import ArchiveError
from shared.model_archive import ModelArchive
from shared.policy_io import POLICY_OUTPUT, TensorSpec, check_interface
from vehicle.drive.openvino_model import openvino_model

THREADS = 2  # one core at least stays free for the actuator and the camera

Inputs = Mapping[str, NDArray[np.float32]]

log = logging.getLogger(__name__)


class Engine(Protocol):
    """A loaded model. name: of the program that runs it."""

    name: str

    def infer(self, inputs: Inputs) -> NDArray[np.float32]:
        """Inputs by sensor name -> the output `policy` (1, n)."""
        ...


def open_engine(archive: ModelArchive, prefer: str | None = None) -> Engine:
    """Load the model with the engine asked for, or the first one installed.

    ArchiveError when the model cannot be run, MetadataError when its tensors are not what its metadata says.
    """
    engines: dict[str, Callable[[ModelArchive], Engine]] = {
        "openvino": OpenVinoEngine,
        "onnxruntime": OnnxRuntimeEngine,
    }
    if archive.model_format == "pb":  # a TensorFlow graph, which OpenVINO alone reads
        prefer, engines = None, {"openvino": OpenVinoEngine}
    names = [prefer] if prefer else [name for name in engines if importlib.util.find_spec(name)]
    if not names:
        raise ArchiveError("No engine can run the model. Install one: pip install 'lapwing[vehicle]'")
    return engines[names[0]](archive)


class OpenVinoEngine:
    """OpenVINO on the processor, tuned for the time of one answer."""

    name = "openvino"

    def __init__(self, archive: ModelArchive) -> None:
        import openvino

        try:
            compiled = openvino.compile_model(
                openvino_model(archive),
                "CPU",
                {
                    "PERFORMANCE_HINT": "LATENCY",
                    "INFERENCE_PRECISION_HINT": "f32",
                    "INFERENCE_NUM_THREADS": THREADS,
                },
            )
        except RuntimeError as error:
            raise ArchiveError(f"The model {archive.name} cannot be loaded: {_first_line(error)}") from error
        self._request = compiled.create_infer_request()

    def infer(self, inputs: Inputs) -> NDArray[np.float32]:
        """Inputs by sensor name -> the output `policy` (1, n)."""
        self._request.infer(dict(inputs), share_inputs=True)
        return np.array(self._request.get_tensor(POLICY_OUTPUT).data)


class OnnxRuntimeEngine:
    """ONNX Runtime on the processor; its threads do not spin while they wait."""

    name = "onnxruntime"

    def __init__(self, archive: ModelArchive) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                archive.model_bytes, options, providers=["CPUExecutionProvider"]
            )
        except _onnxruntime_failures() as error:
            raise ArchiveError(f"The model {archive.name} cannot be loaded: {_first_line(error)}") from error
        check_interface(
            [_onnxruntime_spec(node) for node in self._session.get_inputs()],
            [_onnxruntime_spec(node) for node in self._session.get_outputs()],
            archive.metadata,
        )

    def infer(self, inputs: Inputs) -> NDArray[np.float32]:
        """Inputs by sensor name -> the output `policy` (1, n)."""
        return np.asarray(self._session.run([POLICY_OUTPUT], dict(inputs))[0])


def _onnxruntime_spec(node: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return TensorSpec(node.name, shape, "float32" if node.type == "tensor(float)" else node.type)


def _onnxruntime_failures() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.Fail,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.InvalidArgument,
        state.NotImplemented,
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
