"""A policy to evaluate, from wherever it is: a run's checkpoint by torch, a model archive by ONNX Runtime.

All answer in float32. A model's metadata comes with it, so that an archive needs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shared.actions import ActionSpace
from shared.errors import ArchiveError, RunError
from shared.model_archive import ARCHIVE_SUFFIX, ModelArchive, read_archive
from shared.model_graph import check_model_graph
from shared.model_metadata import ModelMetadata
from shared.observation import Observer, model_inputs
from shared.policy_io import POLICY_OUTPUT, TensorSpec, check_interface
from trainer.evaluation.tensorflow_policy import tensorflow_answer
from trainer.runs.named_models import named_model
from trainer.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import onnxruntime

Inputs = Mapping[str, NDArray[np.float32]]  # by sensor: a camera (N, C, 120, 160), others (N, size)
Answer = Callable[[Inputs], NDArray[np.float32]]  # -> policy (N, n)

MANIFEST_NAME = "manifest.json"  # what makes a folder a checkpoint
WEIGHTS_OF_CHOICE = "best"


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy that can be asked.

    name: what to call it in tables. source: where it comes from, for people. run: the run it belongs to, if
    any.
    """

    name: str
    source: str
    metadata: ModelMetadata
    answer: Answer
    run: RunFolder | None = None

    @property
    def action_space(self) -> ActionSpace:
        """What it chooses from."""
        return self.metadata.action_space

    def observer(self, cars: int) -> Observer:
        """What so many cars with this policy see."""
        return Observer(self.metadata.sensors, self.metadata.stack_size, self.metadata.lidar, cars)

    def act(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """What N cars see, as observer() gives it -> (N, n) probabilities, or (N, 2) steering and speed in -1..1."""
        return self.answer(model_inputs(observation))


def load_policy(source: str | Path, home: Path) -> LoadedPolicy:
    """Open a policy.

    source: a model archive, a checkpoint's folder, a run of `home` by name, or a sample model by name; `run:best` (the
    default), `run:last` and `run:20480` choose the checkpoint. A run goes before a sample of the same name.

    Raises:
        ArchiveError, RunError: there is no such thing, or it is damaged; the message names what there is.
    """
    text, path = str(source), Path(source).expanduser()
    if path.is_file():
        return archive_policy(read_archive(path), text)
    if path.is_dir():
        return folder_policy(path.resolve())
    if text.endswith((ARCHIVE_SUFFIX, ".tgz", ".gz", ".onnx")) or "/" in text:
        raise ArchiveError(f"There is no file {text}. Give a model archive, or the name of a run.")
    found = named_model(home, text)
    if isinstance(found, Path):
        return archive_policy(read_archive(found), f"sample model {text}")
    run, which = found
    return checkpoint_policy(run, which or WEIGHTS_OF_CHOICE)


def folder_policy(path: Path) -> LoadedPolicy:
    """The policy of a run's folder (its best checkpoint) or of one checkpoint's folder."""
    if (path / MANIFEST_NAME).is_file() and path.parent.name == "checkpoints":
        return checkpoint_policy(RunFolder(path.parent.parent), path.name)
    if (path / "run.json").is_file():
        return checkpoint_policy(RunFolder(path), WEIGHTS_OF_CHOICE)
    raise RunError(f"The folder {path} is neither a run nor a checkpoint. Give the name of a run, or an archive.")


def checkpoint_policy(run: RunFolder, which: str) -> LoadedPolicy:
    """The policy of a run's checkpoint, by torch."""
    import torch

    from shared.settings import load_settings
    from trainer.config import TrainingSettings
    from trainer.export.checkpoint_export import load_policy_network
    from trainer.training.checkpoint import find_checkpoint

    checkpoint = find_checkpoint(run.path, which)
    car = load_settings(TrainingSettings, run.settings_path).car
    network = load_policy_network(checkpoint, car).float().eval()

    def answer(inputs: Inputs) -> NDArray[np.float32]:
        with torch.inference_mode():
            output: NDArray[np.float32] = network(*(torch.from_numpy(inputs[name]) for name in car.sensors)).numpy()
        return output

    metadata = ModelMetadata.from_json(run.metadata_path.read_bytes())
    source = f"{run.name}, checkpoint of {int(checkpoint.name):,} steps"
    return LoadedPolicy(run.name, source, metadata, answer, run)


def archive_policy(archive: ModelArchive, source: str) -> LoadedPolicy:
    """The policy in a model archive: ours by ONNX Runtime, a stock DeepRacer one by OpenVINO."""
    check_model_graph(archive)
    make = onnx_answer if archive.model_format == "onnx" else tensorflow_answer
    return LoadedPolicy(archive.name, source, archive.metadata, make(archive, source))


def onnx_answer(archive: ModelArchive, source: str) -> Answer:
    """Ask ONNX Runtime, car by car: the model of an archive takes one car's observation at a time."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as ort

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the network is small: threads would cost more than they bring
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(archive.model_bytes, options, providers=["CPUExecutionProvider"])
    except (
        ort.Fail,
        ort.InvalidGraph,
        ort.InvalidProtobuf,
        ort.InvalidArgument,
        ort.RuntimeException,
        ort.NotImplemented,
    ) as error:
        reason = str(error).strip().splitlines()[0]
        raise ArchiveError(f"The model in {source} cannot be opened: {reason}. Export it again.") from error
    check_interface(tensors(session.get_inputs()), tensors(session.get_outputs()), archive.metadata)

    def answer(inputs: Inputs) -> NDArray[np.float32]:
        count = len(next(iter(inputs.values())))
        rows = [
            session.run([POLICY_OUTPUT], {name: seen[i : i + 1] for name, seen in inputs.items()})[0]
            for i in range(count)
        ]
        return np.concatenate(rows)

    return answer


def tensors(arguments: list[onnxruntime.NodeArg]) -> list[TensorSpec]:
    """ONNX Runtime's inputs or outputs in our words."""
    return [
        TensorSpec(
            one.name,
            tuple(size if isinstance(size, int) else None for size in one.shape),
            {"tensor(float)": "float32"}.get(one.type, one.type),
        )
        for one in arguments
    ]
