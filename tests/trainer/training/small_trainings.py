"""Small trainings for tests: started, finished, cut off, and what they wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.settings import load_settings
from trainer.config import TrainingSettings
from trainer.evaluation.policy import LoadedPolicy, load_policy
from trainer.ppo.update import UpdateReport
from trainer.runs.run_folder import RunFolder
from trainer.training.cars import Drive
from trainer.training.checkpoint import find_checkpoint, read_weights
from trainer.training.loop import Outcome, train
from trainer.training.run_starting import start_run
from trainer.training.stopping import Standing, StopRequest
from trainer.training.trials import Evaluation

SMALL = ("cars=8", "hyperparameters.horizon=8", "evaluation.every_steps=128", "evaluation.trials=2",
         "simulator.rules.time_limit_s=4", "reward_worker.isolated=false", "simulator.threads=1")  # fmt: skip


class Silent:
    """A watcher that does nothing, or what it is told to at an update."""

    def __init__(self, at_update: Callable[[Standing], None] = lambda standing: None) -> None:
        self._at_update = at_update
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def pulse(self) -> None:
        pass

    def updated(self, standing: Standing, drive: Drive, report: UpdateReport) -> None:
        self._at_update(standing)

    def evaluated(self, standing: Standing, evaluation: Evaluation, *, best: bool) -> None:
        pass


def open_policy(path: Path) -> LoadedPolicy:
    return load_policy(path, path.parent)


def settings_of(*overrides: str) -> TrainingSettings:
    return load_settings(TrainingSettings, None, [*SMALL, *overrides])


def new_run(home: Path, name: str, *overrides: str) -> tuple[RunFolder, TrainingSettings]:
    settings = settings_of(*overrides)
    run, _ = start_run(home, name, settings, "", "", None, open_policy)
    return run, settings


def finish(run: RunFolder, settings: TrainingSettings) -> Outcome:
    return train(run, settings, Silent(), StopRequest(), load_policy=open_policy)


def what_was_written(run: RunFolder) -> dict[str, Any]:
    """Weights, and everything in the metric files but the wall-clock columns."""
    written: dict[str, Any] = {}
    for name, array in read_weights(find_checkpoint(run.path, "last")).items():
        written[name] = array.tobytes()
    for path in sorted([*run.path.rglob("*.csv"), *run.path.rglob("metrics/*")]):
        lines = path.read_text().splitlines()
        if path.suffix == ".csv":
            lines = [line.rpartition(",")[0] for line in lines]  # the last column is the wall clock
        elif path.name == "updates.jsonl":
            lines = [str({k: v for k, v in json.loads(line).items() if not k.startswith("wall_")}) for line in lines]
        written[str(path.relative_to(run.path))] = lines
    return written


class PowerCut(Exception):  # noqa: N818
    """The process dies here."""


def finish_with_cuts(run: RunFolder, settings: TrainingSettings, cuts: tuple[int, ...]) -> None:
    """Finish it, dying after so many steps in between."""
    for cut_after in cuts:

        def cut(standing: Standing, cut_after: int = cut_after) -> None:
            if standing.steps >= cut_after:
                raise PowerCut

        with pytest.raises(PowerCut):
            train(run, settings, Silent(cut), StopRequest(), load_policy=open_policy)
    finish(run, settings)
