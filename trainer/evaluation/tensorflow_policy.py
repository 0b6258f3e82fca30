"""Ask a stock DeepRacer model: a frozen TensorFlow 1 graph, read by OpenVINO.

The graph takes float32: cameras (1, 120, 160, C), 0 to 255, which it divides by 255 itself, others (1, size). Names,
from deepracer-simapp: input `…/<sensor>/<sensor>`, output `…/ppo_head_0/policy` (SAC: `…/sac_policy_head_0/policy`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import ArchiveError
from shared.model_archive import ModelArchive
from shared.model_metadata import ModelMetadata
from shared.policy_io import policy_inputs

if TYPE_CHECKING:
    import openvino

POLICY_SUFFIXES = ("ppo_head_0/policy", "sac_policy_head_0/policy")


def tensorflow_answer(
    archive: ModelArchive, source: str
) -> Callable[[Mapping[str, NDArray[np.float32]]], NDArray[np.float32]]:
    """Inputs by sensor, cameras (N, C, 120, 160), others (N, size) -> policy (N, n), one car at a time."""
    import openvino

    size = archive.metadata.action_space.output_size
    try:
        model = read_graph(archive.model_bytes)
        output = policy_port(model, source)
        sensors = input_sensors(model, archive.metadata, source)
        shapes = {tensor.name: tensor.shape for tensor in policy_inputs(archive.metadata)}
        model.reshape({place: _channels_last(shapes[sensor]) for place, sensor in enumerate(sensors)})
        # Without the hint OpenVINO takes bfloat16 or float16 where the processor has it.
        # One thread: sums keep their order on every machine, and a race its result.
        asked = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        compiled = openvino.compile_model(model, "CPU", asked)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ArchiveError(f"The model in {source} cannot be opened: {reason}") from error
    request = compiled.create_infer_request()

    def answer(inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        seen = [inputs[sensor] for sensor in sensors]
        arranged = [np.ascontiguousarray(one.transpose(_channels_last(range(one.ndim)))) for one in seen]
        rows = np.empty((len(arranged[0]), size), dtype=np.float32)
        for i, row in enumerate(rows):
            request.infer([one[i : i + 1] for one in arranged])
            row[:] = request.get_output_tensor(output).data[0]
        return rows

    if request.get_output_tensor(output).shape != [1, size]:
        raise ArchiveError(
            f"The model in {source} answers {list(request.get_output_tensor(output).shape)[1:]} values, its "
            f"model_metadata.json has {size} actions. Take an archive whose parts belong together."
        )
    return answer


def read_graph(content: bytes) -> openvino.Model:
    """OpenVINO reads TensorFlow graphs from files only."""
    import openvino

    with tempfile.TemporaryDirectory(prefix="lapwing-") as folder:
        path = Path(folder) / "model.pb"
        path.write_bytes(content)
        return openvino.Core().read_model(path)


def input_sensors(model: openvino.Model, metadata: ModelMetadata, source: str) -> list[str]:
    """Which sensor each of the graph's inputs is, in their order, by the last part of the input's name."""
    known = dict(zip(metadata.sensors_as_written, metadata.sensors, strict=True)) | {s: s for s in metadata.sensors}
    names = [sorted(name.split(":")[0] for name in port.get_names()) for port in model.inputs]
    if len(names) == len(metadata.sensors) == 1:
        return list(metadata.sensors)
    found = [known[last] for each in names for last in {name.rpartition("/")[2] for name in each} if last in known]
    if len(names) != len(found) or sorted(found) != sorted(metadata.sensors):
        raise ArchiveError(
            f"The model in {source} has the inputs {[each[0] for each in names]}, its model_metadata.json the sensors "
            f"{list(metadata.sensors_as_written)}. Take an archive whose parts belong together."
        )
    return found


def _channels_last(axes: Sequence[Any]) -> tuple[Any, ...]:
    """(batch, channels, height, width) as TensorFlow has it, (batch, height, width, channels); others as they are."""
    return (axes[0], axes[2], axes[3], axes[1]) if len(axes) == 4 else tuple(axes)


def policy_port(model: openvino.Model, source: str) -> int:
    """Which output is the policy."""
    for place, port in enumerate(model.outputs):
        if any(name.split(":")[0].endswith(POLICY_SUFFIXES) for name in port.get_names()):
            return place
    if len(model.inputs) == len(model.outputs) == 1:
        return 0
    names = sorted(name for port in model.outputs for name in port.get_names())
    raise ArchiveError(f"The model in {source} has no output that ends in {POLICY_SUFFIXES[0]}, but {names}.")
