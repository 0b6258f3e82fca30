"""One training run on disk, in the layout DeepRacer's analysis tools read, plus what resuming needs.

    run.json  settings.toml  reward_function.py  log.txt
    model/model_metadata.json   ip/hyperparameters.json
    training-simtrace/{N}-iteration.csv                        every tenth episode, step by step
    evaluation-{14 digits}/evaluation-simtrace/0-iteration.csv  every evaluation, step by step
    metrics/TrainingMetrics.json   metrics/EvaluationMetrics-{14 digits}.json
    metrics/episodes.jsonl   metrics/updates.jsonl             every episode, every update, one line each
    checkpoints/  events/  archives/

Files that grow are only ever appended to. `positions` says how long each is at a checkpoint and `truncate_to`
cuts them back to it, so that a resumed run writes the bytes it would have written without the interruption.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.atomic_files import read_json, write_atomic, write_json
from shared.errors import RunError
from trainer.episode_log import EpisodeRecord
from trainer.names import NAME_RULE, check_name, unknown_name
from trainer.run_metrics import (
    append_lines,
    episode_line,
    training_metrics_from_lines,
    write_evaluation_metrics,
)
from trainer.simtrace import append_trace_rows

RUN_FORMAT = 1
# Evaluations between updates are numbered by training steps: 14 digits that begin with zeros, no year.
DURING_TRAINING = "{}0000" + "[0-9]" * 10
FOLDERS = ("training-simtrace", "metrics", "model", "ip", "checkpoints", "events", "archives")

CREATED, TRAINING, STOPPED, FINISHED, FAILED = "created", "training", "stopped", "finished", "failed"
INTERRUPTED = "interrupted"  # what "training" means when no process holds the run


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What run.json says. summary: free-form numbers for lists (steps, episodes, best...)."""

    name: str
    description: str
    created_s: float
    state: str
    summary: Mapping[str, Any] = field(default_factory=dict)


def run_names(home: Path) -> list[str]:
    """Every run in the home, by name."""
    return sorted(path.parent.name for path in (home / "runs").glob("[!.]*/run.json"))


class RunFolder:
    """A run's folder: where everything is, and how it is written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    # Finding and making

    @classmethod
    def create(
        cls,
        home: Path,
        name: str,
        *,
        settings_toml: str,
        metadata_json: str,
        hyperparameters: Mapping[str, Any],
        reward_source: str,
        description: str = "",
    ) -> RunFolder:
        """Make home/runs/<name>; the car's settings are copied in and stay whatever happens to the garage.

        Raises:
            RunError: the name is taken or cannot be a name.
        """
        path = home / "runs" / check_name(name, "run")
        if path.exists():
            raise RunError(
                f"There is already a run '{name}' in {path.parent}. Choose another name, continue it with "
                f"--resume, or remove it with: lapwing runs delete {name}"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = path.with_name(f".{name}.{os.getpid()}.new")
        shutil.rmtree(staging, ignore_errors=True)
        try:
            for folder in FOLDERS:
                (staging / folder).mkdir(parents=True)
            write_atomic(staging / "settings.toml", settings_toml)
            write_atomic(staging / "reward_function.py", reward_source)
            write_atomic(staging / "model" / "model_metadata.json", metadata_json)
            write_json(staging / "ip" / "hyperparameters.json", dict(hyperparameters))
            run = cls(staging)
            run._write_info(RunInfo(name, description, time.time(), CREATED))
            os.rename(staging, path)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return cls(path)

    @classmethod
    def open(cls, home: Path, name: str) -> RunFolder:
        """The run of that name, or RunError with the closest name."""
        path = home / "runs" / name
        if not NAME_RULE.fullmatch(name) or not (path / "run.json").is_file():
            raise unknown_name(name, "run", run_names(home))
        return cls(path)

    # Where things are

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def settings_path(self) -> Path:
        return self.path / "settings.toml"

    @property
    def reward_path(self) -> Path:
        return self.path / "reward_function.py"

    @property
    def metadata_path(self) -> Path:
        return self.path / "model" / "model_metadata.json"

    @property
    def hyperparameters_path(self) -> Path:
        return self.path / "ip" / "hyperparameters.json"

    @property
    def checkpoints_path(self) -> Path:
        return self.path / "checkpoints"

    @property
    def events_path(self) -> Path:
        return self.path / "events"

    @property
    def archives_path(self) -> Path:
        return self.path / "archives"

    @property
    def log_path(self) -> Path:
        return self.path / "log.txt"

    @property
    def episodes_path(self) -> Path:
        return self.path / "metrics" / "episodes.jsonl"

    @property
    def updates_path(self) -> Path:
        return self.path / "metrics" / "updates.jsonl"

    # What the run says about itself

    def info(self) -> RunInfo:
        """run.json; a run that says "training" while nobody trains it is "interrupted"."""
        content = read_json(self.path / "run.json")
        state = content["state"]
        if state == TRAINING and not self.is_locked():
            state = INTERRUPTED
        return RunInfo(self.name, content["description"], content["created_s"], state, content["summary"])

    def update(self, *, state: str | None = None, description: str | None = None, **summary: Any) -> None:
        """Change the state or the description, and merge numbers into the summary."""
        content = read_json(self.path / "run.json")
        info = RunInfo(
            self.name,
            content["description"] if description is None else description,
            content["created_s"],
            content["state"] if state is None else state,
            {**content["summary"], **summary},
        )
        self._write_info(info)

    def _write_info(self, info: RunInfo) -> None:
        write_json(
            self.path / "run.json",
            {
                "version": RUN_FORMAT,
                "name": info.name,
                "description": info.description,
                "created_s": info.created_s,
                "state": info.state,
                "summary": dict(info.summary),
            },
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run while training it; the lock goes with the process, however it ends."""
        with open(self.path / "run.lock", "w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(
                    f"Run '{self.name}' is being trained by another process. Wait for it, or stop it there "
                    "with Ctrl-C."
                ) from None
            yield

    def is_locked(self) -> bool:
        """Is some process training this run now?"""
        try:
            with open(self.path / "run.lock", "r+") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    # What a training writes

    def append_trace(self, rows_by_iteration: Mapping[int, NDArray[np.float64]]) -> None:
        """Append step rows (EpisodeLog.take_trace) to training-simtrace/{N}-iteration.csv."""
        for iteration, rows in rows_by_iteration.items():
            append_trace_rows(self.path / "training-simtrace" / f"{iteration}-iteration.csv", rows)

    def append_episodes(self, records: Sequence[EpisodeRecord]) -> None:
        """Append finished episodes, of training and of evaluations in between, to metrics/episodes.jsonl."""
        append_lines(self.episodes_path, [episode_line(record) for record in records])

    def append_update(self, scalars: Mapping[str, float]) -> None:
        """Append one update (steps, policy_loss, value_loss, entropy...) to metrics/updates.jsonl."""
        append_lines(self.updates_path, [json.dumps(dict(scalars), allow_nan=False)])

    def write_training_metrics(self) -> None:
        """Rewrite metrics/TrainingMetrics.json whole from metrics/episodes.jsonl, atomically."""
        training_metrics_from_lines(self.episodes_path, self.path / "metrics" / "TrainingMetrics.json")

    def write_evaluation(
        self,
        rows: NDArray[np.float64],
        records: Sequence[EpisodeRecord],
        *,
        training_steps: int | None = None,
    ) -> Path:
        """Write one evaluation: its trace and its metrics; return its folder.

        Its 14 digits are the time it was made (YYYYMMDDhhmmss), as DeepRacer has it; for one between updates
        they are the training steps so far, so that the same training gives the same names.
        """
        stamp = _free_stamp(self.path) if training_steps is None else f"{training_steps:014d}"
        folder = self.path / f"evaluation-{stamp}"
        trace = folder / "evaluation-simtrace" / "0-iteration.csv"
        trace.unlink(missing_ok=True)
        append_trace_rows(trace, rows)
        write_evaluation_metrics(self.path / "metrics" / f"EvaluationMetrics-{stamp}.json", records)
        return folder

    # Checkpoint and resume

    def positions(self) -> dict[str, int]:
        """Length of every file that grows, for the checkpoint being written now."""
        return {str(path.relative_to(self.path)): path.stat().st_size for path in self._growing()}

    def truncate_to(self, positions: Mapping[str, int]) -> None:
        """Cut every growing file back to a checkpoint's positions; what is not listed did not exist then."""
        for path in self._growing():
            length = positions.get(str(path.relative_to(self.path)))
            if length is None:
                path.unlink()
            else:
                _cut(path, length)
        for folder in self.path.glob(DURING_TRAINING.format("evaluation-")):
            if not any((folder / "evaluation-simtrace").glob("*.csv")):
                shutil.rmtree(folder)
        self.write_training_metrics()

    def _growing(self) -> Iterator[Path]:
        """Every file that a training appends to or adds. log.txt is not cut back: what was said was said."""
        yield from (path for path in (self.episodes_path, self.updates_path) if path.exists())
        yield from sorted(self.path.glob("training-simtrace/*-iteration.csv"))
        yield from sorted(self.path.glob("events/*tfevents*"))
        evaluations = DURING_TRAINING.format("evaluation-")
        yield from sorted(self.path.glob(f"{evaluations}/evaluation-simtrace/*.csv"))
        yield from sorted(self.path.glob(DURING_TRAINING.format("metrics/EvaluationMetrics-") + ".json"))


def _cut(path: Path, length: int) -> None:
    """Shorten a file to length bytes; one that a power cut left shorter loses its unfinished last line."""
    size = path.stat().st_size
    if size > length:
        os.truncate(path, length)
    elif size < length:
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)


def _free_stamp(path: Path) -> str:
    """The time now as 14 digits, a second later for every evaluation that already has it."""
    moment_s = time.time()
    while True:
        stamp = time.strftime("%Y%m%d%H%M%S", time.localtime(moment_s))
        if not (path / f"evaluation-{stamp}").exists():
            return stamp
        moment_s += 1
