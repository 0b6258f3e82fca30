"""What isolating reward functions costs: the same training with them isolated and inside the trainer.

Both trainings of a pair are the same to the last bit, so their times compare; which goes first alternates.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.harness import Benchmark, Context

if TYPE_CHECKING:
    from trainer.rewards.batch import Rewards
    from trainer.stopping import StopRequest
    from trainer.training import Standing

CARS = 64
SHORT_PAIRS, SHORT_STEPS = 6, 24_576
FULL_PAIRS, FULL_STEPS = 20, 81_920
WARM_UP_STEPS = 4_096
CALLS = 300


class StopAfter:
    """A watcher that ends the training after so many steps and says nothing."""

    def __init__(self, steps: int, stop: StopRequest) -> None:
        self._steps, self._stop = steps, stop

    def say(self, sentence: str) -> None:
        """Not wanted here."""

    def pulse(self) -> None:
        """Not wanted here."""

    def updated(self, standing: Standing, *_: Any) -> None:
        """A rollout was driven and learnt from."""
        self._stop.wanted = standing.steps >= self._steps

    def evaluated(self, *_: Any, **__: Any) -> None:
        """Never happens: the next evaluation is far away."""


def run(context: Context) -> Mapping[str, float]:
    """The median over pairs of trainings, and what one step of 64 cars costs by itself."""
    pairs, steps = (FULL_PAIRS, FULL_STEPS) if context.full else (SHORT_PAIRS, SHORT_STEPS)
    training_seconds(context.folder, WARM_UP_STEPS, isolated=True)
    ratios = []
    for pair in range(pairs):
        times = context.store.part(
            f"pair {pair}", lambda pair=pair: pair_seconds(context.folder, steps, pair)
        )
        ratios.append(times["isolated"] / times["in process"])
        context.say(f"pair {pair + 1} of {pairs}: {times['isolated']:.2f} s over {times['in process']:.2f} s")
    return {
        "isolated_over_in_process": float(np.median(ratios)),
        "lowest_pair": min(ratios),
        "highest_pair": max(ratios),
        "isolated_us_per_step": 1e6 * step_seconds(isolated=True),
        "in_process_us_per_step": 1e6 * step_seconds(isolated=False),
    }


def pair_seconds(folder: Path, steps: int, pair: int) -> dict[str, float]:
    """Seconds of the same training both ways."""
    ways = [("isolated", True), ("in process", False)]
    return {
        name: training_seconds(folder, steps, isolated=isolated)
        for name, isolated in (ways if pair % 2 == 0 else reversed(ways))
    }


def training_seconds(folder: Path, steps: int, *, isolated: bool) -> float:
    """From opening everything to the last step, with the default settings and the default example."""
    from trainer.config import EvaluationSettings, TrainingSettings
    from trainer.rewards.settings import RewardSettings
    from trainer.run_starting import start_run
    from trainer.stopping import StopRequest
    from trainer.training import train

    settings = TrainingSettings(
        cars=CARS,
        reward_worker=RewardSettings(isolated=isolated),
        evaluation=EvaluationSettings(every_steps=10**9),
    )
    name = f"reward-{time.monotonic_ns()}"
    folder_of_run, reward_file = start_run(folder, name, settings, "", "bench reward", None)
    stop = StopRequest()
    begun = time.perf_counter()
    train(folder_of_run, settings, StopAfter(steps, stop), stop, reward_file=reward_file)
    return time.perf_counter() - begun


def step_seconds(*, isolated: bool) -> float:
    """Median time of the rewards of one step while nothing else runs."""
    from trainer.rewards.catalogue import open_rewards
    from trainer.rewards.settings import RewardSettings
    from trainer.rewards.situations import Place, drive
    from trainer.tracks import DEFAULT_TRACK, load_track

    track = load_track(DEFAULT_TRACK)
    rows = np.array([drive(track, Place(car / CARS))[-1] for car in range(CARS)])
    rewards: Rewards
    with open_rewards(
        None, [track], cars=CARS, seed=0, settings=RewardSettings(isolated=isolated)
    ) as rewards:
        times = []
        for _ in range(CALLS):
            begun = time.perf_counter()
            rewards.compute(rows)
            times.append(time.perf_counter() - begun)
    return float(np.median(times))


BENCHMARK = Benchmark(
    name="reward",
    asked={"isolated_over_in_process": ("<=", 1.05)},
    short=f"{SHORT_PAIRS} pairs of trainings of {SHORT_STEPS:,} steps, three minutes",
    full=f"{FULL_PAIRS} pairs of trainings of {FULL_STEPS:,} steps, forty minutes",
    run=run,
)
