"""Evaluate a policy: greedy trials on any tracks, all cars in one batch, with or without penalties.

Strict, the first mistake ends a trial. With penalties, as in DeepRacer's evaluations and races, a car that
left the road is put back in the nearer lane at the progress it had and stands there for the penalty; its
clock runs on. Everything follows from the plan and its seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.cars import DEEPRACER, CarModel
from shared.errors import SettingsError
from shared.observation import FrameStack
from shared.settings import load_settings
from trainer.config import TrainingSettings
from trainer.evaluation.policy import LoadedPolicy
from trainer.evaluation.results import EvaluationResult
from trainer.evaluation.trial_book import Starts, TrialBook
from trainer.simulator import (
    CameraSettings,
    EpisodeStatus,
    RandomisationSettings,
    Simulator,
    SimulatorSettings,
    StartSettings,
)
from trainer.tracks import DEFAULT_TRACK, Track, load_track
from trainer.training.course import course_tracks

World = Literal["clean", "light", "strong"]
PRESET_OF_WORLD = {"clean": "off", "light": "light", "strong": "strong"}

SEED_STREAM = 0x6576616C  # keeps the worlds of evaluations apart from those of trainings with the same seed
START_STREAM = 0x7374617274
GENERATED_DRIVEN = 4  # of the tracks a generalist was trained on
START_LATERAL_SHARE = 0.5  # of the half width: a start further out would have wheels on the line
DEFAULT_PENALTY_S = 2.0  # deepracer-simapp's default for leaving the road
SLOWEST_MPS = 0.2  # a trial is given the time that a car of this speed needs

# What a car is put back for, as DeepRacer does; only the first two cost time.
MISTAKES = (EpisodeStatus.OFF_TRACK, EpisodeStatus.CRASHED, EpisodeStatus.REVERSED, EpisodeStatus.IMMOBILIZED)


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What is driven.

    trials: per track and direction. starts: how many different places they start from; 1 is the start line.
    directions: False with the track, True against it. laps: in a row, per trial. penalty_s: None for a strict
    evaluation; else what leaving the road costs. max_resets: the mistake after so many ends the trial.
    time_limit_s: None for one that suits tracks and laps. simulator: the car and its camera; randomisation,
    rules and starts in it are replaced.
    """

    tracks: tuple[Track, ...]
    trials: int = 5
    starts: int = 1
    world: World = "clean"
    directions: tuple[bool, ...] = (False,)
    laps: int = 1
    penalty_s: float | None = None
    max_resets: int = 100
    time_limit_s: float | None = None
    seed: int = 0
    simulator: SimulatorSettings = field(default_factory=SimulatorSettings)
    car: CarModel = DEEPRACER

    def __post_init__(self) -> None:
        if not self.tracks or not self.directions:
            raise SettingsError("An evaluation needs at least one track and one direction.")
        for name, value in (("trials", self.trials), ("starts", self.starts), ("laps", self.laps)):
            if not 1 <= value <= 1000:
                raise SettingsError(f"{name} is {value}; allowed is 1 to 1000.")
        if self.laps > 1 and not all(track.closed for track in self.tracks):
            raise SettingsError("A track with two ends is driven once: leave --laps at 1 for it.")

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
            "max_resets": None if self.penalty_s is None else self.max_resets,
            "time_limit_s": self.limit_s,
            "seed": self.seed,
            "dynamics": self.simulator.dynamics.preset,
        }

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
        )


class Observer(Protocol):
    """Who looks on, for example to film. Called by `evaluate` in its own loop."""

    def begin(self, simulator: Simulator) -> None:
        """Every car stands at its start."""

    def step(
        self,
        simulator: Simulator,
        pictures: NDArray[np.uint8],
        output: NDArray[np.float32],
        active: NDArray[np.bool_],
    ) -> None:
        """The active cars (N,) saw pictures (N, C, 120, 160), answered `output` and have taken the step."""


def evaluate(
    policy: LoadedPolicy,
    plan: EvaluationPlan,
    *,
    observers: Sequence[Observer] = (),
    now: Callable[[], float] = time.time,
) -> EvaluationResult:
    """Drive every trial of the plan to its end.

    observers: see every step. now: the wall clock that goes into the trace, and into nothing else.
    """
    starts = plan_starts(plan)
    simulator = Simulator(
        plan.tracks, plan.settings(), seeds=starts.seeds, track_index=starts.track_index, car=plan.car
    )
    simulator.reset(start_fraction=starts.fraction, start_lateral_m=starts.lateral_m, reversed=starts.reversed)
    stack = FrameStack(policy.stack_size, len(starts))
    pictures = stack.push(simulator.camera)
    book = TrialBook(plan.tracks, simulator.measurements, laps=plan.laps, now=now)
    active = np.ones(len(starts), dtype=np.bool_)
    for observer in observers:
        observer.begin(simulator)
    while active.any():
        output = policy.act(pictures)
        steering_deg, speed_mps = policy.action_space.decode_batch(output)
        simulator.step(steering_deg, speed_mps)
        over = (simulator.terminated | simulator.truncated) & active
        put_back = over & may_go_on(simulator, plan, book)
        book.step(simulator, chosen(policy, output), active, put_back, over & ~put_back)
        for observer in observers:
            observer.step(simulator, pictures, output, active)
        if put_back.any():
            return_to_road(simulator, put_back, plan)
            stack.reset(put_back)
        active &= ~over | put_back
        pictures = stack.push(simulator.camera)
    return EvaluationResult(
        policy=policy.name,
        source=policy.source,
        plan=plan.describe(),
        trials=book.trials(starts),
        records=book.records(),
        trace=book.trace(),
    )


def chosen(policy: LoadedPolicy, output: NDArray[np.float32]) -> NDArray[np.float64]:
    """The actions of an output as a trace holds them: (N,) indices, or (N, 2) in -1..1."""
    if policy.action_space.kind == "discrete":
        best: NDArray[np.float64] = output.argmax(axis=1).astype(np.float64)
        return best
    limited: NDArray[np.float64] = np.clip(output.astype(np.float64), -1.0, 1.0)
    return limited


def plan_starts(plan: EvaluationPlan) -> Starts:
    """Every track, direction and trial combined; trial i starts at place i modulo their number."""
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
    if plan.starts > 1:
        for i, (index, turned, _) in enumerate(combinations):
            track = plan.tracks[index]
            left_m, right_m = track.half_widths_m(fraction[place[i]] * track.length_m)
            share = lateral_share[place[i]] * (-1 if turned else 1)  # of the road's own left
            lateral_m[i] = share * (left_m if share > 0 else right_m) * (-1 if turned else 1)
    sequence = np.random.SeedSequence((plan.seed, SEED_STREAM))
    seeds = sequence.generate_state(len(combinations), np.uint64).astype(np.uint64)
    return Starts(track_index, reversed_, fraction[place], lateral_m, seeds)


def start_places(plan: EvaluationPlan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fraction of the track and share of the half width per place: spread evenly, shifted by chance."""
    if plan.starts == 1:
        return np.zeros(1), np.zeros(1)
    rng = np.random.default_rng((plan.seed, START_STREAM))
    fraction = (np.arange(plan.starts) + rng.random(plan.starts)) / plan.starts
    return fraction, rng.uniform(-START_LATERAL_SHARE, START_LATERAL_SHARE, plan.starts)


def may_go_on(simulator: Simulator, plan: EvaluationPlan, book: TrialBook) -> NDArray[np.bool_]:
    """(N,) cars that made a mistake which a penalty makes good."""
    if plan.penalty_s is None:
        return np.zeros(len(simulator), dtype=np.bool_)
    mistaken = np.isin(simulator.status, [int(status) for status in MISTAKES])
    return mistaken & (book.resets < plan.max_resets) & (simulator.cars.records["laps"] < plan.laps)


def return_to_road(simulator: Simulator, cars: NDArray[np.bool_], plan: EvaluationPlan) -> None:
    """Put cars back. Standing still is penalty enough for a car that stands still, as DeepRacer sees it."""
    assert plan.penalty_s is not None
    still = cars & (simulator.status == int(EpisodeStatus.IMMOBILIZED))
    if still.any():
        simulator.put_back(still, 0.0)
    if (cars & ~still).any():
        simulator.put_back(cars & ~still, plan.penalty_s)


def own_conditions(policy: LoadedPolicy) -> tuple[tuple[Track, ...], SimulatorSettings, CarModel]:
    """The tracks, the world and the car that a policy was trained with, as far as it tells."""
    if policy.run is not None:
        settings = load_settings(TrainingSettings, policy.run.settings_path)
        tracks = tuple(course_tracks(settings, limit=GENERATED_DRIVEN))
        return tracks, settings.simulator, settings.car.car_model()
    camera = policy.metadata.camera
    simulator = SimulatorSettings(
        step_s=1.0 / policy.metadata.control_rate_hz,
        camera=CameraSettings(
            horizontal_fov_deg=camera.horizontal_fov_deg, pitch_deg=camera.pitch_deg, height_m=camera.height_m
        ),
    )
    return (load_track(DEFAULT_TRACK),), simulator, DEEPRACER
