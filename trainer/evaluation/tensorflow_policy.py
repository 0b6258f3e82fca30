"""Ask a stock DeepRacer model: a frozen TensorFlow 1 graph, read by OpenVINO.

The graph takes float32 (1, 120, 160, C), 0 to 255, and divides by 255 itself. Names, from deepracer-simapp:
input `…/<sensor>/<sensor>`, output `…/ppo_head_0/policy` (SAC: `…/sac_policy_head_0/policy`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shared.errors import ArchiveError
from shared.model_archive import ModelArchive
from shared.sensors import CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX

if TYPE_CHECKING:
    import openvino

POLICY_SUFFIXES = ("ppo_head_0/policy", "sac_policy_head_0/policy")


def tensorflow_answer(archive: ModelArchive, source: str) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """camera (N, C, 120, 160) -> policy (N, n), one picture at a time."""
    import openvino

    channels, size = archive.metadata.stack_size, archive.metadata.action_space.output_size
    try:
        model = read_graph(archive.model_bytes)
        output = policy_port(model, source)
        model.reshape([1, CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX, channels])
        # Without the hint OpenVINO takes bfloat16 or float16 where the processor has it.
        compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ArchiveError(f"The model in {source} cannot be opened: {reason}") from error
    request = compiled.create_infer_request()

    def answer(camera: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = np.empty((len(camera), size), dtype=np.float32)
        for row, picture in zip(rows, camera, strict=True):
            request.infer([np.ascontiguousarray(picture.transpose(1, 2, 0)[None])])
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


def policy_port(model: openvino.Model, source: str) -> int:
    """Which output is the policy."""
    for place, port in enumerate(model.outputs):
        if any(name.split(":")[0].endswith(POLICY_SUFFIXES) for name in port.get_names()):
            return place
    if len(model.inputs) == len(model.outputs) == 1:
        return 0
    names = sorted(name for port in model.outputs for name in port.get_names())
    raise ArchiveError(f"The model in {source} has no output that ends in {POLICY_SUFFIXES[0]}, but {names}.")
