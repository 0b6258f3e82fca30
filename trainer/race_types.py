"""The races a policy can be trained for, what each brings along, and how they become harder with success.

A race type fills in what is not written: who is on the road, the reward that fits, the opponents. Written values win.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field

from shared.settings import Settings

RaceType = Literal["time_trial", "object_avoidance", "head_to_bot", "head_to_head", "mixed"]

SELF = "self"  # as an opponent: a frozen copy of the policy that learns

_BOXES = {"count": 6, "min_distance_m": 2.0}
_BOTS = {"count": 4, "speed_mps": (0.4, 0.6), "lane_change": True}

# Among things on the road a policy that makes up its mind early stays with one side and runs into what stands there.
_EXPLORING = {"beta_entropy": 0.01}
# What bots do differs from one rollout to the next, and a single update can move a policy too far. Trained like this,
# a model drove 81 of 100 laps among bots; at twice the rate and without a target, 75.
_AMONG_BOTS = {**_EXPLORING, "lr": 5e-4, "target_kl": 0.01}
# The smaller the spread, the further the same step of the weights moves the policy, until it is torn apart.
_CONTINUOUS = {"lr": 5e-4, "beta_entropy": 0.005, "target_kl": 0.01}

# What each type brings along, as written settings would say it.
RACES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "time_trial": {},
        "object_avoidance": {
            "reward": "avoid_objects_smoothly",
            "simulator": {"race": {"boxes": _BOXES}},
            "hyperparameters": _EXPLORING,
        },
        "head_to_bot": {
            "reward": "race_bots",
            "simulator": {"race": {"bots": _BOTS}},
            "hyperparameters": _AMONG_BOTS,
        },
        "head_to_head": {
            "reward": "race_bots",
            "simulator": {"race": {"cars_per_world": 2}},
            "opponents": {"models": (SELF,)},
            "hyperparameters": _EXPLORING,
        },
        "mixed": {
            "reward": "race_bots",
            "simulator": {"race": {"boxes": _BOXES, "bots": _BOTS}},
            "hyperparameters": _EXPLORING,
        },
    }
)


class CurriculumSettings(Settings):
    """From an easy race to the whole one: the level grows from 0 to 1 with the success of training episodes."""

    enabled: bool = Field(False, description="Begin easily; off: the whole race from the first step on.")
    start_boxes: int = Field(1, ge=0, description="Boxes at level 0; at level 1 all of simulator.race.boxes.")
    start_bots: int = Field(1, ge=0, description="Bots at level 0; at level 1 all of simulator.race.bots.")
    start_bot_speed_scale: float = Field(0.5, ge=0.05, le=1, description="Factor of the bots' speeds at level 0.")
    start_width_factor: float = Field(
        1.0, ge=1, le=3, description="Factor of the road's width at level 0, where the borders have room; 1: as it is."
    )
    grow_at_success: float = Field(
        0.6, gt=0, le=1, description="The level grows when recent episodes got through this share of the lap."
    )
    step: float = Field(0.1, gt=0, le=1, description="How much it grows.")
    episodes: int = Field(100, ge=1, le=10_000, description="Recent episodes that are looked at, after every growth.")


class OpponentSettings(Settings):
    """Who drives the other cars of a world (simulator.race.cars_per_world above 1)."""

    models: tuple[str, ...] = Field(
        (),
        description="Archives, runs (RUN, RUN:best, RUN:last, RUN:<steps>), sample models or 'self', a frozen copy of "
        "the policy that learns. Of several each race draws one for every opponent.",
    )
    renew_steps: int = Field(51_200, ge=1, description="Steps after which 'self' is copied anew.")
    learn_together: bool = Field(False, description="All cars of a world learn: one policy, everybody's experience.")


def filled_from_race(written: Mapping[str, Any]) -> dict[str, Any]:
    """The written settings of a training over those that their race type and kind of actions bring along."""
    brought = dict(RACES.get(str(written.get("race", "time_trial")), {}))
    if _group(written, "car", "actions").get("kind") == "continuous":
        brought["hyperparameters"] = _CONTINUOUS
    if _group(written, "hyperparameters").get("preset", "fast") != "fast":
        brought.pop("hyperparameters", None)  # a preset is whole
    values = _merged(brought, written)
    boxes, boxes_written = _group(values, "simulator", "race", "boxes"), _group(written, "simulator", "race", "boxes")
    if boxes.get("positions") and "count" not in boxes_written:
        boxes["count"] = len(boxes["positions"])
    opponents = _group(values, "opponents")
    if opponents.get("learn_together") and "models" not in _group(written, "opponents"):
        opponents["models"] = ()  # no car is left for them to drive
    return values


def _merged(brought: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """Both as one new mapping, groups within groups; what is written wins."""
    values: dict[str, Any] = {}
    for key in {**brought, **written}:
        value = written[key] if key in written else brought[key]
        if isinstance(value, Mapping):
            below = brought.get(key)
            values[key] = _merged(below if isinstance(below, Mapping) else {}, value)
        else:
            values[key] = value
    return values


def _group(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """The group of settings at the keys; an empty one where none is written."""
    for key in keys:
        values = values.get(key, {}) if isinstance(values.get(key, {}), dict) else {}
    return values if isinstance(values, dict) else {}
