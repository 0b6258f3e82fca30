"""TrainingMetrics.json and EvaluationMetrics.json as DeepRacer wrote them, built from one line per episode.

The lines are the truth: appended, cut back at a resume, never rewritten. The JSON document is made from them
whole, by copying, so that rewriting it costs a few milliseconds even after a hundred thousand episodes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from shared.atomic_files import storage_errors, write_json

if TYPE_CHECKING:
    from trainer.runs.episode_log import EpisodeRecord

METRICS_VERSION = 2.0
BLOCK_BYTES = 1 << 20

# The trace's words -> the metrics' labels, both DeepRacer's.
STATUS_LABELS = {
    "lap_complete": "Lap complete",
    "crashed": "Crashed",
    "off_track": "Off track",
    "in_progress": "In progress",
    "immobilized": "Immobilized",
    "time_up": "Time Up",
    "pause": "Pause",
    "reversed": "Reversed",
    "park": "Park",
    "prepare": "Prepare",
}


# deepracer-utils takes the largest trial of any phase for the episodes of an iteration, so the trials of an
# evaluation between updates must not count further than the smallest number an iteration can have.
MOST_TRIALS = 5


def training_metric(record: EpisodeRecord) -> dict[str, Any]:
    """One record of TrainingMetrics.json: DeepRacer's keys, then ours. Episodes count from 1 there."""
    return {
        "reward_score": record.reward,
        "metric_time": _milliseconds(record.end_s),
        "start_time": _milliseconds(record.start_s),
        "elapsed_time_in_milliseconds": _milliseconds(record.end_s - record.start_s),
        "episode": record.episode + 1,
        "trial": record.trial if record.phase == "training" else (record.trial - 1) % MOST_TRIALS + 1,
        "phase": record.phase,
        "completion_percentage": int(record.progress_percent),
        "episode_status": STATUS_LABELS[record.status],
        "steps": record.steps,
        "car": record.car,
        "track": record.track,
        "contacts": record.contacts,
        "overtakes": record.overtakes,
    }


def evaluation_metric(record: EpisodeRecord) -> dict[str, Any]:
    """One record of EvaluationMetrics.json."""
    return {
        "completion_percentage": int(record.progress_percent),
        "metric_time": _milliseconds(record.end_s),
        "start_time": _milliseconds(record.start_s),
        "elapsed_time_in_milliseconds": _milliseconds(record.end_s - record.start_s),
        "episode_status": STATUS_LABELS[record.status],
        "crash_count": record.crash_count,
        "immobilized_count": record.immobilized_count,
        "off_track_count": record.off_track_count,
        "reversed_count": record.reversed_count,
        "reset_count": record.reset_count,
        "trial": record.trial,
        "contacts": record.contacts,
        "overtakes": record.overtakes,
    }


def episode_line(record: EpisodeRecord) -> str:
    """The line of metrics/episodes.jsonl."""
    return json.dumps(training_metric(record))


def append_lines(path: Path, lines: Sequence[str]) -> None:
    """Append whole lines."""
    if lines:
        with storage_errors(path), open(path, "a", encoding="ascii") as handle:
            handle.write("".join(f"{line}\n" for line in lines))


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Every record of a .jsonl file; an unfinished last line is left out."""
    if not path.exists():
        return
    with open(path, encoding="ascii") as handle:
        for line in handle:
            if line.endswith("\n"):
                yield json.loads(line)


def write_evaluation_metrics(path: Path, records: Sequence[EpisodeRecord]) -> None:
    """Write one evaluation's metrics, atomically."""
    in_order = sorted(records, key=lambda record: record.trial)
    write_json(path, {"metrics": [evaluation_metric(record) for record in in_order]})


def training_metrics_from_lines(lines_path: Path, metrics_path: Path) -> None:
    """Make TrainingMetrics.json from the lines. Atomic, but not synced: it can be made again at any time."""
    temporary = metrics_path.with_name(f".{metrics_path.name}.{os.getpid()}")
    with storage_errors(metrics_path):
        try:
            with open(temporary, "wb") as target:
                target.write(b'{"metrics": [\n')
                if lines_path.exists():
                    with open(lines_path, "rb") as source:
                        _copy_as_list(source, target)
                target.write(b'], "version": %.1f, "best_model_metric": "progress"}\n' % METRICS_VERSION)
            os.replace(temporary, metrics_path)
        finally:
            temporary.unlink(missing_ok=True)


def _copy_as_list(source: BinaryIO, target: BinaryIO) -> None:
    """Copy lines, a comma after each but the last. No record contains a line break."""
    pending = b""
    while block := source.read(BLOCK_BYTES):
        block = pending + block
        pending = block[-1:]
        target.write(block[:-1].replace(b"\n", b",\n"))
    target.write(pending)


def _milliseconds(time_s: float) -> int:
    return round(1000 * time_s)
