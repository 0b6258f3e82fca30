"""`lapwing evaluate`: what it prints, writes and keeps, and what it refuses."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from shared.drive_channels import CameraFrame, Command, DriveEvent, ModelOutput, PoseSample
from shared.drive_log import read_drive_log
from tests.trainer.autopilot import Autopilot
from tests.trainer.untrained_run import untrained_run
from trainer.cli import run as lapwing
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.plan import EvaluationPlan
from trainer.evaluation.recordings import TrialFilm, TrialLog
from trainer.export.checkpoint_export import export_checkpoint
from trainer.rewards.recorded import read_recorded
from trainer.simulator import Column, Simulator, SimulatorSettings
from trainer.simulator.measurements import ObjectColumn
from trainer.simulator.race import BotSettings, BoxSettings, RaceSettings
from trainer.tracks import load_track


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads on a busy machine wait for each other longer than a small network takes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a run that cannot drive, and its archive."""
    folder = tmp_path_factory.mktemp("home")
    export_checkpoint(untrained_run(folder, "poor", 'tracks=["oval"]', steps=(64,)), frames=2)
    return folder


def test_a_runs_evaluation_is_shown_written_and_kept(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "folder" / "out.json"
    code = lapwing(
        ["--home", str(home), "evaluate", "poor", "--trials", "3", "--world", "light", "--json", str(report)]
    )
    assert code == 0
    said = capsys.readouterr().out
    assert "poor, checkpoint of 64 steps in light worlds" in said
    assert "of 3 laps complete" in said
    written = json.loads(report.read_text())
    assert written["plan"]["tracks"] == ["oval"], "the run's own track is the default"
    assert written["figures"]["trials"] == 3
    (folder,) = (home / "runs" / "poor").glob("evaluation-" + "[0-9]" * 14)
    assert json.loads((folder / "evaluation.json").read_text()) == written
    assert (folder / "evaluation-simtrace" / "0-iteration.csv").is_file()
    metrics = home / "runs" / "poor" / "metrics" / f"EvaluationMetrics-{folder.name[-14:]}.json"
    assert len(json.loads(metrics.read_text())["metrics"]) == 3
    assert str(folder) in said


def test_the_archive_drives_as_the_checkpoint_does(home: Path, tmp_path: Path) -> None:
    figures = []
    archive = home / "runs" / "poor" / "archives" / "poor.tar.gz"
    for number, source in enumerate(("poor", str(archive))):
        report = tmp_path / f"{number}.json"
        options = ["--track", "oval", "--trials", "2", "--json", str(report)]
        assert lapwing(["--home", str(home), "evaluate", source, *options]) == 0
        figures.append(json.loads(report.read_text())["figures"])
    assert figures[0] == figures[1]


def test_starts_directions_and_laps_reach_the_plan(home: Path, tmp_path: Path) -> None:
    report = tmp_path / "out.json"
    options = ["--starts", "2", "--both-directions", "--laps", "2", "--seed", "4"]
    options += ["--track", "oval", "--track", "lapwing_loop", "--json", str(report)]
    assert lapwing(["--home", str(home), "evaluate", "poor", *options]) == 0
    plan = json.loads(report.read_text())["plan"]
    assert plan["trials"] == 2
    assert plan["directions"] == ["forward", "reversed"]
    assert (plan["penalty_s"], plan["laps"], plan["seed"]) == (None, 2, 4)
    assert plan["tracks"] == ["oval", "lapwing_loop"]


@pytest.mark.parametrize(("option", "penalty_s"), [(["--penalties"], 2.0), (["--penalty", "9.5"], 9.5)])
def test_penalties_reach_the_plan(home: Path, tmp_path: Path, option: list[str], penalty_s: float) -> None:
    report = tmp_path / "out.json"
    assert (
        lapwing(
            [
                "--home",
                str(home),
                "evaluate",
                "poor",
                "--trials",
                "1",
                "--json",
                str(report),
                *option,
                "--time-limit",
                "12",
            ]
        )
        == 0
    )
    written = json.loads(report.read_text())
    assert written["plan"]["penalty_s"] == penalty_s
    assert written["figures"]["resets"] >= 1


def test_a_race_reaches_the_plan_and_is_driven_alone_too(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "out.json"
    options = ["--race", "object_avoidance", "--boxes", "2", "--crash-penalty", "1", "--mercy", "--time-limit", "1"]
    options += ["--bots", "1", "--bot-speed", "0.3", "0.4", "--trials", "1", "--track", "cup", "--json", str(report)]
    assert lapwing(["--home", str(home), "evaluate", "poor", *options]) == 0
    said = capsys.readouterr().out
    assert "Without touching anything: 0 of 1 laps" in said
    assert "Alone on cup: no complete lap, 0 of 1 laps" in said
    written = json.loads(report.read_text())
    plan = written["plan"]
    assert (plan["penalty_s"], plan["crash_penalty_s"], plan["mercy"]) == (2.0, 1.0, True)
    assert (plan["race"]["boxes"]["count"], plan["race"]["bots"]["speed_mps"]) == (2, [0.3, 0.4])
    assert (written["figures"]["laps_without_touching_in_time"], written["solo"][0]["lap_s"]) == (0, None)


@pytest.mark.parametrize(
    ("options", "in_turn"), [([], True), (["--race", "head_to_bot"], False), (["--race", "mixed"], True)]
)
def test_a_mixed_race_comes_in_turn_as_in_its_training(tmp_path: Path, options: list[str], in_turn: bool) -> None:
    untrained_run(tmp_path, "mixed", 'tracks=["cup"]', "race=mixed", steps=(64,))
    report = tmp_path / "out.json"
    options = [*options, "--no-solo", "--trials", "1", "--time-limit", "0.1", "--json", str(report)]
    assert lapwing(["--home", str(tmp_path), "evaluate", "mixed", *options]) == 0
    assert json.loads(report.read_text())["plan"]["in_turn"] is in_turn


def test_a_trial_is_filmed_and_logged(home: Path, tmp_path: Path) -> None:
    video, log = tmp_path / "lap.mp4", tmp_path / "drive.mcap"
    options = ["--trials", "2", "--video", str(video), "--log", str(log), "--film-trial", "2"]
    assert lapwing(["--home", str(home), "evaluate", "poor", *options]) == 0
    assert video.stat().st_size > 2_000
    read = read_drive_log(log)
    assert read.is_complete
    assert read.about["policy"] == "poor"
    assert "model_metadata.json" in read.attachments
    assert len(read.of(Command)) == len(read.of(ModelOutput)) == len(read.of(PoseSample)) - 1


def test_the_log_tells_what_the_simulator_did(tmp_path: Path) -> None:
    autopilot = Autopilot(speed_mps=1.5)
    plan = EvaluationPlan((load_track("oval"),), trials=1, laps=2)
    path = tmp_path / "drive.mcap"
    with TrialLog(path, trial=1, policy=autopilot.policy) as log:
        result = evaluate(autopilot.policy, plan, spectators=[autopilot, log])
    read = read_drive_log(path)
    laps = [entry.message for entry in read.of(DriveEvent)]
    assert [event.kind for event in laps] == ["lap", "lap"]
    assert [event.value for event in laps] == pytest.approx(result.trials[0].lap_times_s)
    poses = read.of(PoseSample)
    assert poses[0].time_s == 0.0
    assert poses[-1].time_s == pytest.approx(result.trials[0].laps[-1].end_s)
    assert max(entry.message.speed_mps for entry in poses) == pytest.approx(1.5, abs=0.1)
    commands = [entry.message for entry in read.of(Command)]
    assert [command.speed_mps for command in commands] == pytest.approx([1.5] * len(commands))


def test_of_two_cameras_the_log_has_the_newest_left_picture(tmp_path: Path) -> None:
    autopilot = Autopilot(sensors=("STEREO_CAMERAS",), stack_size=2)
    path = tmp_path / "drive.mcap"
    with TrialLog(path, trial=1, policy=autopilot.policy) as log:
        left, right = ({"STEREO_CAMERAS": np.full((4, 120, 160), 50, np.uint8)} for _ in range(2))
        left["STEREO_CAMERAS"][2], right["STEREO_CAMERAS"][3] = 200, 200
        simulator = Simulator([load_track("oval")], seeds=[1], sensors=["STEREO_CAMERAS"])
        simulator.reset()
        for seen in (left, right):
            log.add(simulator, seen, np.zeros(2, np.float32))
    pictures = [Image.open(io.BytesIO(entry.message.jpeg)) for entry in read_drive_log(path).of(CameraFrame)]
    assert [np.asarray(picture).mean() for picture in pictures] == pytest.approx([200, 50], abs=1)


def test_a_logged_race_is_replayed_to_a_reward_as_it_was(tmp_path: Path) -> None:
    autopilot, measured = Autopilot(lateral_m=-0.25), Measured()
    track = load_track("cup")
    race = RaceSettings(boxes=BoxSettings(count=2), bots=BotSettings(count=2, speed_mps=(0.5, 0.5)))
    plan = EvaluationPlan((track,), trials=1, time_limit_s=9.0, seed=3, simulator=SimulatorSettings(race=race))
    with TrialLog(tmp_path / "drive.mcap", trial=1, policy=autopilot.policy) as log:
        evaluate(autopilot.policy, plan, spectators=[autopilot, measured, log])
    [situation] = read_recorded(tmp_path / "drive.mcap", track)
    assert situation.objects == 4
    replayed, driven = situation.rows[1:], np.array(measured.rows)  # the log begins with the start
    np.testing.assert_array_equal(replayed[:, Column.IS_CRASHED], driven[:, Column.IS_CRASHED])
    ends = [Column.IS_CRASHED, Column.OVERTAKES, Column.OVERTAKEN]
    assert replayed[-1, ends].tolist() == driven[-1, ends].tolist() == [1, 1, 0]
    objects, seen = (rows[:, len(Column) :].reshape(len(rows), 4, -1) for rows in (replayed, driven))
    np.testing.assert_allclose(objects[..., :4], seen[..., :4], atol=1e-6)
    places = [ObjectColumn.SPEED_MPS, ObjectColumn.ARC_M, ObjectColumn.LATERAL_M, ObjectColumn.GAP_M]
    np.testing.assert_allclose(objects[..., places], seen[..., places], atol=0.03)


class Measured:
    """Looks on and keeps the measurements of the first trial."""

    def __init__(self) -> None:
        self.rows: list[Any] = []

    def begin(self, simulator: Simulator, rows: np.ndarray) -> None:
        pass

    def step(self, simulator: Simulator, *_: Any) -> None:
        self.rows.append(simulator.measurements[0].copy())


@pytest.mark.parametrize("view", ["top", "chase"])
def test_a_film_is_as_long_as_the_drive_and_a_second(tmp_path: Path, view: str) -> None:
    autopilot = Autopilot()
    plan = EvaluationPlan((load_track("oval"),), trials=1, time_limit_s=1.0)
    with TrialFilm(tmp_path / "lap.mp4", view=view, trial=1, policy=autopilot.policy) as film:  # type: ignore[arg-type]
        evaluate(autopilot.policy, plan, spectators=[autopilot, film])
    assert film.frames == 1 + 15 + 15


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["poor", "--track", "ovel"], "oval"),
        (["por"], "Did you mean 'poor'"),
        (["poor", "--film-trial", "9", "--video", "x.mp4"], "only 5 trials"),
        (["poor", "--track", "straight", "--laps", "2"], "two ends"),
        (["missing.tar.gz"], "no file missing.tar.gz"),
        (["poor", "--video", "lap.avi"], "Name it lap.mp4"),
        (["poor", "--set", "hyperparameters.lr=1"], "settings of the simulator"),
        (["poor", "--json", "/dev/null/out.json"], "Cannot write /dev/null"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_1(
    home: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lapwing(["--home", str(home), "evaluate", *arguments]) == 1
    said = capsys.readouterr()
    assert words in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


def test_a_log_that_is_there_already_is_not_overwritten(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "drive.mcap"
    path.write_bytes(b"precious")
    assert lapwing(["--home", str(home), "evaluate", "poor", "--log", str(path)]) == 1
    assert path.read_bytes() == b"precious"
    assert str(path) in capsys.readouterr().err


def test_help_names_what_people_need(capsys: pytest.CaptureFixture[str]) -> None:
    assert lapwing(["evaluate", "--help"]) == 0
    said = capsys.readouterr().out
    for option in ("--track", "--trials", "--starts", "--world", "--video", "--view", "--json", "--log"):
        assert option in said
