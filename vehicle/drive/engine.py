"""What runs the model: OpenVINO or ONNX Runtime. Float32, said explicitly, unless somebody asks for less."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.errors import ArchiveError
from shared.model_archive import ModelArchive
from shared.policy_io import POLICY_OUTPUT, TensorSpec, check_interface
from vehicle.drive.openvino_model import openvino_model

# One core at least stays free for the actuator and the camera.
THREADS = max(1, min(2, len(os.sched_getaffinity(0)) - 1))

Inputs = Mapping[str, NDArray[np.float32]]
Precision = Literal["float32", "float16"]


class Engine(Protocol):
    """A loaded model. name: of the program that runs it."""

    name: str

    def infer(self, inputs: Inputs) -> NDArray[np.float32]:
        """Inputs by sensor name -> the output `policy` (1, n). ArchiveError when the model cannot be run.

        A mapping that comes again holds the same arrays, with other values.
        """
        ...


def usable_engines(archive: ModelArchive, precision: Precision = "float32") -> list[str]:
    """The engines installed here that can run such a model. ArchiveError when there is none."""
    names = ["openvino", "onnxruntime"]
    if archive.model_format == "pb" or precision != "float32":
        names.remove("onnxruntime")  # it reads no TensorFlow graph, and computes in what the model is written in
    found = [name for name in names if importlib.util.find_spec(name)]
    if not found:
        raise ArchiveError("No engine can run the model. Install one: pip install 'lapwing[vehicle]'")
    return found


def open_engine(
    archive: ModelArchive, name: str | None = None, *, precision: Precision = "float32", cache: Path | None = None
) -> Engine:
    """Load the model with the engine of that name, or with the first one that can; a wish that cannot be is none.

    cache: folder in which OpenVINO keeps compiled models. ArchiveError when the model cannot be run, MetadataError
    when its tensors are not what its metadata says. A model or an engine that is broken may end this process: see
    engine_choice.py.
    """
    makers: dict[str, Callable[[], Engine]] = {
        "openvino": lambda: OpenVinoEngine(archive, precision, cache),
        "onnxruntime": lambda: OnnxRuntimeEngine(archive),
    }
    usable = usable_engines(archive, precision)
    return makers[name if name in usable else usable[0]]()


class OpenVinoEngine:
    """OpenVINO on the processor, tuned for the time of one answer."""

    name = "openvino"

    def __init__(self, archive: ModelArchive, precision: Precision = "float32", cache: Path | None = None) -> None:
        import openvino

        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "float16": "f16"}[precision],
            "INFERENCE_NUM_THREADS": THREADS,
        }
        if cache is not None:
            settings["CACHE_DIR"] = str(cache)
        self._archive_name = archive.name
        try:
            compiled = openvino.compile_model(openvino_model(archive), "CPU", settings)
        except RuntimeError as error:
            raise ArchiveError(f"The model {archive.name} cannot be loaded: {_reason(error)}") from error
        self._tensor = openvino.Tensor
        self._request = compiled.create_infer_request()
        self._bound: Inputs | None = None
        self._arrays: Inputs = {}

    def infer(self, inputs: Inputs) -> NDArray[np.float32]:
        """Inputs by sensor name -> the output `policy` (1, n)."""
        try:
            if inputs is not self._bound:
                self._bind(inputs)
            self._request.infer()
        except RuntimeError as error:
            raise ArchiveError(f"The model {self._archive_name} cannot be run: {_reason(error)}") from error
        return np.array(self._request.get_tensor(POLICY_OUTPUT).data)

    def _bind(self, inputs: Inputs) -> None:
        """Have the model read these arrays themselves: who fills the same ones again pays for this once."""
        arrays = {name: np.ascontiguousarray(values, np.float32) for name, values in inputs.items()}
        for name, values in arrays.items():
            self._request.set_tensor(name, self._tensor(values, shared_memory=True))
        self._bound = inputs if all(arrays[name] is inputs[name] for name in inputs) else None
        self._arrays = arrays  # the model reads their memory


class OnnxRuntimeEngine:
    """ONNX Runtime on the processor; its threads do not spin while they wait."""

    name = "onnxruntime"

    def __init__(self, archive: ModelArchive) -> None:
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._archive_name = archive.name
        self._failures = _onnxruntime_failures()
        try:
            self._session = onnxruntime.InferenceSession(
                archive.model_bytes, options, providers=["CPUExecutionProvider"]
            )
        except self._failures as error:
            raise ArchiveError(f"The model {archive.name} cannot be loaded: {_reason(error)}") from error
        check_interface(
            [_onnxruntime_spec(node) for node in self._session.get_inputs()],
            [_onnxruntime_spec(node) for node in self._session.get_outputs()],
            archive.metadata,
        )

    def infer(self, inputs: Inputs) -> NDArray[np.float32]:
        """Inputs by sensor name -> the output `policy` (1, n)."""
        try:
            return np.asarray(self._session.run([POLICY_OUTPUT], dict(inputs))[0])
        except self._failures as error:
            raise ArchiveError(f"The model {self._archive_name} cannot be run: {_reason(error)}") from error


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


def _reason(error: Exception) -> str:
    """The line that says it; OpenVINO tells first from where in its source the error comes."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("Exception from")] or lines or ["no reason given"]
    return told[0][:200]
