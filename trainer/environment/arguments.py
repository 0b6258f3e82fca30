"""What people pass to the environments, as words or values, turned into what the simulator takes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from calibration.profile import CalibrationProfile
from shared.actions import DEFAULT_ACTION_SPACE, ActionSpace, ContinuousActionSpace, DiscreteActionSpace
from shared.errors import SettingsError
from shared.lidar import LidarConfig, lidar_size
from shared.model_metadata import ModelMetadata
from shared.sensors import sensor_of_kind
from shared.settings import parse_settings
from trainer.calibrated_car import filled_from_calibration, profile_from_file
from trainer.simulator.render import ViewName
from trainer.simulator.settings import SimulatorSettings
from trainer.tracks import Track, load_track

START_OPTIONS = ("track", "start_fraction", "start_lateral_m", "reversed", "reset_mask")
ACTION_SPACES: dict[str, ActionSpace] = {
    "discrete": DEFAULT_ACTION_SPACE,
    "continuous": ContinuousActionSpace(-30.0, 30.0, 0.1, 1.0),
}


def tracks_of(track: str | Track | Sequence[str | Track]) -> tuple[Track, ...]:
    """A track or several, each a catalogue name, a file or a `Track`."""
    given = [track] if isinstance(track, str | Track) else list(track)
    if not given:
        raise SettingsError("No track is given. Name at least one, for example track='lapwing_loop'.")
    return tuple(one if isinstance(one, Track) else load_track(one) for one in given)


def action_space_of(action_space: str | ActionSpace | Sequence[Any] | Mapping[str, Any]) -> ActionSpace:
    """'discrete', 'continuous', an action space, or what model_metadata.json has under `action_space`."""
    if isinstance(action_space, DiscreteActionSpace | ContinuousActionSpace):
        return action_space
    if isinstance(action_space, str):
        if action_space not in ACTION_SPACES:
            raise SettingsError(
                f"action_space='{action_space}' is not known. Use 'discrete' or 'continuous', or "
                "a list of {'steering_angle': degrees, 'speed': m/s}."
            )
        return ACTION_SPACES[action_space]
    return ModelMetadata.from_json(json.dumps({"action_space": action_space})).action_space


def lidar_config_of(lidar_config: LidarConfig | Mapping[str, Any] | None, sensors: Sequence[str]) -> LidarConfig | None:
    """How the LiDAR among the sensors sees: as given, or what model_metadata.json has under `lidar_config`."""
    sensor = sensor_of_kind(sensors, "lidar")
    if sensor is None:
        if lidar_config is not None:
            raise SettingsError(f"lidar_config is given, and there is no LiDAR among the sensors {list(sensors)}.")
        return None
    if isinstance(lidar_config, LidarConfig):
        lidar_size(sensor, lidar_config)
        return lidar_config
    given, known = lidar_config or {}, LidarConfig().to_metadata(sensor)
    for key in given:
        if key not in known:
            closest = get_close_matches(str(key), known, n=1)
            hint = f"Did you mean '{closest[0]}'?" if closest else f"Known are {', '.join(known)}."
            raise SettingsError(f"lidar_config: '{key}' is not known. {hint}")
    return LidarConfig.from_metadata(given, sensor)


def simulator_settings_of(
    simulator: SimulatorSettings | Mapping[str, Any] | None,
    randomisation: str | None,
    calibration: CalibrationProfile | None = None,
) -> SimulatorSettings:
    """The settings, with the randomisation preset in place of their own when one is named.

    calibration: of a car; they are put over what it brings along, as in a training.
    """
    values: Mapping[str, Any] = simulator or {} if not isinstance(simulator, SimulatorSettings) else _written(simulator)
    if randomisation is not None:
        values = {**_written(_parsed(values)), "randomisation": {"preset": randomisation}}
    if calibration is not None:
        values = filled_from_calibration({"calibration": calibration, "simulator": values})["simulator"]
    return _parsed(values)


def calibration_of(calibration: str | Path | CalibrationProfile | None) -> CalibrationProfile | None:
    """A car's calibration, or the one in its file."""
    return profile_from_file(Path(calibration)) if isinstance(calibration, str | Path) else calibration


def cars_per_world_of(settings: SimulatorSettings, cars: int) -> int:
    """How many cars share a road, if so many cars fill their worlds."""
    each = settings.race.cars_per_world
    if cars % each:
        raise SettingsError(
            f"num_envs is {cars}, and race.cars_per_world is {each}: the cars do not fill their worlds. "
            f"Make num_envs a multiple of {each}, for example {(cars // each + 1) * each}."
        )
    return each


def autoreset_mode_of(mode: str | AutoresetMode) -> AutoresetMode:
    """The mode by Gymnasium's value ('NextStep') or name ('next_step')."""
    if isinstance(mode, AutoresetMode):
        return mode
    names = {name: known for known in AutoresetMode for name in (known.value, known.name.lower())}
    if mode not in names:
        closest = get_close_matches(str(mode), names, n=1)
        hint = f"Did you mean '{closest[0]}'?" if closest else f"Known are {', '.join(names)}."
        raise SettingsError(f"autoreset_mode='{mode}' is not known. {hint}")
    return names[mode]


def _written(settings: SimulatorSettings) -> dict[str, Any]:
    """What somebody said of them: a car's calibration decides the rest."""
    return settings.model_dump(exclude_unset=True)


def _parsed(values: Mapping[str, Any]) -> SimulatorSettings:
    return parse_settings(SimulatorSettings, values, source="simulator")


def checked_view(render_mode: str | None, render_view: str) -> ViewName:
    """The view, if it and the mode are ones that can be drawn."""
    if render_mode not in (None, "rgb_array"):
        raise SettingsError(f"render_mode='{render_mode}' is not known. Use 'rgb_array', or leave it out.")
    for view in get_args(ViewName):
        if view == render_view:
            return cast(ViewName, view)
    known = ", ".join(map(repr, get_args(ViewName)))
    raise SettingsError(f"render_view='{render_view}' is not known. Use {known}.")


def reset_mask_of(mask: Any, cars: int) -> NDArray[np.bool_]:
    """Gymnasium's reset mask, checked; all cars when there is none."""
    if mask is None:
        return np.ones(cars, dtype=np.bool_)
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (cars,) or not mask.any():
        raise SettingsError(
            f"reset_mask must be a numpy array of {cars} bools, at least one of them True, got {mask!r}."
        )
    return mask.copy()


def start_of(options: Mapping[str, Any] | None, tracks: Sequence[Track]) -> tuple[dict[str, Any], Any]:
    """Reset options as the simulator's arguments, and the reset mask as it was given."""
    given = dict(options or {})
    mask = given.pop("reset_mask", None)
    unknown = sorted(set(given) - set(START_OPTIONS))
    if unknown:
        closest = get_close_matches(str(unknown[0]), START_OPTIONS, n=1)
        hint = f"Did you mean '{closest[0]}'?" if closest else f"Known are {', '.join(START_OPTIONS)}."
        raise SettingsError(f"'{unknown[0]}' is not a reset option. {hint}")
    if "track" in given:
        given["track_index"] = track_place(given.pop("track"), tracks)
    return given, mask


def track_place(name: str, tracks: Sequence[Track]) -> int:
    """Number of a track among the environment's own."""
    for place, track in enumerate(tracks):
        if name == track.name or name in track.aliases:
            return place
    known = ", ".join(track.name for track in tracks)
    raise SettingsError(f"This environment has no track '{name}', it has {known}. Name it when making the environment.")
