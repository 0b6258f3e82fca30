"""The settings of one training: the car that learns, where it drives, what it is rewarded for and how it
learns.

Written by people as TOML or on the command line (`--set hyperparameters.lr=0.001`); every range and default
is here. DeepRacer's hyperparameters keep their names, ranges and meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from calibration.profile import CalibrationProfile
from shared.settings import Settings
from trainer.car_settings import CarSettings
from trainer.race_types import CurriculumSettings, OpponentSettings, RaceType, filled_from_race
from trainer.rewards.settings import RewardSettings
from trainer.simulator.settings import SimulatorSettings
from trainer.tracks.generator import LENGTH_RANGE_M, TIGHTNESS_RANGE, WIDTH_RANGE_M

GENERATED_TRACKS = "generated"  # as a track's name: the tracks of [generated] instead of one from the catalogue

World = Literal["off", "light", "strong"]


# What the generator of tracks can do, by setting.
GENERATOR_RANGES = {"length_m": LENGTH_RANGE_M, "width_m": WIDTH_RANGE_M, "tightness": TIGHTNESS_RANGE}


class GeneratedTracks(Settings):
    """Fair random tracks, trained on where a track is named 'generated'."""

    count: int = Field(32, ge=1, le=1000)
    seed: int = Field(1, ge=0, description="Seed of the first; the others follow.")
    length_m: tuple[float, float] = Field((10.0, 35.0), description="Shortest and longest.")
    width_m: tuple[float, float] = Field((0.6, 1.1), description="Narrowest and widest.")
    tightness: tuple[float, float] = Field((0.2, 0.8), description="0 is gentle, 1 is twisty.")

    @field_validator("length_m", "width_m", "tightness")
    @classmethod
    def _low_before_high(cls, limits: tuple[float, float], info: ValidationInfo) -> tuple[float, float]:
        least, most = GENERATOR_RANGES[str(info.field_name)]
        if not least <= limits[0] <= limits[1] <= most:
            raise ValueError(f"wanted [low, high] within {least:g} to {most:g}, got {list(limits)}")
        return limits


# What the presets differ in. `fast` is also the default of every field.
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "fast": {},
        # Coach's clipped PPO as DeepRacer ran it: reference of names, ranges and defaults, not the quickest
        # learner.
        "deepracer": {
            "batch_size": 64,
            "num_epochs": 10,
            "lr": 3e-4,
            "discount_factor": 0.99,
            "beta_entropy": 0.01,
            "horizon": 0,
            "max_grad_norm": 0.0,
            "bootstrap_at_time_limit": False,
            "normalise_rewards": False,
            "world_steps": 0,
        },
    }
)


class Hyperparameters(Settings):
    """How PPO learns. The first nine are DeepRacer's, by name and range."""

    preset: Literal["fast", "deepracer"] = Field("fast", description="Where values not written here come from.")
    batch_size: Literal[32, 64, 128, 256, 512] = Field(256, description="Steps of one gradient.")
    num_epochs: int = Field(4, ge=3, le=10, description="Passes over each collected rollout.")
    lr: float = Field(1e-3, ge=1e-8, le=1e-3, description="Learning rate of Adam.")
    beta_entropy: float = Field(0.003, ge=0, le=1, description="Weight of the entropy: more explores more.")
    discount_factor: float = Field(0.95, ge=0, le=1, description="Worth of a reward one step later.")
    loss_type: Literal["huber", "mean squared error"] = Field("huber", description="Loss of the value estimate.")
    num_episodes_between_training: int = Field(20, ge=5, le=100, description="Episodes per update when horizon is 0.")
    exploration_type: Literal["categorical", "e_greedy"] = Field(
        "categorical",
        description="Draw from the policy; e_greedy: with a share of random actions in between.",
    )
    e_greedy_value: float = Field(0.05, ge=0, le=1, description="Random share that e_greedy ends at.")
    epsilon_steps: int = Field(10_000, ge=1, description="Steps in which that share falls from 1 to e_greedy_value.")
    horizon: int = Field(
        32,
        ge=0,
        le=4096,
        description="Steps of every car between updates; 0 collects whole episodes instead.",
    )
    gae_lambda: float = Field(0.95, ge=0, le=1, description="Generalised advantage estimation.")
    clip: float = Field(0.2, gt=0, le=1, description="How far one update may move a probability ratio.")
    target_kl: float = Field(
        0.0,
        ge=0,
        le=1,
        description="The learning rate falls while updates move the policy further than this; 0: never.",
    )
    max_grad_norm: float = Field(0.5, ge=0, description="Longest gradient; 0 is no limit.")
    bootstrap_at_time_limit: bool = Field(True, description="An episode cut by the clock is not a failure.")
    world_steps: int = Field(
        30, ge=0, description="A training car's world is drawn anew after this many steps; 0: only between episodes."
    )
    normalise_rewards: bool = Field(True, description="Divide rewards by the spread of the returns seen so far.")
    anneal_steps: int | None = Field(
        None, ge=1, description="Steps in which learning rate and entropy weight fall to anneal_to."
    )
    anneal_to: float = Field(0.1, ge=0, le=1, description="Fraction of them that is left at the end.")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, written: Any) -> Any:
        """What is written wins; the rest comes from the preset."""
        if not isinstance(written, Mapping):
            return written
        return {**PRESETS.get(str(written.get("preset", "fast")), {}), **written}

    @field_validator("loss_type", "exploration_type", mode="before")
    @classmethod
    def _deepracer_spellings(cls, value: Any) -> Any:
        """DeepRacer's services spelt these in two ways."""
        spellings = {"mean_squared_error": "mean squared error", "e-greedy": "e_greedy"}
        return spellings.get(value, value) if isinstance(value, str) else value

    def deepracer_json(self) -> dict[str, float | int | str]:
        """The content of ip/hyperparameters.json, in DeepRacer's words."""
        return {
            "batch_size": self.batch_size,
            "beta_entropy": self.beta_entropy,
            "discount_factor": self.discount_factor,
            "e_greedy_value": self.e_greedy_value,
            "epsilon_steps": self.epsilon_steps,
            "exploration_type": self.exploration_type,
            "loss_type": self.loss_type,
            "lr": self.lr,
            "num_episodes_between_training": self.num_episodes_between_training,
            "num_epochs": self.num_epochs,
            "stack_size": 1,
            "term_cond_avg_score": 100000.0,
            "term_cond_max_episodes": 100000,
        }


class StopSettings(Settings):
    """When training ends: at the first of those that are set. With none it goes on until Ctrl-C."""

    minutes: float | None = Field(None, gt=0)
    steps: int | None = Field(None, ge=1, description="Steps of all cars together.")
    episodes: int | None = Field(None, ge=1)
    target_laps: int | None = Field(None, ge=1, description="Complete laps in one evaluation.")


class EvaluationSettings(Settings):
    """The greedy laps between updates that choose the best model."""

    every_steps: int = Field(10_240, ge=1, description="Training steps between two evaluations.")
    trials: int = Field(10, ge=1, le=1000, description="Laps tried in each.")
    world: World = Field("light", description="How much each trial's world varies.")
    best_by: Literal["progress", "laptime", "reward"] = Field("progress", description="What the best model is best in.")


class TrainingSettings(Settings):
    """One training run."""

    race: RaceType = Field(
        "time_trial",
        description="Alone, among boxes, bots or another learned car; mixed: alone, boxes and bots in turn. Brings "
        "along what is not written of simulator.race, reward and opponents.",
    )
    car: CarSettings = Field(default_factory=CarSettings)
    tracks: tuple[str, ...] = Field(
        ("lapwing_loop",), min_length=1, description="Names, files, or 'generated'; cars share them out."
    )
    generated: GeneratedTracks = Field(default_factory=GeneratedTracks)
    reward: str = Field("follow_center_line", description="An example's name, or a Python file.")
    reward_worker: RewardSettings = Field(default_factory=RewardSettings)
    simulator: SimulatorSettings = Field(default_factory=SimulatorSettings)
    calibration: CalibrationProfile | None = Field(
        None,
        description="A car's calibration, or its file: the simulator takes its speed, steering, lags and mounts. Kept "
        "in the run; brings along what is not written of simulator.",
    )
    opponents: OpponentSettings = Field(default_factory=OpponentSettings)
    curriculum: CurriculumSettings = Field(default_factory=CurriculumSettings)
    hyperparameters: Hyperparameters = Field(default_factory=Hyperparameters)
    stop: StopSettings = Field(default_factory=StopSettings)
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)
    seed: int = Field(0, ge=0, lt=2**32)
    cars: int = Field(64, ge=1, le=4096, description="Cars that drive at once.")
    device: Literal["cpu", "cuda", "auto"] = Field("cpu", description="Where the network learns.")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_calibration(cls, written: Any) -> Any:
        """What is written wins; the rest comes from the car."""
        if not isinstance(written, Mapping) or written.get("calibration") is None:
            return written
        from trainer.calibrated_car import filled_from_calibration  # with the simulator, which lists need not wait for

        return filled_from_calibration(written)

    @model_validator(mode="before")
    @classmethod
    def _fill_from_race(cls, written: Any) -> Any:
        """What is written wins; the rest comes from the race type."""
        return filled_from_race(written) if isinstance(written, Mapping) else written

    @model_validator(mode="after")
    def _cars_fit_in_worlds(self) -> TrainingSettings:
        share, opponents = self.simulator.race.cars_per_world, self.opponents
        if self.cars % share:
            raise ValueError(
                f"cars is {self.cars}, which worlds of {share} cars (simulator.race.cars_per_world) do "
                f"not divide; make it {max(1, self.cars // share) * share}"
            )
        if opponents.models and opponents.learn_together:
            raise ValueError("opponents.models drive cars that opponents.learn_together wants to learn; leave one out")
        if share > 1 and not (opponents.models or opponents.learn_together):
            raise ValueError(
                f"nobody drives the other cars of worlds of {share}: write opponents.models, for example "
                '["self"], or opponents.learn_together=true'
            )
        if share == 1 and (opponents.models or opponents.learn_together):
            raise ValueError("opponents need simulator.race.cars_per_world of 2 or more; --race head_to_head has 2")
        return self

    @model_validator(mode="after")
    def _curriculum_begins_easier(self) -> TrainingSettings:
        curriculum, race = self.curriculum, self.simulator.race
        if not curriculum.enabled:
            return self
        if not (race.boxes.count or race.bots.count or curriculum.start_width_factor > 1):
            raise ValueError(
                "curriculum.enabled has nothing to make easier: write curriculum.start_width_factor, or choose a race "
                "with boxes or bots"
            )
        for name, start, count in (
            ("boxes", curriculum.start_boxes, race.boxes.count),
            ("bots", curriculum.start_bots, race.bots.count),
        ):
            if start > max(count, 1):
                raise ValueError(
                    f"curriculum.start_{name} is {start} and simulator.race.{name}.count is {count}; "
                    "begin with at most as many"
                )
        if curriculum.start_width_factor > 1 and self.opponents.learn_together:
            raise ValueError(
                "cars that learn together begin their episodes one by one and stay on their track: "
                "leave curriculum.start_width_factor at 1"
            )
        return self

    @property
    def evaluation_trials(self) -> int:
        """Trials per evaluation: never fewer than the laps that are the target."""
        return max(self.evaluation.trials, self.stop.target_laps or 0)

    @property
    def worlds(self) -> int:
        """Roads that are driven on at once."""
        return self.cars // self.simulator.race.cars_per_world

    @property
    def learners(self) -> int:
        """Cars whose steps are learned from: all of a world, or the one that drives against opponents."""
        return self.cars if self.opponents.learn_together else self.worlds
