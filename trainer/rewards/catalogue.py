"""Opens a reward file for a batch of cars, isolated or not; finds the examples by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainer.rewards.batch import Rewards
from trainer.rewards.examples import DEFAULT_REWARD, find_reward, list_rewards
from trainer.rewards.in_process import InProcessRewards
from trainer.rewards.output_log import OutputLog
from trainer.rewards.pool import RewardPool
from trainer.rewards.program import read_reward
from trainer.rewards.settings import RewardSettings
from trainer.tracks import Track

__all__ = ["DEFAULT_REWARD", "find_reward", "list_rewards", "open_rewards"]


def open_rewards(
    file: Path | str | None,
    tracks: Sequence[Track],
    *,
    cars: int,
    seed: int,
    settings: RewardSettings | None = None,
    log_path: Path | None = None,
    first_car: int = 0,
    objects: int = 0,
) -> Rewards:
    """Run a reward file for a batch of cars.

    file: a path, an example's name, or None for the default. tracks: as the simulator numbers them. seed:
    of the run. log_path: where print output is appended. first_car: number of the batch's first car within
    the run, where several machines share one. objects: how many boxes, bots and other cars each row tells of
    (`settings.race.object_count` of the simulator). Close the result, or use it in a with statement.
    """
    settings = settings or RewardSettings()
    source = read_reward(find_reward(file))
    if not settings.isolated:
        return InProcessRewards(source, tracks, cars=cars, seed=seed, first_car=first_car)
    log = OutputLog(log_path, settings.log_limit_mb)
    return RewardPool(
        source, tracks, cars=cars, seed=seed, settings=settings, log=log, first_car=first_car, objects=objects
    )
