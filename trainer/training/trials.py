"""Greedy laps between updates, in worlds of their own: how good the policy is now, and which is the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.config import TrainingSettings
from trainer.rewards.batch import Rewards
from trainer.runs.episode_log import EpisodeLog, EpisodeRecord
from trainer.simulator import Simulator
from trainer.simulator.randomisation import RandomisationSettings
from trainer.simulator.settings import SimulatorSettings
from trainer.tracks import Track
from trainer.training.cars import commands
from trainer.training.learner import Learner

TRIALS_STREAM = 0x747269616C  # keeps the seeds of trials apart from those of the training cars
NO_LAP_S = 1e6  # mean lap time where no lap was completed, as bad as can be


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of one evaluation. records: one per trial; trace: every step, as the run folder writes it."""

    trials: int
    laps_complete: int
    progress_percent: float
    lap_time_s: float
    reward: float
    records: tuple[EpisodeRecord, ...]
    trace: NDArray[np.float64]

    def score(self, best_by: str) -> tuple[float, ...]:
        """Greater is better. Equal progress is decided by the lap time."""
        if best_by == "laptime":
            return (-self.lap_time_s, self.progress_percent)
        if best_by == "reward":
            return (self.reward,)
        return (self.progress_percent, -self.lap_time_s)

    def figures(self) -> dict[str, float]:
        """For checkpoints, events and lists."""
        return {
            "trials": self.trials,
            "laps_complete": self.laps_complete,
            "progress_percent": self.progress_percent,
            "lap_time_s": self.lap_time_s,
            "reward": self.reward,
        }


class Trials:
    """The evaluations of one training. Every one has fresh worlds, the same whenever the run is repeated."""

    def __init__(self, settings: TrainingSettings, tracks: Sequence[Track], rewards: Rewards | None) -> None:
        """rewards: for as many cars as there are trials; None where nobody asks for the reward."""
        self._tracks = tracks
        self._count = settings.evaluation_trials
        self._seed = settings.seed
        self._car = settings.car
        self._alternate = settings.simulator.start.alternate_direction
        self._reversed = settings.simulator.start.reversed
        self._rewards = rewards
        self._simulator = Simulator(
            tracks,
            trial_settings(settings),
            seeds=np.arange(self._count),
            car=settings.car.car_model(),
            sensors=settings.car.sensors,
        )

    def run(self, learner: Learner, number: int, pulse: Callable[[], None]) -> Evaluation:
        """Evaluation number `number` of this training. pulse is called at every step."""
        self._start(number)
        simulator, count = self._simulator, self._count
        log = EpisodeLog(self._tracks, cars=count, phase="evaluation", episodes_per_iteration=count, trace_every=1)
        observer, waiting = self._car.observer(count), np.ones(count, dtype=bool)
        observer.push(simulator.readings())
        log.begin(waiting, simulator.measurements)
        records: list[EpisodeRecord] = []
        while waiting.any():
            pulse()
            actions = learner.best_actions(observer.current)
            simulator.step(*commands(learner.action_space, actions))
            rewards = np.zeros(count)
            if self._rewards is not None:
                rewards = self._rewards.compute(simulator.measurements, ~waiting)
            done = (simulator.terminated | simulator.truncated) & waiting
            records += log.step(simulator.measurements, actions, rewards, done)
            observer.push(simulator.readings())
            waiting &= ~done
        (trace,) = log.take_trace().values()
        return summarised(sorted(records, key=lambda record: record.trial), trace)

    def _start(self, number: int) -> None:
        """Fresh worlds, starts spread over the track; where directions alternate, half of them turned."""
        chance = np.random.SeedSequence((self._seed, TRIALS_STREAM, number))
        seeds = chance.generate_state(self._count, np.uint64)
        turned = np.full(self._count, self._reversed)
        if self._alternate:
            turned[1::2] ^= True
        self._simulator.reset(seeds=seeds, start_fraction=np.arange(self._count) / self._count, reversed=turned)


def trial_settings(settings: TrainingSettings) -> SimulatorSettings:
    """The training's world with the randomisation of evaluations, one lap each."""
    world = settings.simulator.for_lidar(settings.car.lidar_config())
    rules = world.rules.changed(laps=1)
    return world.changed(rules=rules, randomisation=RandomisationSettings(preset=settings.evaluation.world))


def summarised(records: Sequence[EpisodeRecord], trace: NDArray[np.float64]) -> Evaluation:
    """The figures of finished trials."""
    laps_s = [record.end_s - record.start_s for record in records if record.status == "lap_complete"]
    return Evaluation(
        trials=len(records),
        laps_complete=len(laps_s),
        progress_percent=float(np.mean([record.progress_percent for record in records])),
        lap_time_s=float(np.mean(laps_s)) if laps_s else NO_LAP_S,
        reward=float(np.mean([record.reward for record in records])),
        records=tuple(records),
        trace=trace,
    )
