"""Whom a model meets in its trials: those that it was trained against, others by name, or itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shared.errors import SettingsError
from shared.settings import load_settings
from trainer.config import TrainingSettings
from trainer.evaluation.conditions import HEAD_TO_HEAD, RaceName
from trainer.evaluation.policy import LoadedPolicy, load_policy
from trainer.race_types import SELF
from trainer.runs.run_folder import RunFolder
from trainer.simulator.race import MOST_CARS_PER_WORLD
from trainer.training.opponent_files import check_opponents, opponents_in_order

PAIR = 2  # cars on a road where nobody says how many


def opponents_of(
    policy: LoadedPolicy, race: RaceName | None, named: Sequence[str], home: Path
) -> tuple[tuple[LoadedPolicy, ...], int]:
    """Who drives the other cars of a trial, and how many cars there are with the model's own: 1 where it is alone.

    race: None for that of the training. named: archives, runs of `home`, samples or 'self'; each has one car. Where
    nobody is named, those of the training share its cars, and head_to_head is against the model itself by default.

    Raises:
        ArchiveError, RunError: there is no such model.
        SettingsError: it cannot share the road, or the race has no opponents.
    """
    if race not in (None, HEAD_TO_HEAD):
        if named:
            raise SettingsError(
                f"--opponent {named[0]}: in the race {race} there are no other models. Leave --opponent out, or write "
                f"--race {HEAD_TO_HEAD}."
            )
        return (), 1
    opponents, cars = _named(policy, named, home) if named else _trained_against(policy, home)
    if not opponents and race == HEAD_TO_HEAD:
        opponents, cars = (policy,), PAIR
    check_opponents(opponents, policy.metadata)
    return opponents, cars


def _named(policy: LoadedPolicy, named: Sequence[str], home: Path) -> tuple[tuple[LoadedPolicy, ...], int]:
    if len(named) >= MOST_CARS_PER_WORLD:
        raise SettingsError(
            f"{len(named)} opponents are named, and beside the model's own car a road has room for "
            f"{MOST_CARS_PER_WORLD - 1}. Name fewer."
        )
    return tuple(policy if name == SELF else load_policy(name, home) for name in named), 1 + len(named)


def _trained_against(policy: LoadedPolicy, home: Path) -> tuple[tuple[LoadedPolicy, ...], int]:
    """Those of a run, as it keeps them; nobody for an archive, which tells of none."""
    if policy.run is None:
        return (), 1
    settings = load_settings(TrainingSettings, policy.run.settings_path)
    paths = _paths(policy.run, settings)
    opponents = tuple(policy if path is None else load_policy(path, home) for path in paths)
    return opponents, settings.simulator.race.cars_per_world


def _paths(run: RunFolder, settings: TrainingSettings) -> list[Path | None]:
    """None for the model itself, which also whoever learnt together with others met."""
    if settings.opponents.learn_together:
        return [None]
    return opponents_in_order(run, settings.opponents.models)
