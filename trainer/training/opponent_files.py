"""Opponents as files: found where they are named, and kept in the run that trains against them.

    <run>/opponents/<number>/<name>    a copy of the archive, or of the run with one checkpoint

A run goes on with the opponents that it began with, whatever happens to the files they came from.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from shared.atomic_files import storage_errors
from shared.errors import ArchiveError, RunError, SettingsError
from shared.lidar import LidarConfig
from shared.model_archive import ARCHIVE_SUFFIX
from shared.model_metadata import ModelMetadata
from shared.sensors import STEREO_CAMERAS
from trainer.race_types import SELF
from trainer.runs.named_models import named_model
from trainer.runs.run_folder import RunFolder
from trainer.training.checkpoint import find_checkpoint
from trainer.training.opponents import Policy

PolicyLoader = Callable[[Path], Policy]  # opens an archive or a run's folder

FOLDER = "opponents"
CLOSE = 1e-6  # relative: what two files that say the same differ by


def opponent_paths(home: Path, models: Sequence[str]) -> list[Path]:
    """The archive or the checkpoint's folder of every model that is not the policy itself.

    Raises:
        ArchiveError, RunError: there is no such thing; the message names what there is.
    """
    return [_path_of(home, model) for model in models if model != SELF]


def _path_of(home: Path, model: str) -> Path:
    path = Path(model).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        return find_checkpoint(path, "best")
    if model.endswith((ARCHIVE_SUFFIX, ".tgz", ".gz", ".onnx")) or "/" in model:
        raise ArchiveError(f"There is no file {model} to race against. Give a model archive, a run, or '{SELF}'.")
    found = named_model(home, model)
    if isinstance(found, Path):
        return found
    run, which = found
    return find_checkpoint(run.path, which or "best")


def keep_opponents(run: RunFolder, paths: Sequence[Path]) -> None:
    """Copy them into the run, in their order."""
    for number, path in enumerate(paths):
        folder = run.path / FOLDER / str(number)
        with storage_errors(folder):
            folder.mkdir(parents=True)
            if path.is_file():
                shutil.copyfile(path, folder / path.name)
            else:
                _copy_run(path, folder / path.parent.parent.name)


def _copy_run(checkpoint: Path, target: Path) -> None:
    """What it takes to open a run's policy: its description, its settings and the one checkpoint."""
    source = RunFolder(checkpoint.parent.parent)
    copy = RunFolder(target)
    shutil.copytree(checkpoint, copy.checkpoints_path / checkpoint.name)
    copy.metadata_path.parent.mkdir()
    for path in (source.path / "run.json", source.settings_path, source.metadata_path):
        shutil.copyfile(path, target / path.relative_to(source.path))


def kept_opponents(run: RunFolder) -> list[Path]:
    """What keep_opponents copied, in its order; of a copied run its folder."""
    folders = sorted((run.path / FOLDER).glob("[0-9]*"), key=lambda folder: int(folder.name))
    paths = [path for folder in folders for path in folder.iterdir()]
    if len(paths) != len(folders):
        raise RunError(f"{run.path / FOLDER} is not as it was made. Start the run anew.")
    return paths


def opponents_in_order(run: RunFolder, models: Sequence[str]) -> list[Path | None]:
    """What a run's opponents.models stand for: the copies that it keeps, None for the policy itself.

    Raises:
        RunError: it keeps others than are named.
    """
    paths = kept_opponents(run)
    named = sum(model != SELF for model in models)
    if len(paths) != named:
        raise RunError(f"Run '{run.name}' keeps {len(paths)} opponents and its settings name {named}. Start it anew.")
    strangers = iter(paths)
    return [None if model == SELF else next(strangers) for model in models]


def check_opponents(opponents: Sequence[Policy], ours: ModelMetadata, *, instead: str = "") -> None:
    """Opponents act as often as our cars, and see from where and as they do. instead: what else one could do.

    Raises:
        SettingsError: what differs, and what to do.
    """
    lidars = [lidar for lidar in (ours.lidar, *(one.metadata.lidar for one in opponents)) if lidar is not None]
    for opponent in opponents:
        for words, theirs, wanted in _to_share(opponent.metadata, ours, lidars):
            if abs(theirs - wanted) > CLOSE * max(abs(theirs), abs(wanted), 1.0):
                raise SettingsError(
                    f"The opponent {opponent.name} {words.format(theirs)}, and for the other cars it is {wanted:g}. "
                    f"Choose another opponent{instead}."
                )


def _to_share(
    its: ModelMetadata, ours: ModelMetadata, lidars: Sequence[LidarConfig]
) -> Iterator[tuple[str, float, float]]:
    """What all cars of a simulator have in common: in words, an opponent's, and what it is for the others.

    lidars: of all who have one, the first is the simulator's.
    """
    its_camera, camera = its.camera, ours.camera
    yield "acts at {:g} Hz", its.control_rate_hz, ours.control_rate_hz
    yield "sees {:g} degrees from side to side", its_camera.horizontal_fov_deg, camera.horizontal_fov_deg
    yield "has its camera pitched by {:g} degrees", its_camera.pitch_deg, camera.pitch_deg
    yield "has its camera at {:g} m", its_camera.height_m, camera.height_m
    if STEREO_CAMERAS in its.sensors:
        yield "has cameras {:g} m apart", its_camera.stereo_baseline_m, camera.stereo_baseline_m
    if its.lidar is not None:
        lidar, view, mount = lidars[0], its.lidar_view, ours.lidar_view
        yield "has a LiDAR of {:g} rays", its.lidar.num_rays, lidar.num_rays
        yield "has a LiDAR that sees {:g} degrees", its.lidar.fov_deg, lidar.fov_deg
        yield "has a LiDAR that sees nothing nearer than {:g} m", its.lidar.min_range_m, lidar.min_range_m
        yield "has its LiDAR {:g} m ahead of its middle", view.x_m, mount.x_m
        yield "has its LiDAR {:g} m left of its middle", view.y_m, mount.y_m
        yield "has its LiDAR at {:g} m", view.height_m, mount.height_m
        yield "has its LiDAR turned by {:g} degrees", view.yaw_deg, mount.yaw_deg
