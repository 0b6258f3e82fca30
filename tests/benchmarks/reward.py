"""What isolating reward functions costs: the same training with them isolated and inside the trainer.

Both trainings are the same to the last bit and take turns, one rollout and update each, so that a busy machine
slows both alike.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.harness import Benchmark, Context

if TYPE_CHECKING:
    from trainer.training.loop import Training

CARS = 64
SHORT_TURNS, FULL_TURNS = 80, 600
WARM_UP_TURNS = 2
CALLS = 300


class RewardTime:
    """A watcher that only adds up the time that rewards took."""

    def __init__(self) -> None:
        self.rewarding_s = 0.0

    def say(self, sentence: str) -> None:
        """Not wanted here."""

    def pulse(self) -> None:
        """Not wanted here."""

    def updated(self, standing: Any, drive: Any, report: Any) -> None:
        """A rollout was driven and learnt from."""
        self.rewarding_s += drive.rewarding_s

    def evaluated(self, *_: Any, **__: Any) -> None:
        """Never happens."""


def run(context: Context) -> Mapping[str, float]:
    """The median over pairs of turns, and what one step of 64 cars costs while nothing else runs."""
    turns = FULL_TURNS if context.full else SHORT_TURNS
    with ExitStack() as opened:
        watchers = {True: RewardTime(), False: RewardTime()}
        trainings = {
            isolated: open_training(context, watcher, opened, isolated=isolated)
            for isolated, watcher in watchers.items()
        }
        for training in trainings.values():
            for _ in range(WARM_UP_TURNS):
                turn_seconds(training)
        times = np.zeros((turns, 2))
        for turn in range(turns):
            for isolated in (True, False) if turn % 2 == 0 else (False, True):
                times[turn, 0 if isolated else 1] = turn_seconds(trainings[isolated])
            if (turn + 1) % (turns // 8) == 0:
                context.say(f"turn {turn + 1} of {turns}: {times[turn, 0]:.3f} s over {times[turn, 1]:.3f} s")
    return {
        "isolated_over_in_process": float(np.median(times[:, 0] / times[:, 1])),
        "isolated_over_in_process_in_sum": float(times[:, 0].sum() / times[:, 1].sum()),
        "rewarding_percent_isolated": 100 * watchers[True].rewarding_s / float(times[:, 0].sum()),
        "rewarding_percent_in_process": 100 * watchers[False].rewarding_s / float(times[:, 1].sum()),
        "isolated_us_per_step": 1e6 * step_seconds(isolated=True),
        "in_process_us_per_step": 1e6 * step_seconds(isolated=False),
    }


def open_training(context: Context, watcher: RewardTime, opened: ExitStack, *, isolated: bool) -> Training:
    """A new training with the default settings and the default example."""
    from trainer.config import TrainingSettings
    from trainer.rewards.settings import RewardSettings
    from trainer.training.loop import Training
    from trainer.training.run_starting import start_run
    from trainer.training.stopping import StopRequest

    settings = TrainingSettings(cars=CARS, reward_worker=RewardSettings(isolated=isolated))
    name = "isolated" if isolated else "in-process"
    folder, reward_file = start_run(context.folder, name, settings, "", "bench reward", None)
    training = Training(folder, settings, watcher, StopRequest(), opened, reward_file)
    training.begin(None)
    return training


def turn_seconds(training: Training) -> float:
    """Of one rollout of all cars and the update that learns from it."""
    begun = time.perf_counter()
    training._turn()
    return time.perf_counter() - begun


def step_seconds(*, isolated: bool) -> float:
    """Median time of the rewards of one step while nothing else runs."""
    from trainer.rewards.catalogue import open_rewards
    from trainer.rewards.settings import RewardSettings
    from trainer.rewards.situations import Place, drive
    from trainer.tracks import DEFAULT_TRACK, load_track

    track = load_track(DEFAULT_TRACK)
    rows = np.array([drive(track, Place(car / CARS))[-1] for car in range(CARS)])
    times = []
    with open_rewards(None, [track], cars=CARS, seed=0, settings=RewardSettings(isolated=isolated)) as rewards:
        for _ in range(CALLS):
            begun = time.perf_counter()
            rewards.compute(rows)
            times.append(time.perf_counter() - begun)
    return float(np.median(times))


BENCHMARK = Benchmark(
    name="reward",
    asked={"isolated_over_in_process": ("<=", 1.05)},
    short=f"two trainings that take turns, {SHORT_TURNS} rollouts and updates each, three minutes",
    full=f"two trainings that take turns, {FULL_TURNS} rollouts and updates each, twenty minutes",
    run=run,
)
