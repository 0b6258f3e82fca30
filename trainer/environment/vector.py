"""N cars in one batch as a Gymnasium `VectorEnv`, which `trainer.environment` registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from calibration.profile import CalibrationProfile
from shared.actions import ActionSpace
from shared.errors import SettingsError, SimulationError
from shared.lidar import LidarConfig
from shared.observation import Observer
from shared.sensors import FRONT_CAMERA, check_sensor_set
from trainer.calibrated_car import open_simulator
from trainer.environment.arguments import (
    action_space_of,
    autoreset_mode_of,
    calibration_of,
    cars_per_world_of,
    checked_view,
    lidar_config_of,
    reset_mask_of,
    simulator_settings_of,
    start_of,
    tracks_of,
)
from trainer.environment.rewards import Reward, environment_rewards
from trainer.environment.spaces import ActionDecoder, action_space_of_one, metadata_of, observation_space_of_one
from trainer.rewards.catalogue import DEFAULT_REWARD
from trainer.simulator import Column, EpisodeStatus, Simulator, SimulatorSettings
from trainer.tracks import DEFAULT_TRACK, Track

# What an info tells of a car, by the columns of the simulator's measurements; status, laps and track come
# on top.
INFO_COLUMNS = {
    "progress_percent": int(Column.PROGRESS_PERCENT),
    "x_m": int(Column.X_M),
    "y_m": int(Column.Y_M),
    "heading_rad": int(Column.HEADING_RAD),
    "arc_m": int(Column.ARC_M),
    "lateral_m": int(Column.LATERAL_M),
    "speed_mps": int(Column.MEASURED_SPEED_MPS),
    "steering_angle_deg": int(Column.MEASURED_STEERING_ANGLE_DEG),
    "time_s": int(Column.TIME_S),
    "contacts": int(Column.CONTACTS),
    "overtakes": int(Column.OVERTAKES),
}
STATUS_NAMES = np.array([status.name.lower() for status in sorted(EpisodeStatus)], dtype=object)

Observation = NDArray[Any] | dict[str, NDArray[Any]]
Mask = NDArray[np.bool_]
Step = tuple[Observation, NDArray[np.float64], Mask, Mask, dict[str, Any]]


class RacingVectorEnv(VectorEnv):
    """N cars, each driving its own episodes; `RacingEnv` says what they see, do and are rewarded for.

    Car i behaves exactly as a `RacingEnv` reset with its seed does, in every autoreset mode. Arguments
    beyond those of `RacingEnv`:
        num_envs: number of cars; a multiple of `simulator.race.cars_per_world`, so many share a road.
        reward: may also be several, one for each car of a world, in their order on its grid.
        autoreset_mode: "next_step" (default), "same_step" or "disabled", as Gymnasium defines them.
        max_episode_steps: cut every episode short after this many steps, as `TimeLimit` does for a
        `RacingEnv`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        track: str | Track | Sequence[str | Track] = DEFAULT_TRACK,
        action_space: str | ActionSpace | Sequence[Any] | Mapping[str, Any] = "discrete",
        reward: Reward | Sequence[Reward] = DEFAULT_REWARD,
        isolated: bool = False,
        randomisation: str | None = None,
        simulator: SimulatorSettings | Mapping[str, Any] | None = None,
        calibration: str | Path | CalibrationProfile | None = None,
        sensors: Sequence[str] = (FRONT_CAMERA,),
        lidar_config: LidarConfig | Mapping[str, Any] | None = None,
        stack_size: int = 1,
        render_mode: str | None = None,
        render_view: str = "chase",
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
    ) -> None:
        self.num_envs = num_envs
        self.tracks = tracks_of(track)
        self.actions = action_space_of(action_space)
        self.calibration = calibration_of(calibration)
        self.simulator_settings = simulator_settings_of(simulator, randomisation, self.calibration)
        self._cars_per_world = cars_per_world_of(self.simulator_settings, num_envs)
        self.render_mode, self.render_view = render_mode, checked_view(render_mode, render_view)
        self.autoreset_mode = autoreset_mode_of(autoreset_mode)
        self.metadata = {**metadata_of(self.simulator_settings), "autoreset_mode": self.autoreset_mode}
        self.sensors = check_sensor_set(sensors)
        self.lidar_config = lidar_config_of(lidar_config, self.sensors)
        self.single_observation_space = observation_space_of_one(self.sensors, stack_size, self.lidar_config)
        self.single_action_space = action_space_of_one(self.actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._decode = ActionDecoder(self.actions, num_envs)
        self._max_episode_steps = np.inf if max_episode_steps is None else max_episode_steps
        self._observer = Observer(self.sensors, stack_size, self.lidar_config, num_envs)
        self._track_names = np.array([one.name for one in self.tracks], dtype=object)
        self._track_draws = [np.random.default_rng(0)] * num_envs
        self._car_seeds = np.zeros(num_envs, dtype=np.uint64)
        self._is_new = np.ones(num_envs, dtype=np.bool_)
        self._over = np.ones(num_envs, dtype=np.bool_)
        self._simulator: Simulator | None = None
        self._rewards = environment_rewards(
            reward,
            self.tracks,
            num_envs,
            isolated=isolated,
            objects=self.simulator_settings.race.object_count,
            cars_per_world=self._cars_per_world,
        )

    @property
    def started(self) -> bool:
        """Whether there has been a reset."""
        return self._simulator is not None

    @property
    def simulator(self) -> Simulator:
        """The simulator underneath, to look at; before the first reset there is none."""
        if self._simulator is None:
            raise gymnasium.error.ResetNeeded("Call reset() first: before it there are no cars.")
        return self._simulator

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start new episodes, of all cars or of those in `options["reset_mask"]`.

        Args:
            seed: a number (car i gets seed + i) or one per car; None goes on with each car's own chance.
            options: any of track (a name among the environment's tracks), start_fraction (0 to 1 of the
            track),
                start_lateral_m (left positive), reversed, reset_mask ((N,) bool).
        """
        start, reset_mask = start_of(options, self.tracks)
        mask = reset_mask_of(reset_mask, self.num_envs)
        if self._simulator is None and not mask.all():
            raise SimulationError("The first reset() is for all cars: leave reset_mask out.")
        self._seed(self._seeds_of(seed), mask)
        self._start_episodes(mask, **start)
        return self._observations(), self._infos(mask)

    def step(self, actions: Any) -> Step:
        """One step of every car: observations, rewards, terminated, truncated, infos."""
        if self.autoreset_mode is AutoresetMode.NEXT_STEP:
            # Cars whose episode ended in the step before ignore their action and start a new one.
            waiting = self._over
            rewards, terminated, truncated = self.advance(actions, waiting)
            if waiting.any():
                self._start_episodes(waiting)
            return self._observations(), rewards, terminated, truncated, self._infos()
        rewards, terminated, truncated = self.advance(actions)
        if self.autoreset_mode is AutoresetMode.DISABLED or not self._over.any():
            return self._observations(), rewards, terminated, truncated, self._infos()
        ended = self._over
        final_obs = np.full(self.num_envs, None, dtype=object)
        for car in np.flatnonzero(ended).tolist():
            final_obs[car] = self.observation_of(car)
        final = {
            "final_obs": final_obs,
            "_final_obs": ended,
            "final_info": self._infos(ended),
            "_final_info": ended,
        }
        self._start_episodes(ended)
        return self._observations(), rewards, terminated, truncated, {**self._infos(), **final}

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """One (480, 640, 3) picture per car; None without a render mode."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() draws nothing. Pass render_mode='rgb_array' when making the environment.")
            return None
        return tuple(self.simulator.render(car, view=self.render_view) for car in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Release the reward function."""
        self._rewards.close()

    def advance(self, actions: Any, waiting: Mask | None = None) -> tuple[NDArray[np.float64], Mask, Mask]:
        """Move the cars that do not wait for a reset: (N,) rewards, terminated, truncated; no infos."""
        steering_deg, speed_mps = self._decode(actions)
        moved = ~self._over if waiting is None else ~waiting
        if waiting is None and self._over.any():
            over = np.flatnonzero(self._over).tolist()
            raise SimulationError(f"The episodes of cars {over} are over. Call reset() before the next step().")
        simulator = self.simulator
        simulator.step(steering_deg, speed_mps)
        rewards = self._rewards.compute(simulator.measurements, moved)
        terminated = simulator.terminated & moved
        truncated = (simulator.truncated | (simulator.cars.records["steps"] >= self._max_episode_steps)) & moved
        self._over = terminated | truncated
        self._observer.push(simulator.readings())
        return rewards, terminated, truncated

    def info_of(self, car: int) -> dict[str, Any]:
        """The info of one car, in plain Python values."""
        simulator = self.simulator
        row = simulator.measurements[car].tolist()
        info: dict[str, Any] = {name: row[place] for name, place in INFO_COLUMNS.items()}
        info["status"] = STATUS_NAMES[int(row[Column.STATUS])]
        info["laps"] = int(simulator.cars.laps[car])
        info["lap_time_s"] = float(simulator.cars.last_lap_time_s[car])
        info["track"] = self._track_names[int(row[Column.TRACK_INDEX])]
        info["is_reversed"] = row[Column.IS_REVERSED] != 0.0
        return info

    def observation_of(self, car: int | slice) -> Observation:
        """A fresh copy of what one car sees, or several together."""
        seen = {sensor: values[car].copy() for sensor, values in self._observer.current.items()}
        return seen[self.sensors[0]] if len(seen) == 1 else seen

    def _observations(self) -> Observation:
        return self.observation_of(slice(None))

    def _infos(self, mask: Mask | None = None) -> dict[str, Any]:
        """As Gymnasium batches infos: an array per key, zeros where the mask is False, `_key` the mask."""
        simulator = self.simulator
        rows = simulator.measurements.copy()
        if mask is not None:
            rows[~mask] = 0.0
        infos: dict[str, Any] = {name: rows[:, place] for name, place in INFO_COLUMNS.items()}
        infos["status"] = STATUS_NAMES[rows[:, Column.STATUS].astype(np.intp)]
        infos["laps"] = simulator.cars.laps.copy()
        infos["lap_time_s"] = simulator.cars.last_lap_time_s.copy()
        infos["track"] = self._track_names[rows[:, Column.TRACK_INDEX].astype(np.intp)]
        infos["is_reversed"] = rows[:, Column.IS_REVERSED] != 0.0
        if mask is not None:
            infos["status"][~mask] = infos["track"][~mask] = None
            infos["laps"][~mask] = 0
            infos["lap_time_s"][~mask] = 0.0
        told = np.ones(self.num_envs, dtype=np.bool_) if mask is None else mask.copy()
        return infos | {f"_{name}": told for name in infos}

    def _seeds_of(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        """One seed or None per car; at the first reset this environment's chance fills the gaps."""
        if isinstance(seed, int | np.integer):
            seeds: list[int | None] = [int(seed) + car for car in range(self.num_envs)]
        else:
            seeds = [None] * self.num_envs if seed is None else list(seed)
        if len(seeds) != self.num_envs:
            raise SettingsError(f"{len(seeds)} seeds for {self.num_envs} cars: give one number, or one per car.")
        if seeds[0] is not None:
            super().reset(seed=seeds[0])
        if self._simulator is None:
            drawn = self.np_random.integers(2**63, size=self.num_envs).tolist() if None in seeds else seeds
            seeds = [other if given is None else given for given, other in zip(seeds, drawn, strict=True)]
        return seeds

    def _seed(self, seeds: Sequence[int | None], mask: Mask) -> None:
        """Begin anew the chance and the reward's memory of the cars in the mask that get a seed."""
        hashed = {
            car: int(np.random.SeedSequence(seeds[car]).generate_state(1, np.uint64)[0])
            for car in np.flatnonzero(mask).tolist()
            if seeds[car] is not None
        }
        for car, value in hashed.items():
            self._track_draws[car] = np.random.default_rng(value)
            self._car_seeds[car] = value
            self._is_new[car] = True
        if hashed:
            self._rewards.forget(hashed)
        if self._simulator is None:
            self._simulator = open_simulator(
                self.calibration,
                self.tracks,
                self.simulator_settings.for_lidar(self.lidar_config),
                seeds=self._car_seeds,
                start_fraction=0.0,
                sensors=self.sensors,
            )

    def _start_episodes(self, mask: Mask, *, track_index: int | None = None, **start: Any) -> None:
        """New episodes for the cars in the mask, each on a track it draws unless one is given."""
        tracks = self._tracks_for(mask, track_index)
        fresh = mask & self._is_new
        if fresh.any():
            self.simulator.reset(fresh, seeds=self._car_seeds, track_index=tracks, **start)
        going_on = mask & ~fresh
        if going_on.any():
            self.simulator.reset(going_on, track_index=tracks, **start)
        self._is_new[mask] = False
        self._over = self._over & ~mask
        self._observer.renew(mask, self.simulator.readings())

    def _tracks_for(self, mask: Mask, given: int | None) -> NDArray[np.int64]:
        """(N,) tracks for the cars in the mask. The first car of a world draws one when the whole world starts anew."""
        tracks = self.simulator.cars.track_index.astype(np.int64)
        if given is not None:
            tracks[mask] = given
        elif len(self.tracks) > 1:
            worlds = tracks.reshape(-1, self._cars_per_world)
            for world in np.flatnonzero(mask.reshape(worlds.shape).all(axis=1)):
                worlds[world] = self._track_draws[world * self._cars_per_world].integers(len(self.tracks))
        return tracks
