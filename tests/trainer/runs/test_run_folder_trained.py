"""What a real training leaves behind: read by deepracer-utils, drawn, exported, deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from deepracer.logs import DeepRacerLog, metrics

from shared.model_archive import read_archive
from trainer.cli import run as lapwing
from trainer.runs.run_folder import RunFolder
from trainer.runs.run_metrics import read_lines

BRIEF = (
    "--steps", "1500", "--cars", "16", "--plain",
    "--set", "evaluation.every_steps=700", "--set", "evaluation.trials=2",
    "--set", "hyperparameters.batch_size=128", "--set", "hyperparameters.num_epochs=3",
    "--set", "simulator.rules.time_limit_s=20",
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with one brief training in it."""
    home = tmp_path_factory.mktemp("home")
    assert lapwing(["--home", str(home), "train", "brief", *BRIEF]) == 0
    yield home
    assert lapwing(["--home", str(home), "runs", "delete", "brief", "--yes"]) == 0
    assert list((home / "runs").iterdir()) == []


@pytest.fixture(scope="module")
def run(home: Path) -> RunFolder:
    return RunFolder.open(home, "brief")


def test_the_trace_and_the_metrics_tell_of_the_same_episodes(run: RunFolder) -> None:
    log = DeepRacerLog(str(run.path))
    log.load_training_trace()
    frame = log.dataframe()
    finished = {r["episode"] - 1: r for r in read_lines(run.episodes_path) if r["phase"] == "training"}
    compared = 0
    for episode, rows in frame.groupby("unique_episode"):
        assert episode % 10 == 9
        if episode not in finished:
            continue
        compared += 1
        record = finished[episode]
        assert rows["reward"].sum() == pytest.approx(record["reward_score"])
        assert rows["steps"].max() == record["steps"]
        assert int(rows["progress"].iloc[-1] + 1e-6) == record["completion_percentage"]
        duration_ms = 1000 * (rows["tstamp"].max() - rows["tstamp"].min())
        assert duration_ms == pytest.approx(record["elapsed_time_in_milliseconds"], abs=1)
        label = rows["episode_status"].iloc[-1].replace("_", " ").capitalize()
        assert label == record["episode_status"]
    assert compared >= 2


def test_the_cars_were_where_the_trace_says(run: RunFolder) -> None:
    log = DeepRacerLog(str(run.path))
    log.load_training_trace()
    frame = log.dataframe()
    moved_m = np.hypot(frame["x"].diff(), frame["y"].diff())[frame["steps"] > 1]
    assert 0.01 < moved_m.median() < 0.08  # up to 1 m/s for a fifteenth of a second
    assert frame["yaw"].abs().max() <= 180
    assert set(frame["steering_angle"]) <= {0.0, -30.0, -15.0, 15.0, 30.0}
    assert frame["track_len"].unique() == pytest.approx([17.7], abs=0.2)


def test_evaluations_between_updates_are_in_both_places(run: RunFolder) -> None:
    log = DeepRacerLog(str(run.path))
    log.load_evaluation_trace()
    frame = log.dataframe()
    summary = metrics.TrainingMetrics("none", fname=str(run.metrics_path), region="local")
    assert len(summary.getEvaluation()) == 2 * frame["stream"].nunique() >= 4
    assert len(summary.getTraining()) + len(summary.getEvaluation()) == len(list(read_lines(run.episodes_path)))
    last = max(frame["stream"])
    document = json.loads((run.path / "metrics" / f"EvaluationMetrics-{last}.json").read_text())
    progress = frame[frame["stream"] == last].groupby("episode")["progress"].last()
    assert [int(value + 1e-6) for value in progress] == [
        trial["completion_percentage"] for trial in document["metrics"]
    ]


def test_a_graph_and_an_archive_come_of_it(home: Path, run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert lapwing(["--home", str(home), "runs", "graph", "brief"]) == 0
    assert [Path(line).name for line in capsys.readouterr().out.split()] == ["reward.png", "learning.png"]
    assert lapwing(["--home", str(home), "export", "brief:last", "--frames", "40"]) == 0
    (path,) = run.archives_path.iterdir()
    archive = read_archive(path)
    assert archive.verified
    assert archive.provenance is not None
    assert archive.provenance["steps"] == run.info().summary["steps"]
    assert archive.provenance["command"].startswith("lapwing")
