"""A run's folder: what deepracer-utils reads from it, names, state, and cutting back to a checkpoint."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shared.errors import RunError, StorageError
from tests.trainer.made_up_run import FollowingCars, create_run, drive, loop, open_log
from trainer.runs.run_folder import RunFolder, run_names
from trainer.runs.run_info import INTERRUPTED, TRAINING
from trainer.simulator.measurements import Column


@pytest.fixture
def driven(tmp_path: Path):
    """A run of 5 cars with every episode traced, the records of its episodes, and what was written."""
    run = create_run(tmp_path)
    cars = FollowingCars(loop(), [1.0, 1.5, 2.0, 2.5, 3.0])
    log = open_log(cars, trace_every=1)
    records = drive(cars, log, 900)
    run.append_trace(log.take_trace())
    run.append_episodes(records)
    run.write_training_metrics()
    return run, cars, records


def test_deepracer_utils_reads_the_training_trace(driven) -> None:
    from deepracer.logs import DeepRacerLog, LogFolderType

    run, cars, records = driven
    log = DeepRacerLog(str(run.path))
    log.load_training_trace()
    frame = log.dataframe()
    assert log.fh.type == LogFolderType.DRFC_MODEL_SINGLE_WORKERS
    assert log.hyperparameters()["num_episodes_between_training"] == 20
    assert len(log.action_space()) == 15
    assert log.agent_and_network()["sensor_list"] == ["FRONT_FACING_CAMERA"]
    assert (frame["unique_episode"] == frame["episode"]).all()
    assert (frame["iteration"] == frame["episode"] // 20).all()
    for record in records:
        rows = frame[frame["unique_episode"] == record.episode]
        assert rows["reward"].sum() == pytest.approx(record.reward)
        assert rows["steps"].tolist() == list(range(1, record.steps + 1))
        assert rows["progress"].iloc[-1] == pytest.approx(record.progress_percent)
        assert rows["episode_status"].iloc[0] == "prepare"
        assert rows["episode_status"].iloc[-1] == record.status
        assert rows["done"].tolist() == [False] * (record.steps - 1) + [True]
        assert rows["tstamp"].max() - rows["tstamp"].min() == pytest.approx(record.end_s - record.start_s)
    track = cars.track
    places_m = frame[["x", "y"]].to_numpy()
    distances_m = np.linalg.norm(places_m[:, None] - track.waypoints_m[None], axis=2)
    chosen_m = distances_m[np.arange(len(frame)), frame["closest_waypoint"]]
    assert chosen_m == pytest.approx(distances_m.min(axis=1), abs=1e-5)
    assert frame["track_len"].unique() == pytest.approx([track.length_m])
    assert frame["wall_clock"].unique().tolist() == [5.0]


def test_deepracer_utils_summarises_the_episodes(driven) -> None:
    from deepracer.logs import AnalysisUtils, DeepRacerLog

    run, _, records = driven
    log = DeepRacerLog(str(run.path))
    log.load_training_trace()
    summary = AnalysisUtils.simulation_agg(log.dataframe(), secondgroup="unique_episode")
    summary = summary.set_index("unique_episode")
    for record in records:
        row = summary.loc[record.episode]
        assert row["steps"] == record.steps
        assert row["reward"] == pytest.approx(record.reward)
        assert row["time"] == pytest.approx(record.end_s - record.start_s)


def test_deepracer_utils_reads_the_training_metrics(driven) -> None:
    from deepracer.logs import metrics

    run, _, records = driven
    # The class makes an S3 client it does not need for a file; a region keeps that from asking the network.
    read = metrics.TrainingMetrics("none", fname=str(run.metrics_path), region="local").getTraining()
    assert read["episode"].tolist() == [record.episode + 1 for record in records]
    assert read["reward"].tolist() == pytest.approx([record.reward for record in records])
    assert read["completion"].tolist() == [int(record.progress_percent) for record in records]
    assert read["iteration"].tolist() == [record.episode // 20 for record in records]
    assert read["time"].tolist() == pytest.approx([r.end_s - r.start_s for r in records], abs=1e-3)
    assert read["complete"].sum() == sum(record.status == "lap_complete" for record in records)


def test_deepracer_utils_reads_the_evaluations(tmp_path: Path) -> None:
    from deepracer.logs import DeepRacerLog

    run = create_run(tmp_path)
    for training_steps in (None, 20480):
        cars = FollowingCars(loop(), [2.0, 3.0])
        log = open_log(cars, phase="evaluation", trace_every=1)
        records = [record for record in drive(cars, log, 150) if record.episode < 2]
        rows = log.take_trace()[0]
        run.write_evaluation(rows, records, training_steps=training_steps)
    read = DeepRacerLog(str(run.path))
    read.load_evaluation_trace()
    frame = read.dataframe()
    streams = frame["stream"].unique().tolist()
    assert streams[0] == "00000000020480"
    assert len(streams) == 2
    assert all(len(stream) == 14 and stream.isdigit() for stream in streams)
    one = frame[(frame["stream"] == streams[0]) & (frame["episode"] == 1)]
    assert one["progress"].max() == 100
    metrics = json.loads((run.path / "metrics" / f"EvaluationMetrics-{streams[0]}.json").read_text())
    assert [trial["trial"] for trial in metrics["metrics"]] == [1, 2]
    assert metrics["metrics"][0]["episode_status"] == "Lap complete"


def test_the_metrics_have_deepracers_keys_and_labels(driven) -> None:
    run, _, _ = driven
    document = json.loads(run.metrics_path.read_text())
    assert document["version"] == 2.0
    assert document["best_model_metric"] == "progress"
    assert {
        "reward_score", "metric_time", "start_time", "elapsed_time_in_milliseconds", "episode", "trial",
        "phase", "completion_percentage", "episode_status",
    } <= set(document["metrics"][0])  # fmt: skip
    assert {record["episode_status"] for record in document["metrics"]} == {"Lap complete", "Off track"}
    assert max(record["trial"] for record in document["metrics"]) == 20


def test_a_run_without_episodes_still_has_metrics(tmp_path: Path) -> None:
    run = create_run(tmp_path)
    run.write_training_metrics()
    assert json.loads(run.metrics_path.read_text())["metrics"] == []


def test_one_episode_in_ten_is_traced_and_all_are_counted(tmp_path: Path) -> None:
    cars = FollowingCars(loop(), [2.0, 2.5, 3.0])
    log = open_log(cars, trace_every=10)
    records = drive(cars, log, 2400)
    rows = np.concatenate(list(log.take_trace().values()))
    assert set(rows[:, 0].astype(int)) == set(range(9, log.snapshot()["next_episode"], 10))
    assert len(records) > 40
    assert len({record.episode for record in records}) == len(records)


def test_a_continuous_action_is_written_as_deepracer_wrote_it(tmp_path: Path) -> None:
    run = create_run(tmp_path)
    cars = FollowingCars(loop(), [2.0])
    log = open_log(cars, trace_every=1)
    drive(cars, log, 3, action=np.array([[-12.5, 1.25]]))
    run.append_trace(log.take_trace())
    lines = (run.path / "training-simtrace" / "0-iteration.csv").read_text().splitlines()
    assert lines[0].split(",")[7] == "action"
    assert [line.split(",")[7] for line in lines[1:]] == ["-1", *["[-12.5 1.25]"] * 3]
    assert all(len(line.split(",")) == 19 for line in lines)


def test_a_reversed_car_counts_waypoints_in_its_own_direction(tmp_path: Path) -> None:
    cars = FollowingCars(loop().reversed(), [2.0])
    log = open_log(FollowingCars(loop(), [2.0]), trace_every=1)
    log.take_trace()
    cars.measurements[:, Column.IS_REVERSED] = 1
    cars.step()
    log.step(cars.measurements, np.zeros(1), np.zeros(1), np.zeros(1, bool))
    (row,) = log.take_trace()[0]
    assert row[13] == 1  # 0.13 m into a lap whose waypoints are nearer than 0.2 m to each other


def test_the_log_goes_on_after_a_resume_as_if_nothing_had_happened(tmp_path: Path) -> None:
    def run_with(name: str, interruption: bool) -> RunFolder:
        run = create_run(tmp_path, name)
        cars = FollowingCars(loop(), [1.0, 2.0, 3.0])
        log = open_log(cars)

        def train(steps: int) -> None:
            for _ in range(steps // 100):
                run.append_episodes(drive(cars, log, 100))
                run.append_trace(log.take_trace())
                run.append_update(100, {"entropy": 1.5})

        train(1000)
        run.write_evaluation(np.zeros((0, 20)), [], training_steps=1000)
        positions, snapshot = run.positions(), log.snapshot()
        if interruption:
            saved = cars.measurements.copy(), cars._episodes.copy()
            train(700)
            run.write_evaluation(np.zeros((0, 20)), [], training_steps=1700)
            cars.measurements[:], cars._episodes[:] = saved
            run.truncate_to(positions)
            log = open_log(cars)
            log.restore(snapshot)
        train(1000)
        run.write_training_metrics()
        return run

    whole, resumed = run_with("whole", False), run_with("resumed", True)
    files = sorted(str(p.relative_to(whole.path)) for p in whole.path.rglob("*") if p.is_file())
    assert files == sorted(str(p.relative_to(resumed.path)) for p in resumed.path.rglob("*") if p.is_file())
    for name in files:
        if name != "run.json" and "tfevents" not in name:  # both hold the time of day
            assert (whole.path / name).read_bytes() == (resumed.path / name).read_bytes(), name


def test_a_line_torn_by_a_power_cut_is_dropped(tmp_path: Path) -> None:
    run = create_run(tmp_path)
    run.episodes_path.write_text('{"episode": 1}\n{"episode": 2}\n')
    positions = run.positions()
    run.episodes_path.write_text('{"episode": 1}\n{"epi')
    run.truncate_to(positions)
    assert run.episodes_path.read_text() == '{"episode": 1}\n'


def test_tensorboard_reads_the_events(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    run = create_run(tmp_path)
    run.append_update(64, {"entropy": 2.5})
    run.append_update(128, {"entropy": 2.0, "value_loss": 0.25})
    (path,) = run.events_path.iterdir()
    events = list(EventFileLoader(str(path)).Load())
    assert [event.step for event in events[1:]] == [64, 128]
    assert [value.tag for value in events[2].summary.value] == ["entropy", "value_loss"]


def test_a_taken_name_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    run = create_run(tmp_path)
    with pytest.raises(RunError, match="already a run 'made-up'"):
        create_run(tmp_path)
    assert run.info().description == "made up"
    assert run_names(tmp_path) == ["made-up"]


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "-x", "a:b", "x" * 65, "ä"])
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="cannot be the name of a run"):
        create_run(tmp_path, name)
    with pytest.raises(RunError, match="There is no run"):
        RunFolder.open(tmp_path, name)


def test_a_misspelt_run_is_suggested(tmp_path: Path) -> None:
    create_run(tmp_path, "my-first-run")
    with pytest.raises(RunError, match="Did you mean 'my-first-run'"):
        RunFolder.open(tmp_path, "my-frist-run")


def test_a_failed_creation_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(StorageError):
        create_run(tmp_path)
    assert (tmp_path / "runs").is_file()


def test_a_killed_training_is_interrupted_and_a_running_one_is_not(tmp_path: Path) -> None:
    run = create_run(tmp_path)
    run.update(state=TRAINING, steps=10)
    run.update(best_progress_percent=40.0)
    assert run.info().state == INTERRUPTED
    holder = (
        "import sys; from pathlib import Path; from trainer.runs.run_folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).lock(): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert run.info().state == TRAINING
        with pytest.raises(RunError, match="being trained by another process"):
            run.delete()
        with pytest.raises(RunError, match="being trained by another process"):
            run.rename("other")
        process.kill()
    assert run.info().state == INTERRUPTED
    assert run.info().summary == {"steps": 10, "best_progress_percent": 40.0}


def test_a_run_can_be_renamed_and_deleted(tmp_path: Path) -> None:
    run = create_run(tmp_path).rename("better")
    create_run(tmp_path, "other")
    assert run.info().name == "better"
    with pytest.raises(RunError, match="already a run 'other'"):
        run.rename("other")
    run.delete()
    assert run_names(tmp_path) == ["other"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["other"]


@pytest.mark.parametrize("name", ["metrics/episodes.jsonl", "training-simtrace/0-iteration.csv", "events"])
def test_a_full_disk_is_told_and_what_was_written_stays(tmp_path: Path, name: str) -> None:
    run = create_run(tmp_path)
    cars = FollowingCars(loop(), [3.0])
    log = open_log(cars, trace_every=1)
    records = drive(cars, log, 100)
    run.append_episodes(records)
    run.append_update(100, {"entropy": 1.0})
    positions, snapshot = run.positions(), run.episodes_path.read_bytes()
    full = next(run.events_path.iterdir()) if name == "events" else run.path / name
    kept = full.read_bytes() if full.exists() else b""
    full.unlink(missing_ok=True)
    full.symlink_to("/dev/full")

    def go_on() -> None:
        run.append_trace(log.take_trace())
        run.append_episodes(records)
        run.append_update(200, {"entropy": 0.5})

    with pytest.raises(StorageError, match="disk is full"):
        go_on()
    full.unlink()
    if kept:
        full.write_bytes(kept)
    run.truncate_to(positions)
    assert run.episodes_path.read_bytes() == snapshot
    assert run.positions() == positions
