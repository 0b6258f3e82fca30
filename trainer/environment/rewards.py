"""Where the environments' rewards come from: the user's function in this process, or in isolated workers.

In this process a reward costs about ten microseconds and may be any callable: it is the code of who runs the
environment. Training uses the isolated workers of `trainer.rewards`, and so may an environment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.errors import SettingsError
from trainer.rewards.batch import COLUMNS, roads_of
from trainer.rewards.catalogue import find_reward, open_rewards
from trainer.rewards.chance import own_chance_kept
from trainer.rewards.instances import Instances
from trainer.rewards.params import ParamsBuilder
from trainer.rewards.program import Program, RewardFunction, RewardSource, read_reward
from trainer.tracks import Track

Reward = str | Path | Callable[[dict[str, Any]], float]


class EnvironmentRewards(Protocol):
    """What an environment needs of rewards."""

    def forget(self, seeds: dict[int, int]) -> None:
        """Run the file again for these cars: car number -> the seed of its chance."""

    def compute(self, measurements: NDArray[np.float64], moved: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(N,) rewards of the cars that moved; the others' functions are not called, their reward is 0."""

    def close(self) -> None:
        """Release what is held."""


def environment_rewards(
    reward: Reward | Sequence[Reward],
    tracks: Sequence[Track],
    cars: int,
    *,
    isolated: bool,
    objects: int = 0,
    cars_per_world: int = 1,
) -> EnvironmentRewards:
    """Rewards from an example's name, a file or a callable, or from one for every car of a world.

    objects: as `open_rewards` has it.
    """
    if isinstance(reward, str | Path) or callable(reward):
        return _rewards_of_one(reward, tracks, cars, isolated, objects)
    if len(reward) != cars_per_world:
        raise SettingsError(
            f"{len(reward)} rewards are given, and cars that share a road are {cars_per_world} (race.cars_per_world). "
            "Give one reward for all of them, or one for each."
        )
    share = cars // cars_per_world
    with ExitStack() as opened:  # one that is refused leaves no worker of the others behind
        places = []
        for one in reward:
            places.append(opened.enter_context(closing(_rewards_of_one(one, tracks, share, isolated, objects))))
        opened.pop_all()
        return RewardsByPlace(places)


def _rewards_of_one(
    reward: Reward, tracks: Sequence[Track], cars: int, isolated: bool, objects: int
) -> EnvironmentRewards:
    if not isolated:
        return OwnRewards(reward, tracks, cars)
    if callable(reward):
        raise SettingsError(
            "A callable cannot be isolated. Put the reward function into a file, or leave isolated out."
        )
    return IsolatedRewards(reward, tracks, cars, objects)


class RewardsByPlace:
    """Every car of a world has rewards of its own, by its place there: all worlds have equally many cars."""

    def __init__(self, places: Sequence[EnvironmentRewards]) -> None:
        """places: each for as many cars as there are worlds."""
        self._places = places

    def forget(self, seeds: dict[int, int]) -> None:
        count = len(self._places)
        for place, rewards in enumerate(self._places):
            if mine := {car // count: seed for car, seed in seeds.items() if car % count == place}:
                rewards.forget(mine)

    def compute(self, measurements: NDArray[np.float64], moved: NDArray[np.bool_]) -> NDArray[np.float64]:
        count, found = len(self._places), np.zeros(len(moved))
        for place, rewards in enumerate(self._places):
            found[place::count] = rewards.compute(measurements[place::count], moved[place::count])
        return found

    def close(self) -> None:
        for rewards in self._places:
            rewards.close()


class OwnRewards:
    """Rewards computed in this process, one module per car."""

    def __init__(self, reward: Reward, tracks: Sequence[Track], cars: int) -> None:
        self._program = GivenFunction(reward) if callable(reward) else Program(read_reward(find_reward(reward)))
        self._builder = ParamsBuilder(COLUMNS, roads_of(tracks))
        self._cars = [self._fresh(0) for _ in range(cars)]

    def forget(self, seeds: dict[int, int]) -> None:
        for car, seed in seeds.items():
            self._cars[car] = self._fresh(seed)

    def compute(self, measurements: NDArray[np.float64], moved: NDArray[np.bool_]) -> NDArray[np.float64]:
        rewards = np.zeros(len(moved))
        with own_chance_kept(self._program.uses_chance):
            for car, row in enumerate(measurements.tolist()):
                if moved[car]:
                    rewards[car] = self._cars[car].reward(0, row)
        return rewards

    def close(self) -> None:
        pass

    def _fresh(self, seed: int) -> Instances:
        # Every car is car 0 of its own instances: so a car of a batch draws the chance that a single one
        # would.
        return Instances(self._program, [0], self._builder, COLUMNS, seed)


class IsolatedRewards:
    """Rewards computed in worker processes without network, files or much memory."""

    def __init__(self, reward: str | Path, tracks: Sequence[Track], cars: int, objects: int) -> None:
        self._pool = open_rewards(reward, tracks, cars=cars, seed=0, objects=objects)
        self._initial = self._pool.snapshot()

    def forget(self, seeds: dict[int, int]) -> None:
        remembered = self._pool.snapshot()
        self._pool.restore([self._initial[car] if car in seeds else state for car, state in enumerate(remembered)])

    def compute(self, measurements: NDArray[np.float64], moved: NDArray[np.bool_]) -> NDArray[np.float64]:
        return self._pool.compute(measurements, ~moved)

    def close(self) -> None:
        self._pool.close()


class GivenFunction(Program):
    """A Python callable in place of a reward file. All cars share it and whatever it remembers."""

    def __init__(self, function: RewardFunction) -> None:
        self.source = RewardSource(getattr(function, "__name__", "the reward function"), "")
        self.uses_chance = False
        self.older_keys = ()
        self._given = function

    def start(self, name: str) -> tuple[ModuleType, RewardFunction]:
        """The function, in an empty module."""
        return ModuleType(name), self._given
