"""What an evaluation drives: tracks, trials, starts, worlds, penalties, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibration.profile import CalibrationProfile
from shared.cars import DEEPRACER, CarModel
from shared.errors import SettingsError
from trainer.evaluation.penalties import Penalties
from trainer.evaluation.policy import LoadedPolicy
from trainer.simulator import RandomisationSettings, SimulatorSettings, StartSettings
from trainer.simulator.race import RaceSettings
from trainer.tracks import Track
from trainer.training.room import check_fits

World = Literal["clean", "light", "strong"]
PRESET_OF_WORLD = {"clean": "off", "light": "light", "strong": "strong"}

SEED_STREAM = 0x6576616C  # keeps the worlds of evaluations apart from those of trainings with the same seed
OTHERS_STREAM = 0x6F7468657273
START_STREAM = 0x7374617274
START_LATERAL_SHARE = 0.5  # of the half width: a start further out would have wheels on the line
SLOWEST_MPS = 0.2  # a trial is given the time that a car of this speed needs
# deepracer-simapp's defaults for leaving the road and for a collision.
DEFAULT_PENALTY_S, DEFAULT_CRASH_PENALTY_S = 2.0, 5.0
DEFAULT_PENALTIES = Penalties(DEFAULT_PENALTY_S, DEFAULT_CRASH_PENALTY_S)


@dataclass(frozen=True, slots=True)
class Starts:
    """Where every trial begins; all (N,). lateral_m is NaN where the world decides, left positive.

    fraction: of the track, at the front of the start grid. opponents: (N, others) who drives the other cars, by their
    number in the plan, and other_seeds of those cars.
    """

    track_index: NDArray[np.int64]
    reversed: NDArray[np.bool_]
    fraction: NDArray[np.float64]
    lateral_m: NDArray[np.float64]
    seeds: NDArray[np.uint64]
    opponents: NDArray[np.int64]
    other_seeds: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def grid_place(self) -> NDArray[np.int64]:
        """(N,) where the trials' own cars stand in the start grid, from 1: in every trial on another place."""
        place: NDArray[np.int64] = np.arange(len(self)) % (1 + self.opponents.shape[1]) + 1
        return place


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What is driven.

    trials: per track and direction. starts: how many different places they start from; 1 is the start line.
    directions: False with the track, True against it. laps: in a row, per trial. penalty_s: None for a strict
    evaluation, which the first mistake ends; else what leaving the road costs, and crash_penalty_s what a crash
    does. mercy: a car that keeps running into the same thing is put down ahead of it. max_resets: the mistake after
    so many ends the trial. time_limit_s: None for one that suits tracks and laps. simulator: the car, its camera, and
    the boxes and bots of every trial; randomisation, rules and starts in it are replaced. in_turn: a trial has nothing
    in its way, the next one the boxes, the next one the bots, as in trainings for a mixed race. opponents: they take
    turns at the other cars of simulator.race.cars_per_world; without any, the model's car is alone. Their mistakes cost
    them the penalties, in a strict evaluation the default ones, and never their race.
    """

    tracks: tuple[Track, ...]
    trials: int = 5
    starts: int = 1
    world: World = "clean"
    directions: tuple[bool, ...] = (False,)
    laps: int = 1
    penalty_s: float | None = None
    crash_penalty_s: float = DEFAULT_CRASH_PENALTY_S
    mercy: bool = False
    max_resets: int = 100
    time_limit_s: float | None = None
    seed: int = 0
    simulator: SimulatorSettings = field(default_factory=SimulatorSettings)
    calibration: CalibrationProfile | None = None
    car: CarModel = DEEPRACER
    in_turn: bool = False
    opponents: tuple[LoadedPolicy, ...] = ()

    def __post_init__(self) -> None:
        if not self.tracks or not self.directions:
            raise SettingsError("An evaluation needs at least one track and one direction.")
        for name, value in (("trials", self.trials), ("starts", self.starts), ("laps", self.laps)):
            if not 1 <= value <= 1000:
                raise SettingsError(f"{name} is {value}; allowed is 1 to 1000.")
        if self.laps > 1 and not all(track.closed for track in self.tracks):
            raise SettingsError("A track with two ends is driven once: leave --laps at 1 for it.")
        if self.opponents and self.cars == 1:
            raise SettingsError("Opponents need simulator.race.cars_per_world of 2 or more.")
        race = self.simulator.race.changed(cars_per_world=self.cars)
        for track in self.tracks:
            check_fits(race, f"track {track.name}", track.length_m)

    def __len__(self) -> int:
        return len(self.tracks) * len(self.directions) * self.trials

    def describe(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {
            "tracks": [track.name for track in self.tracks],
            "trials": self.trials,
            "starts": self.starts,
            "world": self.world,
            "directions": ["reversed" if turned else "forward" for turned in self.directions],
            "laps": self.laps,
            "penalty_s": self.penalty_s,
            "crash_penalty_s": None if self.penalty_s is None else self.crash_penalty_s,
            "mercy": self.mercy,
            "max_resets": None if self.penalty_s is None else self.max_resets,
            "time_limit_s": self.limit_s,
            "seed": self.seed,
            "dynamics": self.simulator.dynamics.preset,
            "race": describe_race(self.simulator.race),
            "in_turn": self.in_turn,
            "cars_per_world": self.cars,
            "opponents": [{"name": opponent.name, "source": opponent.source} for opponent in self.opponents],
        }

    @property
    def cars(self) -> int:
        """That models drive in every trial."""
        return self.simulator.race.cars_per_world if self.opponents else 1

    @property
    def penalties(self) -> Penalties | None:
        """What mistakes cost; None where the first one ends the trial."""
        return None if self.penalty_s is None else Penalties(self.penalty_s, self.crash_penalty_s, self.mercy)

    @property
    def has_objects(self) -> bool:
        """Whether anything stands or drives in the way."""
        race = self.simulator.race
        return race.boxes.count + race.bots.count > 0 or bool(self.opponents)

    @property
    def limit_s(self) -> float:
        """Simulated seconds after which a trial is cut short."""
        if self.time_limit_s is not None:
            return self.time_limit_s
        longest_m = max(track.length_m for track in self.tracks)
        return float(np.ceil(self.laps * longest_m / SLOWEST_MPS))

    def settings(self) -> SimulatorSettings:
        """The simulator's settings of this plan."""
        rules = self.simulator.rules.changed(laps=self.laps, time_limit_s=self.limit_s, off_track=True)
        preset = PRESET_OF_WORLD[self.world]
        return self.simulator.changed(
            rules=rules,
            start=StartSettings(round_robin_fraction=0.0),
            randomisation=RandomisationSettings(preset=preset),
            race=self.simulator.race.changed(cars_per_world=self.cars),
        )

    def solo(self) -> EvaluationPlan:
        """The same trials in the same worlds, with nothing in the way."""
        race = self.simulator.race
        empty = race.changed(boxes=type(race.boxes)(), bots=type(race.bots)())
        return replace(self, simulator=self.simulator.changed(race=empty), opponents=())


def describe_race(race: RaceSettings) -> dict[str, Any]:
    """What is on the road, as JSON: only what matters for the things that are there."""
    described: dict[str, Any] = {}
    for name in ("boxes", "bots", "barriers"):
        group = getattr(race, name)
        described[name] = group.model_dump(mode="json") if group.count else {"count": 0}
    return described


def plan_starts(plan: EvaluationPlan) -> Starts:
    """Every track, direction and trial combined; trial i starts at place i modulo their number.

    Several cars stand in a grid, and its lanes decide how far to the left.
    """
    combinations = [
        (index, turned, trial)
        for index in range(len(plan.tracks))
        for turned in plan.directions
        for trial in range(plan.trials)
    ]
    track_index = np.array([index for index, _, _ in combinations], dtype=np.int64)
    reversed_ = np.array([turned for _, turned, _ in combinations], dtype=np.bool_)
    place = np.array([trial % plan.starts for _, _, trial in combinations])
    fraction, lateral_share = start_places(plan)
    lateral_m = np.full(len(combinations), np.nan)
    if plan.starts > 1 and plan.cars == 1:
        for i, (index, turned, _) in enumerate(combinations):
            track = plan.tracks[index]
            left_m, right_m = track.half_widths_m(fraction[place[i]] * track.length_m)
            share = lateral_share[place[i]] * (-1 if turned else 1)  # of the road's own left
            lateral_m[i] = share * (left_m if share > 0 else right_m) * (-1 if turned else 1)
    count, others = len(combinations), plan.cars - 1
    opponents = (np.arange(count)[:, None] + np.arange(others)) % max(len(plan.opponents), 1)
    return Starts(
        track_index,
        reversed_,
        fraction[place],
        lateral_m,
        seeds=drawn_seeds(plan.seed, SEED_STREAM, count),
        opponents=opponents,
        other_seeds=drawn_seeds(plan.seed, OTHERS_STREAM, count * others).reshape(count, others),
    )


def drawn_seeds(seed: int, stream: int, count: int) -> NDArray[np.uint64]:
    """(count,) of one stream of an evaluation's seed."""
    return np.random.SeedSequence((seed, stream)).generate_state(count, np.uint64).astype(np.uint64)


def start_places(plan: EvaluationPlan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fraction of the track and share of the half width per place: spread evenly, shifted by chance."""
    if plan.starts == 1:
        return np.zeros(1), np.zeros(1)
    rng = np.random.default_rng((plan.seed, START_STREAM))
    fraction = (np.arange(plan.starts) + rng.random(plan.starts)) / plan.starts
    return fraction, rng.uniform(-START_LATERAL_SHARE, START_LATERAL_SHARE, plan.starts)
