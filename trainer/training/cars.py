"""The cars that gather experience: simulator, rewards, observations and episode log, step by step together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.rewards.batch import Rewards
from trainer.runs.episode_log import EpisodeLog, EpisodeRecord
from trainer.training.curriculum import Curriculum
from trainer.training.field import Arrays, Field
from trainer.training.learner import Learner
from trainer.training.roads import Roads
from trainer.training.seats import Mask


@dataclass(frozen=True, slots=True)
class Drive:
    """One rollout's worth of driving.

    level: of the curriculum at its end, None without one. simulating_s, rewarding_s: how much of the time went where.
    """

    steps: int
    records: tuple[EpisodeRecord, ...]
    mean_reward: float
    simulating_s: float
    rewarding_s: float
    level: float | None = None


class TrainingCars:
    """L cars that drive as the learner explores; every finished episode is followed by the next at once."""

    def __init__(
        self,
        field: Field,
        roads: Roads,
        curriculum: Curriculum,
        rewards: Rewards,
        *,
        episodes_per_iteration: int,
        world_steps: int,
    ) -> None:
        """field: ours are the cars that learn. rewards: of those.

        world_steps: a car's world changes after so many steps of its episode; 0: only between episodes.
        """
        self._field, self._simulator = field, field.simulator
        self._roads, self._curriculum = roads, curriculum
        self._rewards = rewards
        self._world_steps = world_steps
        self._turns = np.arange(len(field.seats))  # not all worlds change at the same step
        self._log = EpisodeLog(roads.tracks, cars=len(field.seats.ours), episodes_per_iteration=episodes_per_iteration)

    @property
    def observation(self) -> Arrays:
        """What every car that learns sees now, (L, …) by sensor."""
        return self._field.observation

    def start(self) -> None:
        """Put every car at the start of its first episode."""
        self._roads.prepare(self._simulator, np.zeros(self._field.seats.worlds, dtype=bool))
        self._simulator.reset()
        self._field.begin()
        self._log.begin(np.ones(len(self._field.seats.ours), dtype=bool), self._field.measurements)

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
            orders = self._field.orders(actions)
            begun = time.perf_counter()
            self._change_worlds()
            self._simulator.step(*orders)
            simulating_s += time.perf_counter() - begun

            begun = time.perf_counter()
            measured = self._field.measurements
            self._rewards.begin(measured)  # meanwhile, what needs no rewards
            terminated, truncated = self._field.endings()
            done = terminated | truncated
            self._field.look()
            rewards = self._rewards.finish()
            rewarding_s += time.perf_counter() - begun

            ended = self._log.step(measured, actions, rewards, done)
            learner.take_in(rewards, terminated, truncated, self.observation)
            self._curriculum.episodes_ended(record.progress_percent for record in ended)
            begun = time.perf_counter()
            self._begin_anew(done)
            simulating_s += time.perf_counter() - begun
            records += ended
            steps += len(rewards)
            reward_sum += float(rewards.sum())
        level = self._curriculum.level if self._curriculum.enabled else None
        return Drive(steps, tuple(records), reward_sum / steps, simulating_s, rewarding_s, level)

    def _change_worlds(self) -> None:
        """Another world around some of the cars, long before they have driven a lap in the one they know."""
        if self._world_steps:
            due = (self._simulator.cars.steps.astype(np.int64) + self._turns) % self._world_steps == 0
            if due.any():
                self._simulator.redraw(due)

    def _begin_anew(self, done: Mask) -> None:
        """The next episodes of our cars in the mask (L,), and of others whose race is over."""
        field, seats = self._field, self._field.seats
        rows = field.restarting(done)
        if not rows.any():
            return
        tracks = self._roads.prepare(self._simulator, seats.whole_worlds(rows))
        self._simulator.reset(rows, track_index=None if tracks is None else tracks[seats.world_index])
        field.begin(rows)
        if done.any():
            self._log.begin(done, field.measurements)

    def take_trace(self) -> dict[int, NDArray[np.float64]]:
        """Step rows of traced episodes since the last call, by iteration."""
        return self._log.take_trace()

    def state(self) -> dict[str, Mapping[str, NDArray[Any]]]:
        """Copies of everything that changes, by part. Take the trace first."""
        return {
            **self._field.state(),
            "episodes": self._log.snapshot(),
            "curriculum": self._curriculum.state(),
        }

    def restore(self, parts: Mapping[str, Arrays]) -> None:
        """Go on from state()."""
        self._field.restore(parts)
        self._log.restore(dict(parts["episodes"]))
        self._curriculum.restore(parts["curriculum"])
