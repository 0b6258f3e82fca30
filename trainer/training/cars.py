"""The cars that gather experience: simulator, rewards, observations and episode log, step by step together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.actions import ActionSpace
from shared.observation import Observer
from trainer.rewards.batch import Rewards
from trainer.runs.episode_log import EpisodeLog, EpisodeRecord
from trainer.simulator import Simulator
from trainer.tracks import Track
from trainer.training.learner import Learner


def commands(action_space: ActionSpace, actions: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steering angles in degrees and speeds in m/s, (N,) each, of chosen actions: (N,) indices or (N, 2)."""
    if action_space.kind == "discrete":
        steering_deg, speed_mps = action_space.arrays()
        return steering_deg[actions], speed_mps[actions]
    return action_space.scale(actions)


@dataclass(frozen=True, slots=True)
class Drive:
    """One rollout's worth of driving. simulating_s, rewarding_s: how much of the time went where."""

    steps: int
    records: tuple[EpisodeRecord, ...]
    mean_reward: float
    simulating_s: float
    rewarding_s: float


class TrainingCars:
    """N cars that drive as the learner explores; every finished episode is followed by the next at once."""

    def __init__(
        self,
        simulator: Simulator,
        rewards: Rewards,
        tracks: Sequence[Track],
        action_space: ActionSpace,
        observer: Observer,
        *,
        episodes_per_iteration: int,
        world_steps: int,
    ) -> None:
        """observer: of as many cars.

        world_steps: a car's world changes after so many steps of its episode; 0: only between episodes.
        """
        self._simulator = simulator
        self._rewards = rewards
        self._world_steps = world_steps
        self._turns = np.arange(len(simulator))  # not all worlds change at the same step
        self._tracks_rotate = len(tracks) > len(simulator)
        self._action_space = action_space
        self._observer = observer
        self._log = EpisodeLog(tracks, cars=len(simulator), episodes_per_iteration=episodes_per_iteration)

    @property
    def observation(self) -> Mapping[str, NDArray[Any]]:
        """What every car sees now, (N, …) by sensor."""
        return self._observer.current

    def start(self) -> None:
        """Put every car at the start of its first episode."""
        everyone = np.ones(len(self._simulator), dtype=bool)
        self._simulator.reset()
        self._observer.push(self._simulator.readings())
        self._log.begin(everyone, self._simulator.measurements)

    def drive(
        self, learner: Learner, steps_so_far: int, episodes_wanted: int | None, pulse: Callable[[], None]
    ) -> Drive:
        """Drive until the learner has enough or that many episodes ended. pulse: called at every step."""
        simulating_s = rewarding_s = reward_sum = 0.0
        steps = 0
        records: list[EpisodeRecord] = []
        while not learner.has_enough and (episodes_wanted is None or len(records) < episodes_wanted):
            pulse()
            actions = learner.act(self.observation, steps_so_far + steps)
            begun = time.perf_counter()
            self._change_worlds()
            self._simulator.step(*commands(self._action_space, actions))
            simulating_s += time.perf_counter() - begun

            begun = time.perf_counter()
            self._rewards.begin(self._simulator.measurements)  # meanwhile, what needs no rewards
            terminated, truncated = self._simulator.terminated.copy(), self._simulator.truncated.copy()
            done = terminated | truncated
            self._observer.push(self._simulator.readings())
            rewards = self._rewards.finish()
            rewarding_s += time.perf_counter() - begun

            records += self._log.step(self._simulator.measurements, actions, rewards, done)
            learner.take_in(rewards, terminated, truncated, self.observation)
            if done.any():
                begun = time.perf_counter()
                self._simulator.reset(done, track_index=self._next_tracks())
                simulating_s += time.perf_counter() - begun
                self._observer.renew(done, self._simulator.readings())
                self._log.begin(done, self._simulator.measurements)
            steps += len(rewards)
            reward_sum += float(rewards.sum())
        return Drive(steps, tuple(records), reward_sum / steps, simulating_s, rewarding_s)

    def _change_worlds(self) -> None:
        """Another world around some of the cars, long before they have driven a lap in the one they know."""
        if self._world_steps:
            due = (self._simulator.cars.steps.astype(np.int64) + self._turns) % self._world_steps == 0
            if due.any():
                self._simulator.redraw(due)

    def _next_tracks(self) -> NDArray[np.int64] | None:
        """With more tracks than cars, a car that starts again does so on a track that nobody is on."""
        if not self._tracks_rotate:
            return None
        tracks = self._simulator.cars.track_index
        return np.asarray((tracks + len(tracks)) % len(self._simulator.tracks), dtype=np.int64)

    def take_trace(self) -> dict[int, NDArray[np.float64]]:
        """Step rows of traced episodes since the last call, by iteration."""
        return self._log.take_trace()

    def state(self) -> dict[str, Mapping[str, NDArray[Any]]]:
        """Copies of everything that changes, by part. Take the trace first."""
        return {
            "simulator": self._simulator.snapshot(),
            "observations": {sensor: seen.copy() for sensor, seen in self.observation.items()},
            "episodes": self._log.snapshot(),
        }

    def restore(self, parts: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
        """Go on from state()."""
        self._simulator.restore(parts["simulator"])
        self._observer.restore(parts["observations"])
        self._log.restore(dict(parts["episodes"]))
