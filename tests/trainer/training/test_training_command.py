"""`lapwing train`: what it refuses and with which words, clones, and what Ctrl-C and kill -9 leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from shared.lidar import LidarConfig
from shared.model_metadata import ModelMetadata
from trainer.cli import run as lapwing
from trainer.config import TrainingSettings
from trainer.ppo.update import UpdateReport
from trainer.runs.episode_log import EpisodeRecord
from trainer.runs.run_folder import RunFolder
from trainer.training.cars import Drive
from trainer.training.checkpoint import list_checkpoints
from trainer.training.display import Display, bar
from trainer.training.stopping import Standing, fraction_done, reason_to_stop, seconds_left

QUICK = (
    "--plain", "--cars", "8", "--steps", "64", "--set", "hyperparameters.horizon=8", "--set",
    "evaluation.trials=1", "--set", "simulator.rules.time_limit_s=1", "--set", "reward_worker.isolated=false",
)  # fmt: skip


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    """The command chooses how many threads torch may use; other tests shall not notice."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def train(home: Path, *arguments: str) -> int:
    return lapwing(["--home", str(home), "train", *arguments])


def settings_of(home: Path, name: str) -> TrainingSettings:
    from shared.settings import load_settings

    return load_settings(TrainingSettings, RunFolder.open(home, name).settings_path)


def test_a_run_is_trained_and_says_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path, "first", *QUICK) == 0
    out = capsys.readouterr().out
    assert "Ended: 64 steps driven." in out
    assert "lapwing evaluate first" in out
    assert RunFolder.open(tmp_path, "first").info().summary["steps"] == 64


def test_a_name_can_be_given_either_way(tmp_path: Path) -> None:
    assert train(tmp_path, "--name", "first", *QUICK) == 0
    assert RunFolder.open(tmp_path, "first").info().state == "finished"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "A run needs a name"),
        (("bad/name",), "cannot be the name of a run"),
        (("x", "--set", "hyperparameters.lrr=1"), "Did you mean 'lr'?"),
        (("x", "--set", "hyperparameters.lr=1"), "hyperparameters.lr"),
        (("x", "--set", "car.network=fats"), "Did you mean 'fast'?"),
        (("x", "--set", "car.actions.kind=contin"), "Did you mean 'continuous'?"),
        (("x", "--set", "car.actions.max_sped_mps=1"), "Did you mean 'max_speed_mps'?"),
        (("x", "--track", "lapwing_lop"), "lapwing_loop"),
        (("x", "--reward", "follow_centre_line"), "Did you mean 'follow_center_line'?"),
        (("x", "--reward", "nowhere.py"), "nowhere.py"),
        (("x", "--car", "porsche"), "There is no car 'porsche'"),
        (("x", "--from", "nobody"), "There is no run 'nobody'"),
        (("x", "--config", "nowhere.toml"), "there is no such settings file"),
        (("x", "--race", "object_avoidance", "--set", "simulator.race.boxes.count=15"), "there is room for 8"),
        (("x", "--race", "head_to_head", "--cars", "9"), "make it 8"),
        (("x", "--race", "head_to_head", "--against", "nobody"), "There is no run 'nobody'"),
        (("x", "--against", "self"), "--race head_to_head has 2"),
        (("--resume", "nobody"), "There is no run 'nobody'"),
        (("--resume", "nobody", "--seed", "3"), "seed cannot change while a run goes on"),
        (("x", "--resume", "nobody"), "leave out NAME"),
    ],
)  # fmt: skip
def test_a_refusal_is_a_sentence_and_leaves_nothing(
    tmp_path: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, *arguments) == 1
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu_is_refused_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path, "first", *QUICK, "--device", "cuda") == 1
    assert "finds no NVIDIA GPU" in capsys.readouterr().err
    assert not list(tmp_path.glob("runs/*"))


def test_a_taken_name_is_refused_and_the_run_untouched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path, "first", *QUICK) == 0
    before = RunFolder.open(tmp_path, "first").updates_path.read_bytes()
    assert train(tmp_path, "first", *QUICK) == 1
    assert "already a run 'first'" in capsys.readouterr().err
    assert RunFolder.open(tmp_path, "first").updates_path.read_bytes() == before


def test_a_reward_that_breaks_at_once_leaves_its_name_free(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("def reward_function(params):\n    return params['sped']\n")
    assert train(tmp_path, "first", *QUICK, "--reward", str(mine)) == 1
    error = capsys.readouterr().err
    assert "line 2" in error
    assert str(mine) in error
    mine.write_text("def reward_function(params):\n    return params['speed']\n")
    assert train(tmp_path, "first", *QUICK, "--reward", str(mine)) == 0
    assert RunFolder.open(tmp_path, "first").reward_path.read_text() == mine.read_text()


def test_short_options_end_up_in_the_settings(tmp_path: Path) -> None:
    arguments = (
        "--world",
        "strong",
        "--seed",
        "5",
        "--preset",
        "deepracer",
        "--track",
        "oval",
        "--track",
        "bowtie",
    )
    assert train(tmp_path, "first", *QUICK, *arguments) == 0
    settings = settings_of(tmp_path, "first")
    assert settings.simulator.randomisation.preset == settings.evaluation.world == "strong"
    assert settings.seed == 5
    assert settings.tracks == ("oval", "bowtie")
    assert settings.hyperparameters.batch_size == 64


def test_a_clone_begins_with_the_policy_and_keeps_what_is_not_changed(tmp_path: Path) -> None:
    from trainer.training.checkpoint import read_weights

    assert train(tmp_path, "parent", *QUICK, "--set", "hyperparameters.clip=0.3") == 0
    assert train(tmp_path, "child", "--from", "parent:64", "--plain", "--steps", "64", "--track", "oval") == 0
    child, parent = (RunFolder.open(tmp_path, name).path / "checkpoints" for name in ("child", "parent"))
    first, last = read_weights(child / "0"), read_weights(parent / "64")
    assert all((first[name] == last[name]).all() for name in last)
    settings = settings_of(tmp_path, "child")
    assert settings.tracks == ("oval",)
    assert settings.hyperparameters.clip == 0.3
    assert RunFolder.open(tmp_path, "child").info().summary["cloned_from"] == "parent:64"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("car.actions.speed_granularity=2", "15 actions.*10 actions"),
        ("car.actions.kind=continuous", "15 actions.*continuous actions"),
        (
            "car.network=DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
            "network fast.*DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
        ),
        ("car.stack_size=2", "stack_size 1.*stack_size 2|stack_size 1.* 2"),
        ('car.sensors=["STEREO_CAMERAS"]', "sensors .*FRONT_FACING_CAMERA.*STEREO_CAMERAS"),
    ],
)
def test_a_clone_that_does_not_fit_is_refused_with_the_reason(
    tmp_path: Path, change: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    assert train(tmp_path, "parent", *QUICK) == 0
    assert train(tmp_path, "child", "--from", "parent", "--set", change, "--steps", "64") == 1
    assert re.search(words, capsys.readouterr().err)
    assert not (tmp_path / "runs" / "child").exists()


def test_a_clone_keeps_its_lidar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lidar = ("--set", 'car.sensors=["FRONT_FACING_CAMERA", "LIDAR"]', "--set", "car.lidar.num_rays=32")
    assert train(tmp_path, "parent", *QUICK, *lidar) == 0
    assert train(tmp_path, "child", "--from", "parent", "--set", "car.lidar.clip_m=2", "--steps", "64") == 1
    assert "lidar.clip_m None, and the new run would have lidar.clip_m 2.0" in capsys.readouterr().err
    metadata = ModelMetadata.from_json(RunFolder.open(tmp_path, "parent").metadata_path.read_bytes())
    assert metadata.sensors == ("FRONT_FACING_CAMERA", "LIDAR")
    assert metadata.lidar == LidarConfig(num_rays=32, clip_m=1.0)


def test_going_on_keeps_the_settings_and_takes_new_limits(tmp_path: Path) -> None:
    assert train(tmp_path, "first", *QUICK) == 0
    assert train(tmp_path, "--resume", "first", "--steps", "128", "--plain") == 0
    assert RunFolder.open(tmp_path, "first").info().summary["steps"] == 128
    assert settings_of(tmp_path, "first").stop.steps == 128


def start_process(home: Path, name: str, steps: int) -> subprocess.Popen[str]:
    """A training in a process of its own, with small turns."""
    arguments = [*QUICK, "--set", "evaluation.every_steps=640"]
    arguments[arguments.index("--steps") + 1] = str(steps)
    # On one core: nothing waits for a second thread that a busy machine does not run.
    core = min(os.sched_getaffinity(0))
    script = f"import os; os.sched_setaffinity(0, {{{core}}}); import trainer.cli as cli; cli.main()"
    return subprocess.Popen(
        [sys.executable, "-c", script, "--home", str(home), "train", name, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for_checkpoint(home: Path, name: str, steps: int, process: subprocess.Popen[str]) -> None:
    for _ in range(3000):
        path = home / "runs" / name
        if path.exists() and any(found >= steps for found in list_checkpoints(path)):
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError("no checkpoint came")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_says_how_to_go_on_and_exits_with_1(tmp_path: Path, number: signal.Signals) -> None:
    process = start_process(tmp_path, "first", 10_000_000)
    wait_for_checkpoint(tmp_path, "first", 640, process)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "lapwing train --resume first" in error
    assert "Traceback" not in error
    run = RunFolder.open(tmp_path, "first")
    last_update = json.loads(run.updates_path.read_text().splitlines()[-1])
    assert list_checkpoints(run.path)[-1] == last_update["steps"]
    assert run.info().state == "stopped"


def test_a_killed_run_says_that_it_was_interrupted_and_goes_on(tmp_path: Path) -> None:
    process = start_process(tmp_path, "first", 10_000_000)
    wait_for_checkpoint(tmp_path, "first", 640, process)
    process.kill()
    process.communicate()
    run = RunFolder.open(tmp_path, "first")
    assert run.info().state == "interrupted"
    reached = list_checkpoints(run.path)[-1]
    assert train(tmp_path, "--resume", "first", "--steps", str(reached + 64), "--plain") == 0
    assert RunFolder.open(tmp_path, "first").info().summary["steps"] == reached + 64


# What the display says


def test_the_nearest_limit_decides_the_time_left() -> None:
    stop = TrainingSettings.model_validate({"stop": {"steps": 1000, "minutes": 10}}).stop
    before, now = Standing(0, 0, 0.0), Standing(200, 5, 10.0)
    assert seconds_left(stop, now, before) == pytest.approx(40.0)  # 800 steps at 20 a second
    assert fraction_done(stop, now) == 0.2


def test_without_a_limit_nothing_is_promised() -> None:
    stop = TrainingSettings().stop
    assert seconds_left(stop, Standing(5, 1, 1.0), Standing(0, 0, 0.0)) is None
    assert fraction_done(stop, Standing(5, 1, 1.0)) is None
    assert reason_to_stop(stop, Standing(10**9, 10**9, 1e9)) is None


def test_a_target_makes_the_time_left_a_limit_and_not_a_promise() -> None:
    stop = TrainingSettings.model_validate({"stop": {"minutes": 1, "target_laps": 3}}).stop
    display = Display("first", stop, live=False)
    display._pace.append((0.0, Standing(0, 0, 0.0)))
    assert "at most 1:00 left" in display.line()


def test_the_panel_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with Display("first", TrainingSettings().stop, live=True) as display:
        display.say("a sentence [with brackets]")
        display.pulse()
    out = capsys.readouterr().out
    assert "training first" in out
    assert "a sentence [with brackets]" in out
    assert "evaluation" in out


def drive_of(crashes: Sequence[int], level: float | None) -> Drive:
    records = tuple(
        EpisodeRecord(number, 1, "training", 1.0, 50.0, "crashed", 0.0, 1.0, 15, crash_count=crash)
        for number, crash in enumerate(crashes)
    )
    return Drive(64, records, 0.1, 0.0, 0.0, level)


@pytest.mark.parametrize(
    ("crashes", "level", "line", "row"),
    [
        ((1, 0, 0, 0), None, "crashed 25 %", "25 % of these episodes crashed"),
        ((0, 0), 0.4, "level 40 %", "40 %, 0 % of these episodes crashed"),
        ((0, 0), None, None, None),
    ],
)
def test_the_display_tells_of_crashes_and_of_the_level(
    crashes: Sequence[int], level: float | None, line: str | None, row: str | None
) -> None:
    display = Display("first", TrainingSettings().stop, live=False)
    report = UpdateReport(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    display.updated(Standing(64, 4, 1.0), drive_of(crashes, level), report)
    assert line is None or line in display.line()
    rows = dict(display.rows())
    assert (row in rows["race"]) if row else "race" not in rows


@pytest.mark.parametrize(("fraction", "filled"), [(-1.0, 0), (0.5, 10), (2.0, 20)])
def test_a_bar_stays_in_its_frame(fraction: float, filled: int) -> None:
    assert bar(fraction).count("█") == filled
    assert len(bar(fraction)) == 20
