"""The cars that gather experience: simulators, rewards, observations and episode log, step by step together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.rewards.batch import Rewards
from trainer.runs.episode_log import EpisodeLog, EpisodeRecord
from trainer.tracks import Track
from trainer.training.curriculum import Curriculum
from trainer.training.field import Arrays
from trainer.training.learner import Learner
from trainer.training.share import Share


@dataclass(frozen=True, slots=True)
class Drive:
    """One rollout's worth of driving.

    level: of the curriculum at its end, None without one. simulating_s, rewarding_s: time in which the learner waited
    for the simulator and for the rewards.
    """

    steps: int
    records: tuple[EpisodeRecord, ...]
    mean_reward: float
    simulating_s: float
    rewarding_s: float
    level: float | None = None


class TrainingCars:
    """L cars that drive as the learner explores; every finished episode is followed by the next at once.

    They come in shares: while the simulator moves one, the learner decides for the next, which is a step behind or
    ahead. What is written down is put together step by step, as if all had moved at once.
    """

    def __init__(
        self,
        shares: Sequence[Share],
        tracks: Sequence[Track],
        curriculum: Curriculum,
        rewards: Rewards,
        background: Executor,
        *,
        episodes_per_iteration: int,
    ) -> None:
        """shares: together all cars that learn, in order. rewards: of those. background: where simulators run."""
        self.shares, self._curriculum, self._rewards = tuple(shares), curriculum, rewards
        self._background = background
        cars = shares[-1].cars.stop
        columns = shares[0].field.measurements.shape[1]
        self._log = EpisodeLog(tracks, cars=cars, episodes_per_iteration=episodes_per_iteration)
        self._measured = np.zeros((cars, columns))  # of the step that is being put together
        self._begun = np.zeros((cars, columns))  # of cars that were put at a start after it
        self._rewarded = np.zeros(cars)
        self._done = np.zeros(cars, dtype=bool)
        self._chosen: list[NDArray[Any]] = []
        self._simulating_s = self._rewarding_s = 0.0

    @property
    def observation(self) -> Arrays:
        """What every car that learns sees now, (L, …) by sensor."""
        seen = [share.field.observation for share in self.shares]
        return seen[0] if len(seen) == 1 else {name: np.concatenate([one[name] for one in seen]) for name in seen[0]}

    def start(self) -> None:
        """Put every car at the start of its first episode."""
        for share in self.shares:
            share.begin()
            self._begun[share.cars] = share.field.measurements
        self._log.begin(np.ones(len(self._done), dtype=bool), self._begun)

    def drive(
        self, learner: Learner, steps_so_far: int, episodes_wanted: int | None, pulse: Callable[[], None]
    ) -> Drive:
        """Drive until the learner has enough, or soon after that many episodes ended. pulse: called at every step."""
        self._simulating_s = self._rewarding_s = 0.0
        reward_sum, cars = 0.0, len(self._done)
        records: list[EpisodeRecord] = []
        try:
            for share in self.shares:
                self._set_off(share, learner, 0, steps_so_far)
            for step in count():
                pulse()
                enough = episodes_wanted is not None and len(records) >= episodes_wanted
                last = enough or step + 1 == learner.steps_between_updates
                chosen, self._chosen = self._chosen, []
                for share in self.shares:
                    self._finish(share, learner, step)
                    if not last:
                        self._set_off(share, learner, step + 1, steps_so_far + (step + 1) * cars)
                records += self._write_down(np.concatenate(chosen))
                reward_sum += float(self._rewarded.sum())
                if last:
                    break
        finally:
            self._settle()
        level = self._curriculum.level if self._curriculum.enabled else None
        steps = (step + 1) * cars
        return Drive(steps, tuple(records), reward_sum / steps, self._simulating_s, self._rewarding_s, level)

    def _set_off(self, share: Share, learner: Learner, step: int, steps: int) -> None:
        """A share decides about a step and begins to take it."""
        actions = learner.act(share.field.observation, steps, step, share.cars)
        self._chosen.append(actions)
        share.set_off(actions, self._background)

    def _finish(self, share: Share, learner: Learner, step: int) -> None:
        """A share has taken a step: rewards, what is seen now, and new episodes for those whose ended."""
        self._simulating_s += share.settle()
        begun = time.perf_counter()
        field, cars = share.field, share.cars
        self._measured[cars] = field.measurements
        others = np.ones(len(self._done), dtype=bool)
        others[cars] = False
        self._rewards.begin(self._measured, others)  # meanwhile, what needs no rewards
        terminated, truncated = field.endings()
        field.look()
        self._rewarded[cars] = self._rewards.finish()[cars]
        self._rewarding_s += time.perf_counter() - begun

        learner.take_in(step, self._rewarded[cars], terminated, truncated, field.observation, cars)
        self._done[cars] = terminated | truncated
        begun = time.perf_counter()
        share.begin_anew(self._done[cars])
        self._simulating_s += time.perf_counter() - begun
        self._begun[cars] = field.measurements

    def _write_down(self, actions: NDArray[Any]) -> list[EpisodeRecord]:
        """All shares have taken the step: the episodes that ended with it."""
        ended = self._log.step(self._measured, actions, self._rewarded, self._done)
        if self._done.any():
            self._log.begin(self._done, self._begun)
        self._curriculum.episodes_ended(record.progress_percent for record in ended)
        return ended

    def _settle(self) -> None:
        """Whatever happened, no simulator is left running."""
        self._chosen = []
        for share in self.shares:
            share.settle()

    def take_trace(self) -> dict[int, NDArray[np.float64]]:
        """Step rows of traced episodes since the last call, by iteration."""
        return self._log.take_trace()

    def state(self) -> dict[str, Mapping[str, NDArray[Any]]]:
        """Copies of everything that changes, by part. Take the trace first."""
        parts: dict[str, Mapping[str, NDArray[Any]]] = {
            f"{part}_{number}": values
            for number, share in enumerate(self.shares)
            for part, values in share.field.state().items()
        }
        return {**parts, "episodes": self._log.snapshot(), "curriculum": self._curriculum.state()}

    def restore(self, parts: Mapping[str, Arrays]) -> None:
        """Go on from state()."""
        for number, share in enumerate(self.shares):
            suffix = f"_{number}"
            share.field.restore({name.removesuffix(suffix): a for name, a in parts.items() if name.endswith(suffix)})
        self._log.restore(dict(parts["episodes"]))
        self._curriculum.restore(parts["curriculum"])
