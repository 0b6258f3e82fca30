"""Greedy laps between updates, in worlds of their own: how good the policy is now, and which is the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.calibrated_car import open_simulator
from trainer.config import TrainingSettings
from trainer.rewards.batch import Rewards
from trainer.runs.episode_log import EpisodeLog, EpisodeRecord
from trainer.simulator.randomisation import RandomisationSettings
from trainer.simulator.settings import SimulatorSettings
from trainer.tracks import Track
from trainer.training.curriculum import whole_race
from trainer.training.field import Field, lidar_of, sensors_of
from trainer.training.learner import Learner
from trainer.training.opponents import Driver, Opponents
from trainer.training.roads import lay_out, mixed_kinds
from trainer.training.seats import trial_seats

TRIALS_STREAM = 0x747269616C  # keeps the seeds of trials apart from those of the training cars
NO_LAP_S = 1e6  # mean lap time where no lap was completed, as bad as can be


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of one evaluation. A trial ends when its car crashes: progress is what it got through before.

    contacts: times that cars touched something or were touched. records: one per trial; trace: every step, as the run
    folder writes it.
    """

    trials: int
    laps_complete: int
    progress_percent: float
    lap_time_s: float
    reward: float
    crashes: int
    contacts: int
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
            "crashes": self.crashes,
            "contacts": self.contacts,
        }


class Trials:
    """The evaluations of one training. Every one has fresh worlds, the same whenever the run is repeated."""

    def __init__(
        self, settings: TrainingSettings, tracks: Sequence[Track], rewards: Rewards | None, drivers: Sequence[Driver]
    ) -> None:
        """rewards: for as many cars as there are trials; None where nobody asks for the reward.

        drivers: of the cars that are not judged; none where every car has a road of its own.
        """
        self._tracks, self._rewards, self._drivers = tracks, rewards, drivers
        self._seats = trial_seats(settings)
        self._settings = settings
        self._whole_race = whole_race(settings.simulator.race)
        self._simulator = open_simulator(
            settings.calibration,
            tracks,
            trial_settings(settings).for_lidar(lidar_of(settings.car.lidar_config(), drivers)),
            seeds=np.arange(len(self._seats)),
            world_index=self._seats.world_index,
            track_index=self._seats.world_index % len(tracks),
            car=settings.car.car_model(),
            sensors=sensors_of(settings.car.sensors, drivers),
        )

    def run(self, learner: Learner, number: int, pulse: Callable[[], None]) -> Evaluation:
        """Evaluation number `number` of this training. pulse is called at every step."""
        self._start(number)
        simulator, seats, count = self._simulator, self._seats, self._seats.worlds
        log = EpisodeLog(self._tracks, cars=count, phase="evaluation", episodes_per_iteration=count, trace_every=1)
        car = self._settings.car
        opponents = Opponents(self._drivers, seats, (self._settings.seed, TRIALS_STREAM, number))
        field = Field(simulator, seats, car.action_space(), car.observer(count), opponents)
        field.begin()
        waiting = np.ones(count, dtype=bool)
        log.begin(waiting, field.measurements)
        records: list[EpisodeRecord] = []
        while waiting.any():
            pulse()
            actions = learner.best_actions(field.observation)
            simulator.step(*field.orders(actions))
            measured = field.measurements
            rewards = np.zeros(count)
            if self._rewards is not None:
                rewards = self._rewards.compute(measured, ~waiting)
            done = np.logical_or(*field.endings()) & waiting
            records += log.step(measured, actions, rewards, done)
            field.look()
            waiting &= ~done
        (trace,) = log.take_trace().values()
        return summarised(sorted(records, key=lambda record: record.trial), trace)

    def _start(self, number: int) -> None:
        """Fresh worlds, starts spread over the track; where directions alternate, half of them turned."""
        settings, seats, start = self._settings, self._seats, self._settings.simulator.start
        chance = np.random.SeedSequence((settings.seed, TRIALS_STREAM, number))
        worlds = np.arange(seats.worlds)
        turned = np.full(seats.worlds, start.reversed)
        if start.alternate_direction:
            turned[1::2] ^= True
        lay_out(self._simulator, self._whole_race, mixed_kinds(worlds, 0) if settings.race == "mixed" else None)
        self._simulator.reset(
            seeds=chance.generate_state(len(seats), np.uint64),
            start_fraction=(worlds / seats.worlds)[seats.world_index],
            reversed=turned[seats.world_index],
        )


def trial_settings(settings: TrainingSettings) -> SimulatorSettings:
    """The training's world with the randomisation of evaluations, one lap each."""
    world = settings.simulator
    rules = world.rules.changed(laps=1, crashed=True)
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
        crashes=sum(record.crash_count for record in records),
        contacts=sum(record.contacts for record in records),
        records=tuple(records),
        trace=trace,
    )
