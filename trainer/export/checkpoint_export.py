"""A checkpoint becomes the file the car installs: ONNX, checked against torch, packed with its provenance."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from shared.atomic_files import read_json, storage_errors
from shared.errors import RunError
from shared.model_archive import ARCHIVE_SUFFIX, write_archive
from shared.model_metadata import ModelMetadata
from shared.policy_io import policy_inputs, policy_output
from shared.settings import load_settings
from trainer.car_settings import CarSettings
from trainer.config import TrainingSettings
from trainer.export.onnx_graph import policy_to_onnx
from trainer.export.parity import Parity, check_parity, measure_parity
from trainer.export.rendered_frames import rendered_frames
from trainer.ppo.networks import ExportedPolicy
from trainer.runs.run_folder import RunFolder
from trainer.training.checkpoint import MANIFEST, find_checkpoint, read_weights
from trainer.training.course import course_tracks
from trainer.training.learner import network_of

PARITY_FRAMES = 100
GENERATED_SEEN = 4  # of the tracks a generalist learned on, as many are enough to compare pictures
VERSIONS_OF = ("lapwing", "torch", "numpy", "numba", "onnx", "onnxruntime", "openvino")


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export made."""

    path: Path
    sha256: str
    steps: int
    parity: Parity


def export_checkpoint(
    run: RunFolder, which: str = "best", output: Path | None = None, *, frames: int = PARITY_FRAMES
) -> Exported:
    """Pack a checkpoint of a run into a model archive.

    which: "best", "last" or a number of training steps. output: the archive; the run's archives/ by default.

    Raises:
        RunError: no such checkpoint, or the exported model does not answer as the network does.
    """
    settings = load_settings(TrainingSettings, run.settings_path)
    metadata = ModelMetadata.from_json(run.metadata_path.read_bytes())
    checkpoint = find_checkpoint(run.path, which)
    steps = int(checkpoint.name)
    policy = load_policy_network(checkpoint, settings.car)
    tracks = course_tracks(settings, limit=GENERATED_SEEN)
    seen = rendered_frames(tracks, settings.simulator, metadata, frames, car=settings.car.car_model())
    model, parity = export_policy(policy, metadata, seen)
    path = _archive_path(run, which, steps) if output is None else output
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    sha256 = write_archive(
        path,
        metadata=metadata,
        model=model,
        reward_source=run.reward_path.read_text(encoding="utf-8"),
        hyperparameters=read_json(run.hyperparameters_path),
        provenance=_provenance(run, settings, checkpoint, parity),
    )
    return Exported(path, sha256, steps, parity)


def export_policy(
    policy: nn.Module, metadata: ModelMetadata, frames: Mapping[str, NDArray[Any]]
) -> tuple[bytes, Parity]:
    """The ONNX model of a policy, and how well it agrees with it on frames, (F, …) by sensor.

    Raises:
        RunError: it does not agree.
    """
    policy = policy.cpu().float().eval()
    model = policy_to_onnx(policy, policy_inputs(metadata), policy_output(metadata))
    parity = measure_parity(policy, model, metadata, frames)
    check_parity(parity)
    return model, parity


def load_policy_network(checkpoint: Path, car: CarSettings) -> ExportedPolicy:
    """The policy of a checkpoint, as a model archive holds it.

    Raises:
        RunError: the checkpoint is damaged, or belongs to another network.
    """
    network = network_of(car)
    weights = read_weights(checkpoint)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            array = weights.get(name)
            if array is None or array.shape != tuple(parameter.shape):
                raise RunError(
                    f"Checkpoint {checkpoint} does not hold the weights '{name}' of a {car.network} network. "
                    "The run's settings.toml was changed; put its car back as it was."
                )
            parameter.copy_(torch.from_numpy(array))
    return ExportedPolicy(network)


def _archive_path(run: RunFolder, which: str, steps: int) -> Path:
    suffix = "" if which == "best" else f"-{steps}"
    return run.archives_path / f"{run.name}{suffix}{ARCHIVE_SUFFIX}"


def _provenance(run: RunFolder, settings: TrainingSettings, checkpoint: Path, parity: Parity) -> dict[str, Any]:
    """Where the model comes from. No date and no path: the same checkpoint gives the same archive."""
    return {
        "run": run.name,
        "description": run.info().description,
        "command": run.info().command,
        "race": settings.race,
        "tracks": list(settings.tracks),
        "seed": settings.seed,
        "steps": int(checkpoint.name),
        "training_s": run.info().summary.get("elapsed_s"),
        "evaluation": _evaluation(checkpoint),
        "network": settings.car.network,
        "calibration_sha256": None if settings.calibration is None else settings.calibration.sha256(),
        "parity": asdict(parity),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in VERSIONS_OF}},
    }


def _evaluation(checkpoint: Path) -> dict[str, float]:
    """The figures of the evaluation made with this checkpoint, if there was one; no lap, no lap time."""
    figures: dict[str, float] = dict(read_json(checkpoint / MANIFEST)["evaluation"])
    if not figures.get("laps_complete"):
        figures.pop("lap_time_s", None)
    return figures


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
