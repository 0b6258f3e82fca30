"""What a race is: the road, the laps, the penalties, and how many meet at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import SettingsError
from shared.settings import load_settings
from trainer.config import TrainingSettings
from trainer.evaluation.conditions import check_overrides
from trainer.evaluation.penalties import Penalties
from trainer.evaluation.plan import (
    DEFAULT_PENALTIES,
    PRESET_OF_WORLD,
    SLOWEST_MPS,
    World,
    describe_race,
)
from trainer.simulator import RandomisationSettings, SimulatorSettings, StartSettings
from trainer.simulator.race import MOST_CARS_PER_WORLD
from trainer.tracks import Track
from trainer.training.room import check_fits

RACE_STREAM = 0x72616365  # keeps the worlds of races apart from those of trainings and evaluations
MOST_LAPS, MOST_ROUNDS = 1000, 100


@dataclass(frozen=True, slots=True)
class RacePlan:
    """How models race.

    laps: of every round. heat_size: most cars on the road at once. rounds: of every heat; the grid changes between
    them, and their laps and times are added up. against_clock: each alone, in the same world as all others.
    penalties: what mistakes cost; they never end a race. time_limit_s: of a round, None for one that suits track and
    laps. simulator: the world, with its boxes and bots; randomisation, rules and starts in it are replaced.
    """

    track: Track
    laps: int = 3
    heat_size: int = 4
    rounds: int = 1
    against_clock: bool = False
    is_reversed: bool = False
    world: World = "clean"
    penalties: Penalties = DEFAULT_PENALTIES
    time_limit_s: float | None = None
    seed: int = 0
    simulator: SimulatorSettings = field(default_factory=SimulatorSettings)

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("laps", self.laps, 1, MOST_LAPS),
            ("rounds", self.rounds, 1, MOST_ROUNDS),
            ("heat size", self.heat_size, 2, MOST_CARS_PER_WORLD),
        ):
            if not low <= value <= high:
                raise SettingsError(f"{name} is {value}; allowed is {low} to {high}.")
        if not self.track.closed:
            raise SettingsError(f"'{self.track.name}' has two ends: nobody can race laps on it. Choose a closed track.")
        heat = self.simulator.race.changed(cars_per_world=1 if self.against_clock else self.heat_size)
        check_fits(heat, f"track {self.track.name}", self.track.length_m)

    @property
    def limit_s(self) -> float:
        """Simulated seconds after which a round is over for whoever still drives."""
        if self.time_limit_s is not None:
            return self.time_limit_s
        return math.ceil(self.laps * self.track.length_m / SLOWEST_MPS)

    def describe(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {
            "track": self.track.name,
            "direction": "reversed" if self.is_reversed else "forward",
            "laps": self.laps,
            "heat_size": self.heat_size,
            "rounds": self.rounds,
            "against_clock": self.against_clock,
            "world": self.world,
            "penalty_s": self.penalties.off_track_s,
            "crash_penalty_s": self.penalties.crash_s,
            "mercy": self.penalties.mercy,
            "time_limit_s": self.limit_s,
            "seed": self.seed,
            "dynamics": self.simulator.dynamics.preset,
            "race": describe_race(self.simulator.race),
        }

    def settings(self, model: SimulatorSettings, cars: int) -> SimulatorSettings:
        """The simulator's settings for so many cars on one road. model: who brings sensors and control rate."""
        return self.simulator.changed(
            step_s=model.step_s,
            camera=model.camera,
            lidar=model.lidar,
            rules=self.simulator.rules.changed(laps=self.laps, time_limit_s=self.limit_s, off_track=True),
            start=StartSettings(round_robin_fraction=0.0),
            randomisation=RandomisationSettings(preset=PRESET_OF_WORLD[self.world]),
            race=self.simulator.race.changed(cars_per_world=cars),
        )

    def seeds(self, stage: int, heat: int, round_index: int, cars: int) -> NDArray[np.uint64]:
        """(cars,) seeds of a round's world; against the clock everybody has the first."""
        where = (0, 0, round_index) if self.against_clock else (stage, heat, round_index)
        sequence = np.random.SeedSequence((self.seed, RACE_STREAM, *where))
        return sequence.generate_state(cars, np.uint64).astype(np.uint64)


def race_world(overrides: Sequence[str]) -> SimulatorSettings:
    """The simulator's defaults with `simulator.a.b=value` over them, but for what every model brings along."""
    brought = ("simulator.step_s", "simulator.camera.", "simulator.lidar.")
    for override in overrides:
        if override.startswith(brought):
            raise SettingsError(f"--set {override}: every model brings its own to a race.")
    check_overrides(overrides)
    return load_settings(TrainingSettings, None, overrides).simulator
