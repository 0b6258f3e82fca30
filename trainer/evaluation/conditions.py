"""The conditions a policy is evaluated in: those it was trained with, or a race of another kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from calibration.profile import CalibrationProfile
from shared.cars import DEEPRACER, CarModel
from shared.errors import SettingsError
from shared.settings import load_settings, parse_settings
from shared.settings_errors import COMMAND_LINE
from trainer.calibrated_car import DECIDED
from trainer.config import TrainingSettings
from trainer.evaluation.policy import LoadedPolicy
from trainer.simulator import SimulatorSettings
from trainer.simulator.race import BotSettings, BoxSettings, RaceSettings
from trainer.tracks import DEFAULT_TRACK, Track, load_track
from trainer.training.course import course_tracks

RaceName = Literal["time_trial", "object_avoidance", "head_to_bot", "head_to_head", "mixed"]
HEAD_TO_HEAD: RaceName = "head_to_head"
RACES_WITH_BOXES, RACES_WITH_BOTS = ("object_avoidance", "mixed"), ("head_to_bot", "mixed")

GENERATED_DRIVEN = 4  # of the tracks a generalist was trained on
DEFAULT_BOXES, DEFAULT_BOTS = 6, 4
BOT_SPEED_SHARES = (0.4, 0.6)  # of the model's top speed: slower ones it meets all the time, and can overtake
SLOWEST_BOT_MPS, FASTEST_BOT_MPS = 0.2, 4.0
# What an evaluation decides by options of its own.
DECIDED_BY_OPTIONS = {
    "randomisation": "--world",
    "rules": "--laps and --time-limit",
    "start": "--starts and --reverse",
}


def own_conditions(
    policy: LoadedPolicy, overrides: Sequence[str] = (), calibration: Path | None = None
) -> tuple[tuple[Track, ...], SimulatorSettings, CarModel, CalibrationProfile | None]:
    """The tracks, the world, the car and its calibration that a policy was trained with, as far as it tells.

    overrides: `simulator.a.b=value`, put over that world. calibration: of another car that shall drive.
    """
    check_overrides(overrides)
    another: tuple[str, ...] = ()
    if calibration is not None:
        another = (*(f"{key}=" for key in DECIDED), f"calibration={json.dumps(str(calibration))}")
    if policy.run is not None:
        settings = load_settings(TrainingSettings, policy.run.settings_path, (*another, *overrides))
        tracks = tuple(course_tracks(settings, limit=GENERATED_DRIVEN))
        return (
            tracks,
            settings.simulator.for_lidar(policy.metadata.lidar),
            settings.car.car_model(),
            settings.calibration,
        )
    camera, lidar = policy.metadata.camera, policy.metadata.lidar_view
    known = (
        f"simulator.step_s={1.0 / policy.metadata.control_rate_hz!r}",
        f"simulator.camera.horizontal_fov_deg={camera.horizontal_fov_deg!r}",
        f"simulator.camera.pitch_deg={camera.pitch_deg!r}",
        f"simulator.camera.height_m={camera.height_m!r}",
        f"simulator.camera.stereo_baseline_m={camera.stereo_baseline_m!r}",
        f"simulator.lidar.x_m={lidar.x_m!r}",
        f"simulator.lidar.y_m={lidar.y_m!r}",
        f"simulator.lidar.z_m={lidar.height_m!r}",
        f"simulator.lidar.yaw_deg={lidar.yaw_deg!r}",
    )
    settings = load_settings(TrainingSettings, None, (*known, *another, *overrides))
    return (
        (load_track(DEFAULT_TRACK),),
        settings.simulator.for_lidar(policy.metadata.lidar),
        DEEPRACER,
        settings.calibration,
    )


def check_overrides(overrides: Sequence[str]) -> None:
    """Only the simulator's settings can be overridden, and of these only what no option decides."""
    for override in overrides:
        group, _, key = override.partition("=")[0].partition(".")
        part = key.partition(".")[0]
        if group != "simulator":
            raise SettingsError(f"--set {override}: an evaluation takes the settings of the simulator (simulator.…).")
        if key == "race.cars_per_world":
            raise SettingsError(
                f"--set {override}: cars on one road have names: lapwing evaluate MODEL --opponent MODEL, or "
                "lapwing race MODEL MODEL"
            )
        if part in DECIDED_BY_OPTIONS:
            raise SettingsError(f"--set {override}: {DECIDED_BY_OPTIONS[part]} decides that.")


def race_settings(
    trained: RaceSettings,
    *,
    top_speed_mps: float,
    race: RaceName | None = None,
    boxes: int | None = None,
    bots: int | None = None,
    bot_speed_mps: tuple[float, float] | None = None,
    cars: int = 1,
) -> RaceSettings:
    """What is on the road in a race.

    trained: what was there in the training; where the race has things of the same kind they stay as they were.
    race: None for the race of the training. boxes, bots, bot_speed_mps: instead of what the race has. cars: that models
    drive, the evaluated one's included.
    """
    wanted_boxes = trained.boxes if race in (None, *RACES_WITH_BOXES) else BoxSettings()
    wanted_bots = trained.bots if race in (None, *RACES_WITH_BOTS) else BotSettings()
    if race in RACES_WITH_BOXES and not wanted_boxes.count:
        wanted_boxes = wanted_boxes.changed(count=DEFAULT_BOXES)
    if not wanted_bots.count and (race in RACES_WITH_BOTS or bots):
        wanted_bots = default_bots(top_speed_mps, DEFAULT_BOTS)
    values = trained.changed(boxes=wanted_boxes, bots=wanted_bots, cars_per_world=cars).model_dump(mode="json")
    if boxes is not None:
        values["boxes"]["count"] = boxes
        if boxes != len(wanted_boxes.positions):
            values["boxes"]["positions"] = []
    if bots is not None:
        values["bots"]["count"] = bots
    if bot_speed_mps is not None:
        if not values["bots"]["count"]:
            raise SettingsError("--bot-speed is given, and there are no bots. Add some with --bots.")
        values["bots"]["speed_mps"] = bot_speed_mps
    return parse_settings(RaceSettings, values, source=COMMAND_LINE)


def takes_turns(policy: LoadedPolicy, race: RaceName | None) -> bool:
    """Whether a trial has nothing, boxes or bots in its way in turn: a mixed race, wanted or trained for."""
    if race is not None or policy.run is None:
        return race == "mixed"
    return load_settings(TrainingSettings, policy.run.settings_path).race == "mixed"


def default_bots(top_speed_mps: float, count: int) -> BotSettings:
    """Bots that change lanes, at shares of a model's top speed."""
    low, high = (min(max(share * top_speed_mps, SLOWEST_BOT_MPS), FASTEST_BOT_MPS) for share in BOT_SPEED_SHARES)
    return BotSettings(count=count, speed_mps=(low, high), lane_change=True)
