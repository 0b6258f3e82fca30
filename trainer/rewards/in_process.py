"""Reward functions run inside the trainer: for tests, debugging and measuring what isolation costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from trainer.rewards.batch import COLUMNS, Floats, Mask, check_count, roads_of
from trainer.rewards.chance import own_chance_kept
from trainer.rewards.instances import Instances
from trainer.rewards.params import ParamsBuilder
from trainer.rewards.program import Program, RewardSource
from trainer.tracks import Track

IN_PROCESS = "reward isolation: none (reward_worker.isolated is off): the file runs inside the trainer"


class InProcessRewards:
    """The same without processes, isolation or limits. For tests, debugging and measuring the difference."""

    isolation = IN_PROCESS
    seconds_per_call = 0.0

    def __init__(self, source: RewardSource, tracks: Sequence[Track], *, cars: int, seed: int, first_car: int) -> None:
        builder = ParamsBuilder(COLUMNS, roads_of(tracks))
        self._program = Program(source)
        self._instances = Instances(self._program, range(first_car, first_car + cars), builder, COLUMNS, seed)
        self._missing = ""
        self._rewards = np.zeros(cars)

    @property
    def bit_exact(self) -> tuple[bool, str]:
        return not self._missing, self._missing

    def begin(self, measurements: Floats, new_episode: Mask | None = None) -> None:
        self._rewards = self.compute(measurements, new_episode)

    def finish(self) -> Floats:
        return self._rewards

    def compute(self, measurements: Floats, new_episode: Mask | None = None) -> Floats:
        skipped = [False] * len(measurements) if new_episode is None else new_episode.tolist()
        reward = self._instances.reward
        with own_chance_kept(self._program.uses_chance):
            return np.array(
                [
                    0.0 if skip else reward(car, row)
                    for car, (row, skip) in enumerate(zip(measurements.tolist(), skipped))
                ]
            )

    def snapshot(self) -> list[bytes | None]:
        saved = self._instances.save()
        self._missing = next((reason for _, reason in saved if reason), "")
        return [data for data, _ in saved]

    def restore(self, states: Sequence[bytes | None]) -> None:
        check_count(states, len(self._instances))
        self._instances.load(states)

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
