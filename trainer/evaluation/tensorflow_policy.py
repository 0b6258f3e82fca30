"""Ask a stock DeepRacer model: a frozen TensorFlow 1 graph, read by OpenVINO."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shared.errors import ArchiveError
from shared.model_archive import ModelArchive
from shared.policy_io import policy_inputs
from shared.tensorflow_graph import channels_last, graph_sensors, policy_place

if TYPE_CHECKING:
    import openvino


def tensorflow_answer(
    archive: ModelArchive, source: str
) -> Callable[[Mapping[str, NDArray[np.float32]]], NDArray[np.float32]]:
    """Inputs by sensor, cameras (N, C, 120, 160), others (N, size) -> policy (N, n), one car at a time."""
    import openvino

    size = archive.metadata.action_space.output_size
    try:
        model = read_graph(archive.model_bytes)
        output = policy_place([port.get_names() for port in model.outputs], len(model.inputs), source)
        sensors = graph_sensors([port.get_names() for port in model.inputs], archive.metadata, source)
        shapes = {tensor.name: tensor.shape for tensor in policy_inputs(archive.metadata)}
        model.reshape({place: channels_last(shapes[sensor]) for place, sensor in enumerate(sensors)})
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
        arranged = [np.ascontiguousarray(one.transpose(channels_last(range(one.ndim)))) for one in seen]
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
