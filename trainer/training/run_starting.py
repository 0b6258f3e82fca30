"""How a run begins, from files, garage, command line and the run it is cloned from; and how it goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from shared.atomic_files import write_atomic
from shared.errors import RunError
from shared.model_metadata import CameraView, LidarView, ModelMetadata
from shared.sensors import sensor_of_kind
from shared.settings import dump_settings, load_settings
from trainer.calibrated_car import DECIDED
from trainer.car_settings import CarSettings
from trainer.config import TrainingSettings
from trainer.race_types import SELF
from trainer.rewards.catalogue import find_reward
from trainer.rewards.program import read_reward
from trainer.runs.garage import load_car
from trainer.runs.run_folder import RunFolder
from trainer.tracks import track_reference
from trainer.training.checkpoint import find_checkpoint, list_checkpoints, read_weights
from trainer.training.opponent_files import (
    PolicyLoader,
    check_opponents,
    keep_opponents,
    opponent_paths,
    opponents_in_order,
)
from trainer.training.room import check_race_fits

# A choice that brings other values along, and those: a clone that makes it anew takes them from there, and not from
# its origin's settings, where all are written.
BROUGHT_BY = {
    "hyperparameters.preset": ("hyperparameters",),
    "car.actions.kind": ("car.actions",),
    "race": ("simulator.race", "reward", "opponents", "curriculum"),
    "calibration": DECIDED,
}
# DeepRacer's version of the simulated car and its physics that ours resembles.
METADATA_VERSION = "5"
LIKE_ITS_OWN = ", or make simulator.step_s, simulator.camera, simulator.lidar and car.lidar like its own"


@dataclass(frozen=True, slots=True)
class Origin:
    """The run and the policy that a clone begins with."""

    run: RunFolder
    steps: int
    settings: TrainingSettings
    weights: Mapping[str, NDArray[Any]]


def origin_of(home: Path, clone_of: str) -> Origin:
    """What `RUN`, `RUN:best`, `RUN:last` or `RUN:<steps>` stands for."""
    name, _, which = clone_of.partition(":")
    run = RunFolder.open(home, name)
    checkpoint = find_checkpoint(run.path, which or "best")
    settings = load_settings(TrainingSettings, run.settings_path)
    return Origin(run, int(checkpoint.name), settings, read_weights(checkpoint))


def new_settings(
    home: Path, car: str | None, origin: Origin | None, config: Path | None, written: Sequence[str]
) -> TrainingSettings:
    """Command line over file, or over the origin's settings; a car of the garage is copied in."""
    if origin is None or config is not None:
        settings = load_settings(TrainingSettings, config, written)
    else:
        settings = load_settings(
            TrainingSettings, origin.run.settings_path, [*_kept_by_a_clone(origin, written), *written]
        )
    settings = settings.changed(tracks=tuple(track_reference(name, home / "tracks") for name in settings.tracks))
    if car is not None:
        settings = settings.changed(car=load_car(home, car))
    if origin is not None:
        check_same_policy(origin, settings.car)
    return settings


def _kept_by_a_clone(origin: Origin, written: Sequence[str]) -> list[str]:
    """What goes over the origin's settings: no limits, its copy of the reward, choices that are written."""
    overrides = ["stop=", f"reward={origin.run.reward_path}"]
    kept = opponents_in_order(origin.run, origin.settings.opponents.models)
    if kept:
        models = [SELF if path is None else str(path) for path in kept]
        overrides.append(f"opponents.models={json.dumps(models)}")
    for choice, brought in BROUGHT_BY.items():
        if any(override.startswith(f"{choice}=") for override in written):
            overrides += [f"{key}=" for key in brought]
    return overrides


def check_same_policy(origin: Origin, car: CarSettings) -> None:
    """A policy only fits the actions, network and pictures that it was trained with.

    Raises:
        RunError: with what differs.
    """
    before = origin.settings.car
    for what, old, new in (
        ("network", before.network, car.network),
        ("stack_size", before.stack_size, car.stack_size),
        ("sensors", before.sensors, car.sensors),
        *_lidars(before, car),
    ):
        if old != new:
            raise RunError(
                f"Run '{origin.run.name}' was trained with {what} {old}, and the new run would have {what} {new}. "
                f"A clone keeps it: leave car.{what} out, or start without --from."
            )
    old_space, new_space = before.action_space(), car.action_space()
    if old_space != new_space:
        raise RunError(
            f"Run '{origin.run.name}' chooses among {describe(before)}, and the new run would "
            f"among {describe(car)}. What the policy learned means other actions there. Leave the car's "
            "actions as they were, or start without --from."
        )


def _lidars(before: CarSettings, car: CarSettings) -> list[tuple[str, Any, Any]]:
    """Settings of both LiDARs by name; none for cars without one."""
    if before.lidar_config() is None:
        return []
    old, new = before.lidar.model_dump(), car.lidar.model_dump()
    return [(f"lidar.{name}", value, new[name]) for name, value in old.items()]


def describe(car: CarSettings) -> str:
    """A car's actions in a few words."""
    space = car.action_space()
    limits = f"up to {space.max_steering_angle_deg:g} degrees and {space.max_speed_mps:g} m/s"
    return f"{space.output_size} actions {limits}" if space.kind == "discrete" else f"continuous actions {limits}"


def start_run(
    home: Path,
    name: str,
    settings: TrainingSettings,
    description: str,
    command: str,
    origin: Origin | None,
    load_policy: PolicyLoader | None = None,
) -> tuple[RunFolder, Path]:
    """Make the run's folder; refused before anything is written if the name is taken, the reward or an opponent
    cannot be read, or the race does not fit on its tracks. load_policy: opens opponents.

    Returns the run and the file its reward came from.
    """
    reward_file = find_reward(settings.reward)
    source = read_reward(reward_file)
    check_race_fits(settings)
    metadata = metadata_of(settings)
    opponents = opponent_paths(home, settings.opponents.models)
    if opponents:
        assert load_policy is not None, "whoever trains against models says how they are opened"
        check_opponents([load_policy(path) for path in opponents], metadata, instead=LIKE_ITS_OWN)
    run = RunFolder.create(
        home,
        name,
        settings_toml=dump_settings(settings),
        metadata_json=metadata.to_json(),
        hyperparameters=settings.hyperparameters.deepracer_json(),
        reward_source=source.text,
        description=description,
        command=command,
    )
    keep_opponents(run, opponents)
    if origin is not None:
        run.update(cloned_from=f"{origin.run.name}:{origin.steps}")
    return run, reward_file


def settings_to_go_on(home: Path, name: str, written: Sequence[str]) -> tuple[RunFolder, TrainingSettings]:
    """A run and its settings, with new limits where they are written; those are kept."""
    run = RunFolder.open(home, name)
    settings = load_settings(TrainingSettings, run.settings_path, written)
    if not list_checkpoints(run.path) and "cloned_from" in run.info().summary:
        raise RunError(
            f"Run '{name}' was stopped before its first checkpoint. Delete it (lapwing runs delete {name}) "
            f"and clone again from {run.info().summary['cloned_from']}."
        )
    if written and not run.is_locked():
        write_atomic(run.settings_path, dump_settings(settings))
    return run, settings


def metadata_of(settings: TrainingSettings) -> ModelMetadata:
    """What the car has to know about the model."""
    car, simulator = settings.car, settings.simulator
    lidar = sensor_of_kind(car.sensors, "lidar")
    camera, device = car.car_model().camera, car.car_model().lidar

    def either(ours: float | None, models: float) -> float:
        return models if ours is None else ours

    return ModelMetadata(
        action_space=car.action_space(),
        sensors=car.sensors,
        lidar_config=None if lidar is None else car.lidar.lidar_config().to_metadata(lidar),
        neural_network=car.network,
        version=METADATA_VERSION,
        stack_size=car.stack_size,
        control_rate_hz=round(1 / simulator.step_s, 6),
        camera=CameraView(
            horizontal_fov_deg=either(simulator.camera.horizontal_fov_deg, camera.horizontal_fov_deg),
            pitch_deg=either(simulator.camera.pitch_deg, camera.pitch_deg),
            height_m=either(simulator.camera.height_m, camera.z_m),
            stereo_baseline_m=either(simulator.camera.stereo_baseline_m, camera.stereo_baseline_m),
        ),
        lidar_view=LidarView(
            x_m=either(simulator.lidar.x_m, device.x_m),
            y_m=either(simulator.lidar.y_m, device.y_m),
            height_m=either(simulator.lidar.z_m, device.z_m),
            yaw_deg=either(simulator.lidar.yaw_deg, device.yaw_deg),
        ),
    )
