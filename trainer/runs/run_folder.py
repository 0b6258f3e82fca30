"""One training run on disk, in the layout DeepRacer's analysis tools read, plus what resuming needs.

    run.json  settings.toml  reward_function.py  log.txt
    model/model_metadata.json   ip/hyperparameters.json
    training-simtrace/{N}-iteration.csv                         every tenth episode, step by step
    evaluation-{14 digits}/evaluation-simtrace/0-iteration.csv  every evaluation, step by step
    metrics/TrainingMetrics.json   metrics/EvaluationMetrics-{14 digits}.json
    metrics/episodes.jsonl   metrics/updates.jsonl              every episode, every update, one line each
    checkpoints/  events/  archives/

Files that grow are only ever appended to. `positions` says how long each is at a checkpoint and `truncate_to`
cuts them back to it, so that a resumed run writes the bytes it would have written without the interruption.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shared.atomic_files import storage_errors, sync_tree, write_atomic, write_json
from shared.errors import RunError
from trainer.runs.names import NAME_RULE, check_name, unknown_name
from trainer.runs.run_info import CREATED, INTERRUPTED, TRAINING, RunInfo, hold, is_held, read_info, write_info
from trainer.runs.run_metrics import (
    append_lines,
    episode_line,
    training_metrics_from_lines,
    write_evaluation_metrics,
)

if TYPE_CHECKING:
    from trainer.runs.episode_log import EpisodeRecord

# The step trace needs the simulator, the events need tensorboard. Both are imported where they are written:
# listing runs waits for neither.

FOLDERS = ("training-simtrace", "metrics", "model", "ip", "checkpoints", "events", "archives")
# Evaluations between updates are numbered by training steps: 14 digits that begin with zeros, no year.
DURING_TRAINING = "{}0000" + "[0-9]" * 10


def run_names(home: Path) -> list[str]:
    """Every run in the home, by name."""
    return sorted(path.parent.name for path in (home / "runs").glob("[!.]*/run.json"))


class RunFolder:
    """A run's folder: where everything is, and how it is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings_path = path / "settings.toml"
        self.reward_path = path / "reward_function.py"
        self.log_path = path / "log.txt"
        self.metadata_path = path / "model" / "model_metadata.json"
        self.hyperparameters_path = path / "ip" / "hyperparameters.json"
        self.metrics_path = path / "metrics" / "TrainingMetrics.json"
        self.episodes_path = path / "metrics" / "episodes.jsonl"
        self.updates_path = path / "metrics" / "updates.jsonl"
        self.checkpoints_path = path / "checkpoints"
        self.events_path = path / "events"
        self.archives_path = path / "archives"

    # Making, finding, renaming, deleting

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
        command: str = "",
    ) -> RunFolder:
        """Make home/runs/<name>; the car's settings are copied in and stay whatever happens to the garage.

        Raises:
            RunError: the name is taken or cannot be a name.
        """
        final = home / "runs" / check_name(name, "run")
        _refuse_taken(final)
        staging = cls(final.with_name(f".{name}.{os.getpid()}.new"))
        with storage_errors(final, "create"):
            final.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(staging.path, ignore_errors=True)
            try:
                for folder in FOLDERS:
                    (staging.path / folder).mkdir(parents=True)
                write_atomic(staging.settings_path, settings_toml)
                write_atomic(staging.reward_path, reward_source)
                write_atomic(staging.metadata_path, metadata_json)
                write_json(staging.hyperparameters_path, dict(hyperparameters))
                write_info(staging.path, RunInfo(name, description, time.time(), CREATED, command))
                sync_tree(staging.path)
                os.rename(staging.path, final)
            finally:
                shutil.rmtree(staging.path, ignore_errors=True)
        return cls(final)

    @classmethod
    def open(cls, home: Path, name: str) -> RunFolder:
        """The run of that name, or RunError with the closest name."""
        path = home / "runs" / name
        if not NAME_RULE.fullmatch(name) or not (path / "run.json").is_file():
            raise unknown_name(name, "run", run_names(home))
        return cls(path)

    def rename(self, name: str) -> RunFolder:
        """Give the run another name; refused while it trains."""
        final = self.path.with_name(check_name(name, "run"))
        _refuse_taken(final)
        with self.lock(), storage_errors(final, "rename to"):
            os.rename(self.path, final)
        return RunFolder(final)

    def delete(self) -> None:
        """Remove everything; refused while it trains."""
        with self.lock(), storage_errors(self.path, "delete"):
            # Out of sight first: a deletion that is cut short leaves no half a run in the list.
            hidden = self.path.with_name(f".{self.name}.{os.getpid()}.deleted")
            os.rename(self.path, hidden)
            shutil.rmtree(hidden)

    # What the run says about itself

    @property
    def name(self) -> str:
        return self.path.name

    def info(self) -> RunInfo:
        """run.json; a run that says "training" while nobody trains it is "interrupted"."""
        info = read_info(self.path)
        if info.state == TRAINING and not self.is_locked():
            return info.changed(state=INTERRUPTED)
        return info

    def update(self, *, state: str | None = None, description: str | None = None, **summary: Any) -> None:
        """Change the state or the description, and merge the rest into the summary."""
        info = read_info(self.path)
        write_info(
            self.path,
            info.changed(
                state=info.state if state is None else state,
                description=info.description if description is None else description,
                summary={**info.summary, **summary},
            ),
        )

    def lock(self) -> AbstractContextManager[None]:
        """Hold the run while training it; RunError when another process does."""
        return hold(self.path)

    def is_locked(self) -> bool:
        """Does some process train this run now?"""
        return is_held(self.path)

    # What a training writes

    def append_trace(self, rows_by_iteration: Mapping[int, NDArray[np.float64]]) -> None:
        """Append step rows (EpisodeLog.take_trace) to training-simtrace/{N}-iteration.csv."""
        from trainer.runs.simtrace import append_trace_rows

        for iteration, rows in rows_by_iteration.items():
            append_trace_rows(self.path / "training-simtrace" / f"{iteration}-iteration.csv", rows)

    def append_episodes(self, records: Sequence[EpisodeRecord]) -> None:
        """Append finished training episodes to metrics/episodes.jsonl."""
        append_lines(self.episodes_path, [episode_line(record) for record in records])

    def append_update(self, steps: int, scalars: Mapping[str, float]) -> None:
        """Append numbers at a training step to metrics/updates.jsonl and to TensorBoard's events.

        For the plots: policy_loss, value_loss, entropy. Any other name is kept and shown by TensorBoard.
        """
        from trainer.runs.run_events import append_events

        append_lines(self.updates_path, [json.dumps({"steps": steps, **scalars})])
        append_events(self.events_path, steps, scalars)

    def write_training_metrics(self) -> None:
        """Rewrite metrics/TrainingMetrics.json whole from metrics/episodes.jsonl, atomically."""
        training_metrics_from_lines(self.episodes_path, self.metrics_path)

    def write_evaluation(
        self,
        rows: NDArray[np.float64],
        records: Sequence[EpisodeRecord],
        *,
        training_steps: int | None = None,
        training_episodes: int = 0,
    ) -> Path:
        """Write one evaluation: its trace and its metrics; return its folder.

        Its 14 digits are the time it was made (YYYYMMDDhhmmss), as DeepRacer has it. For one between updates,
        give the training steps and episodes so far: the steps are its digits, so that the same training gives
        the same names, and its trials join the training's metrics after that many episodes.
        """
        from trainer.runs.simtrace import append_trace_rows

        stamp = _free_stamp(self.path) if training_steps is None else f"{training_steps:014d}"
        folder = self.path / f"evaluation-{stamp}"
        trace = folder / "evaluation-simtrace" / "0-iteration.csv"
        trace.unlink(missing_ok=True)
        append_trace_rows(trace, rows)
        write_evaluation_metrics(self.path / "metrics" / f"EvaluationMetrics-{stamp}.json", records)
        if training_steps is not None:
            placed = [replace(record, episode=max(0, training_episodes - 1)) for record in records]
            self.append_episodes(placed)
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


def _refuse_taken(path: Path) -> None:
    if path.exists():
        raise RunError(
            f"There is already a run '{path.name}' in {path.parent}. Choose another name, "
            f"or remove that one with: lapwing runs delete {path.name}"
        )


def _cut(path: Path, length: int) -> None:
    """Shorten a file to length bytes; one that a power cut left shorter loses its unfinished last line."""
    size = path.stat().st_size
    if size > length:
        os.truncate(path, length)
    elif size < length and path.suffix != ".lapwing":  # TensorBoard skips a torn record by itself
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)


def _free_stamp(path: Path) -> str:
    """The time now as 14 digits, a second later for every evaluation that already has it."""
    moment_s = time.time()
    while True:
        stamp = time.strftime("%Y%m%d%H%M%S", time.localtime(moment_s))
        if not (path / f"evaluation-{stamp}").exists():
            return stamp
        moment_s += 1
