"""Does an exported model answer as its network does? Torch, ONNX Runtime and OpenVINO on the same observations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shared.errors import RunError
from shared.model_metadata import ModelMetadata
from shared.observation import model_inputs
from shared.policy_io import POLICY_OUTPUT

LARGEST_DIFFERENCE = 1e-4  # of a probability, or of an output in -1..1

Policy = Callable[[Mapping[str, NDArray[np.float32]]], NDArray[np.float32]]  # inputs by name -> (1, n)


@dataclass(frozen=True, slots=True)
class Parity:
    """How far apart the engines are.

    frames_with_other_argmax: frames whose best action differs between engines; 0 for continuous actions.
    largest_difference: between any engine and torch, over all frames and outputs.
    """

    frames: int
    frames_with_other_argmax: int
    largest_difference: float
    engines: Mapping[str, str]


def measure_parity(
    policy: nn.Module, model: bytes, metadata: ModelMetadata, frames: Mapping[str, NDArray[Any]]
) -> Parity:
    """Compare on frames, (F, …) by sensor, one at a time, as the car asks.

    policy: the network as it is exported: float32, one tensor per sensor in, `policy` out.
    """
    inputs = model_inputs(frames)
    count = len(inputs[metadata.sensors[0]])
    singles = [{name: frame[i : i + 1] for name, frame in inputs.items()} for i in range(count)]
    outputs = {
        name: np.concatenate([engine(single) for single in singles])
        for name, engine in _engines(policy, model, metadata).items()
    }
    reference = outputs["torch"]
    if not all(np.isfinite(output).all() for output in outputs.values()):
        raise RunError("The policy gives a value that is not finite (NaN or infinity). Choose another checkpoint.")
    other_argmax = np.zeros(count, bool)
    if metadata.action_space.kind == "discrete":
        for output in outputs.values():
            other_argmax |= output.argmax(axis=1) != reference.argmax(axis=1)
    return Parity(
        frames=count,
        frames_with_other_argmax=int(other_argmax.sum()),
        largest_difference=max(float(np.abs(output - reference).max()) for output in outputs.values()),
        engines={name: version(name) for name in outputs},
    )


def check_parity(parity: Parity) -> None:
    """RunError when the exported model may drive differently from the network that was trained."""
    if parity.frames_with_other_argmax or not parity.largest_difference <= LARGEST_DIFFERENCE:
        raise RunError(
            f"The exported model differs from the trained network: another action in "
            f"{parity.frames_with_other_argmax} of {parity.frames} frames, outputs apart by up to "
            f"{parity.largest_difference:.2g} (allowed {LARGEST_DIFFERENCE:g}). Nothing was written. "
            "Update onnxruntime and openvino, or choose another checkpoint."
        )


def _engines(policy: nn.Module, model: bytes, metadata: ModelMetadata) -> dict[str, Policy]:
    return {
        "torch": _torch_engine(policy, metadata.sensors),
        "onnxruntime": _onnxruntime_engine(model),
        "openvino": _openvino_engine(model),
    }


def _torch_engine(policy: nn.Module, sensors: Sequence[str]) -> Policy:
    def answer(inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output: NDArray[np.float32] = policy(*(torch.from_numpy(inputs[name]) for name in sensors)).numpy()
        return output

    return answer


def _onnxruntime_engine(model: bytes) -> Policy:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda inputs: np.asarray(session.run([POLICY_OUTPUT], dict(inputs))[0])


def _openvino_engine(model: bytes) -> Policy:
    import openvino

    core = openvino.Core()
    # Without the hint OpenVINO takes bfloat16 or float16 where the processor has it.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1"}
    compiled = core.compile_model(core.read_model(model), "CPU", settings)
    request = compiled.create_infer_request()

    def answer(inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        request.infer(dict(inputs))
        return np.array(request.get_tensor(POLICY_OUTPUT).data, np.float32)

    return answer
