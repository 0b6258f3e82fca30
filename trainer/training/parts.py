"""A training put together from its settings: what learns, what drives, what judges."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.calibrated_car import open_simulator
from trainer.config import TrainingSettings
from trainer.race_types import SELF
from trainer.rewards.batch import Rewards
from trainer.rewards.catalogue import open_rewards
from trainer.runs.run_folder import RunFolder
from trainer.tracks import Track
from trainer.training.cars import TrainingCars
from trainer.training.course import course_tracks
from trainer.training.curriculum import Curriculum
from trainer.training.field import Field, lidar_of, sensors_of
from trainer.training.frozen_self import FrozenSelf, PresentSelf
from trainer.training.learner import Learner, open_device, use_threads
from trainer.training.opponent_files import PolicyLoader, opponents_in_order
from trainer.training.opponents import Driver, Greedy, Opponents
from trainer.training.roads import Roads, with_wider_roads
from trainer.training.seats import training_seats
from trainer.training.share import Share
from trainer.training.trials import Trials

SHARES = 2  # of the cars: one is simulated while the learner decides for the other
CARS_STREAM = 0x63617273  # keeps the seeds of the training cars apart from those of trials


@dataclass(frozen=True, slots=True)
class Parts:
    """frozen: the copy of the learner that is an opponent, if one is."""

    rewards: Rewards
    learner: Learner
    cars: TrainingCars
    trials: Trials
    frozen: FrozenSelf | None


def open_parts(
    run: RunFolder,
    settings: TrainingSettings,
    opened: ExitStack,
    *,
    reward_file: Path | None,
    load_policy: PolicyLoader | None,
) -> Parts:
    """Everything that a training needs. opened: closes what has to be.

    reward_file: where the reward came from; by default the run's own copy. load_policy: opens opponents.
    """
    use_threads(settings.car.network)
    device = open_device(settings.device)
    tracks = course_tracks(settings)
    curriculum = Curriculum(settings.curriculum, settings.simulator.race)

    def rewards_for(cars: int, driven: Sequence[Track]) -> Rewards:
        return opened.enter_context(
            open_rewards(
                reward_file or run.reward_path,
                driven,
                cars=cars,
                seed=settings.seed,
                settings=settings.reward_worker,
                log_path=run.log_path,
                objects=settings.simulator.race.object_count,
            )
        )

    driven = with_wider_roads(tracks, curriculum.width_factors())
    rewards = rewards_for(settings.learners, driven)
    learner = Learner(settings.car, settings.hyperparameters, cars=settings.learners, seed=settings.seed, device=device)
    frozen = None
    if SELF in settings.opponents.models:
        frozen = FrozenSelf(settings.car, seed=settings.seed, device=device)
    named = _named(run, settings, load_policy)
    drivers = _all_of(named, frozen)
    cars = TrainingCars(
        _shares(settings, tracks, curriculum, drivers),
        driven,
        curriculum,
        rewards,
        opened.enter_context(ThreadPoolExecutor(SHARES, "simulator")),
        episodes_per_iteration=settings.hyperparameters.num_episodes_between_training,
    )
    present = PresentSelf(settings.car, learner)
    met = [present] if settings.opponents.learn_together else _all_of(named, present)
    judged = settings.evaluation.best_by == "reward"
    trials = Trials(settings, tracks, rewards_for(settings.evaluation_trials, tracks) if judged else None, met)
    return Parts(rewards, learner, cars, trials, frozen)


def _shares(
    settings: TrainingSettings, tracks: Sequence[Track], curriculum: Curriculum, drivers: Sequence[Driver]
) -> list[Share]:
    """The worlds of a training in two shares, or one where there is one world."""
    chance = np.random.SeedSequence((settings.seed, CARS_STREAM))
    seeds = chance.generate_state(settings.cars, np.uint64)
    simulated = settings.simulator.changed(threads=1).for_lidar(lidar_of(settings.car.lidar_config(), drivers))
    shares: list[Share] = []
    first_car = first_row = 0
    for number, worlds in enumerate(np.array_split(np.arange(settings.worlds), min(SHARES, settings.worlds))):
        seats = training_seats(settings, len(worlds))
        roads = Roads(settings.race, tracks, curriculum, worlds, settings.worlds)
        simulator = open_simulator(
            settings.calibration,
            roads.tracks,
            simulated,
            seeds=seeds[first_row : first_row + len(seats)],
            world_index=seats.world_index,
            track_index=roads.first_tracks()[seats.world_index],
            start_fraction=worlds[seats.world_index] / settings.worlds,
            car=settings.car.car_model(),
            sensors=sensors_of(settings.car.sensors, drivers),
        )
        opponents = Opponents(drivers, seats, (settings.seed, number))
        observer = settings.car.observer(len(seats.ours))
        field = Field(simulator, seats, settings.car.action_space(), observer, opponents)
        cars = slice(first_car, first_car + len(seats.ours))
        shares.append(Share(field, roads, cars, world_steps=settings.hyperparameters.world_steps))
        first_car, first_row = cars.stop, first_row + len(seats)
    return shares


def _named(run: RunFolder, settings: TrainingSettings, load_policy: PolicyLoader | None) -> list[Driver | None]:
    """The drivers that opponents.models name, in their order; None for the policy itself."""
    paths = opponents_in_order(run, settings.opponents.models)
    if any(paths):
        assert load_policy is not None, "whoever trains against models says how they are opened"
    return [Greedy(load_policy(path)) if path is not None and load_policy is not None else None for path in paths]


def _all_of(named: Sequence[Driver | None], oneself: Driver | None) -> list[Driver]:
    """The same with the policy itself in its places."""
    drivers = (oneself if driver is None else driver for driver in named)
    return [driver for driver in drivers if driver is not None]
