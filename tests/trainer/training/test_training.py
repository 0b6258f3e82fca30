"""A training stops where it is told, is the same every time, and goes on as if never interrupted."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.errors import LapwingError, RewardError, RunError
from tests.trainer.training.small_trainings import (
    Silent,
    finish,
    finish_with_cuts,
    new_run,
    what_was_written,
)
from trainer.runs.run_folder import RunFolder
from trainer.training.checkpoint import find_checkpoint, list_checkpoints, read_checkpoint, read_weights
from trainer.training.loop import train
from trainer.training.stopping import Standing, StopRequest


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads on a busy machine wait for each other longer than these small networks take."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_run_ends_at_its_steps_and_is_evaluated_there(tmp_path: Path) -> None:
    run, settings = new_run(tmp_path, "first", "stop.steps=192")
    outcome = finish(run, settings)
    assert outcome.standing.steps == 192
    assert not outcome.interrupted
    assert list_checkpoints(run.path) == [0, 128, 192]
    assert read_checkpoint(find_checkpoint(run.path, "last")).evaluation["trials"] == 2
    assert run.info().state == "finished"


@pytest.mark.parametrize("limit", ["stop.episodes=3", "stop.minutes=0.0001", "stop.steps=1"])
def test_a_run_ends_at_the_first_limit(tmp_path: Path, limit: str) -> None:
    run, settings = new_run(tmp_path, "first", limit, "simulator.rules.time_limit_s=0.3")
    assert not finish(run, settings).interrupted


def test_the_same_seed_trains_the_same_policy(tmp_path: Path) -> None:
    runs = [new_run(tmp_path, name, "stop.steps=192") for name in ("first", "second")]
    for run, settings in runs:
        finish(run, settings)
    assert what_was_written(runs[0][0]) == what_was_written(runs[1][0])


def test_another_seed_trains_another_policy(tmp_path: Path) -> None:
    runs = [new_run(tmp_path, f"seed-{seed}", "stop.steps=64", f"seed={seed}") for seed in (1, 2)]
    for run, settings in runs:
        finish(run, settings)
    first, second = (read_weights(find_checkpoint(run.path, "last")) for run, _ in runs)
    assert not np.array_equal(first["policy_head.weight"], second["policy_head.weight"])


def test_worlds_change_while_the_cars_learn_unless_they_are_told_not_to(tmp_path: Path) -> None:
    runs = {steps: new_run(tmp_path, f"every-{steps}", "stop.steps=64", f"hyperparameters.world_steps={steps}")
            for steps in (0, 3)}  # fmt: skip
    for run, settings in runs.values():
        finish(run, settings)
    still, moving = (what_was_written(run) for run, _ in runs.values())
    assert still["policy_head.weight"] != moving["policy_head.weight"]


VARIANTS: Mapping[str, tuple[str, ...]] = {
    "plain": ("hyperparameters.world_steps=7",),
    "isolated rewards": ("reward_worker.isolated=true",),
    "stacked pictures": ("car.stack_size=3",),
    "every kind of sensor": (
        'car.sensors=["WHEEL_SPEED_AND_YAW_RATE", "STEREO_CAMERAS", "DISCRETIZED_SECTOR_LIDAR"]',
        "car.stack_size=2", "car.lidar.num_rays=40", "car.lidar.num_values_per_sector=4",
    ),
    "continuous, led by its movements": ("car.actions.kind=continuous", "hyperparameters.target_kl=0.000001"),
    "whole episodes": (
        "hyperparameters.preset=deepracer", "hyperparameters.horizon=0", "hyperparameters.num_epochs=3",
        "hyperparameters.num_episodes_between_training=5", "simulator.rules.time_limit_s=0.8",
    ),
    "generated tracks, e-greedy, annealed": (
        'tracks=["generated", "oval"]', "generated.count=12", "hyperparameters.exploration_type=e_greedy",
        "hyperparameters.anneal_steps=200",
    ),
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_that_was_cut_off_goes_on_as_if_nothing_had_happened(tmp_path: Path, variant: str) -> None:
    overrides = ("stop.steps=384", *VARIANTS[variant])
    calm, settings = new_run(tmp_path, "calm", *overrides)
    finish(calm, settings)
    rough, _ = new_run(tmp_path, "rough", *overrides)
    finish_with_cuts(rough, settings, (70, 200, 320))
    assert what_was_written(rough) == what_was_written(calm)


def test_a_stop_by_hand_saves_and_the_run_goes_on_from_there(tmp_path: Path) -> None:
    calm, settings = new_run(tmp_path, "calm", "stop.steps=256")
    finish(calm, settings)
    rough, _ = new_run(tmp_path, "rough", "stop.steps=256")
    stop = StopRequest()

    def ask(standing: Standing) -> None:
        stop.wanted = standing.steps >= 192

    outcome = train(rough, settings, Silent(ask), stop)
    assert outcome.interrupted
    assert rough.info().state == "stopped"
    assert list_checkpoints(rough.path)[-1] == 192
    finish(rough, settings)
    assert what_was_written(rough) == what_was_written(calm)


def test_a_long_turn_is_left_at_once_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.training.loop.PATIENCE_S", 0.0)
    calm, settings = new_run(tmp_path, "calm", "stop.steps=256")
    finish(calm, settings)
    rough, _ = new_run(tmp_path, "rough", "stop.steps=256")
    stop = StopRequest()

    class Impatient(Silent):
        pulses = 0

        def pulse(self) -> None:
            self.pulses += 1
            stop.wanted = self.pulses > 40

    assert train(rough, settings, Impatient(), stop).interrupted
    finish(rough, settings)
    assert what_was_written(rough) == what_was_written(calm)


def test_a_damaged_last_checkpoint_costs_only_the_way_from_the_one_before(tmp_path: Path) -> None:
    calm, settings = new_run(tmp_path, "calm", "stop.steps=256")
    finish(calm, settings)
    before = what_was_written(calm)
    (calm.path / "checkpoints" / "256" / "state.npz").write_bytes(b"not what it was")
    finish(calm, settings)
    assert what_was_written(calm) == before


def test_a_finished_run_that_goes_on_without_a_new_limit_does_nothing(tmp_path: Path) -> None:
    run, settings = new_run(tmp_path, "first", "stop.steps=64")
    finish(run, settings)
    before = what_was_written(run)
    assert finish(run, settings).standing.steps == 64
    assert what_was_written(run) == before


def test_two_trainings_of_one_run_are_refused(tmp_path: Path) -> None:
    run, settings = new_run(tmp_path, "first", "stop.steps=64")
    with run.lock(), pytest.raises(RunError, match="another process"):
        finish(run, settings)


def test_the_best_model_is_kept_and_found(tmp_path: Path) -> None:
    run, settings = new_run(tmp_path, "first", "stop.steps=640")
    outcome = finish(run, settings)
    best = find_checkpoint(run.path, "best")
    assert int(best.name) == outcome.best_steps
    evaluation = read_checkpoint(best).evaluation
    assert evaluation["progress_percent"] == outcome.best["progress_percent"]
    assert json.loads((run.path / "run.json").read_text())["summary"]["best_steps"] == outcome.best_steps


@pytest.mark.parametrize("best_by", ["progress", "laptime", "reward"])
def test_the_best_can_be_by_progress_lap_time_or_reward(tmp_path: Path, best_by: str) -> None:
    run, settings = new_run(tmp_path, "first", "stop.steps=64", f"evaluation.best_by={best_by}")
    outcome = finish(run, settings)
    assert (outcome.best["reward"] > 0) == (best_by == "reward")


def bad_reward(tmp_path: Path, body: str) -> str:
    file = tmp_path / "mine.py"
    file.write_text(f"calls = 0\ndef reward_function(params):\n    global calls\n    calls += 1\n    {body}\n")
    return f"reward={file}"


def test_a_reward_that_breaks_late_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    body = "return 1.0 if calls < 20 else 1.0 / 0"
    run, settings = new_run(tmp_path, "first", "stop.steps=640", bad_reward(tmp_path, body))
    with pytest.raises(RewardError, match="line 5"):
        finish(run, settings)
    assert list_checkpoints(run.path) == [0, 128]
    assert run.info().state == "failed"


def test_rewards_remember_across_an_interruption(tmp_path: Path) -> None:
    reward = bad_reward(tmp_path, "return float(calls)")
    calm, settings = new_run(tmp_path, "calm", "stop.steps=256", reward)
    finish(calm, settings)
    rough, _ = new_run(tmp_path, "rough", "stop.steps=256", reward)
    finish(rough, settings.changed(stop=settings.stop.changed(steps=128)))
    finish(rough, settings)
    assert what_was_written(rough)["metrics/episodes.jsonl"] == what_was_written(calm)["metrics/episodes.jsonl"]


def test_numbers_that_are_no_longer_numbers_end_the_run_with_a_sentence(tmp_path: Path) -> None:
    run, settings = new_run(tmp_path, "first", "stop.steps=64")
    finish(run, settings)
    weights = {name: np.full_like(a, np.nan) for name, a in read_weights(find_checkpoint(run.path)).items()}
    broken, _ = new_run(tmp_path, "broken", "stop.steps=64")
    with pytest.raises(LapwingError, match=r"Learning broke down.*hyperparameters\.lr"):
        train(broken, settings, Silent(), StopRequest(), first_weights=weights)


def test_a_full_disk_ends_the_run_with_a_sentence_and_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, settings = new_run(tmp_path, "first", "stop.steps=256")

    def full(standing: Standing) -> None:
        if standing.steps == 192:

            def write(*_: object, **__: object) -> None:
                raise OSError(28, "No space left on device")

            monkeypatch.setattr("trainer.training.checkpoint.np.savez", write)

    with pytest.raises(LapwingError, match="disk is full"):
        train(run, settings, Silent(full), StopRequest())
    monkeypatch.undo()
    assert int(find_checkpoint(run.path, "last").name) == 128
    finish(run, settings)
    assert list_checkpoints(run.path)[-1] == 256


def test_a_run_copied_elsewhere_goes_on_there(tmp_path: Path) -> None:
    calm, settings = new_run(tmp_path, "calm", "stop.steps=256")
    finish(calm, settings.changed(stop=settings.stop.changed(steps=128)))
    copy = RunFolder(Path(shutil.copytree(calm.path, tmp_path / "elsewhere" / "runs" / "calm")))
    finish(calm, settings)
    finish(copy, settings)
    assert what_was_written(copy) == what_was_written(calm)


def test_numbers_of_an_update_reach_tensorboard_and_the_metrics(tmp_path: Path) -> None:
    run, settings = new_run(tmp_path, "first", "stop.steps=64")
    finish(run, settings)
    update, evaluation = (json.loads(line) for line in run.updates_path.read_text().splitlines())
    assert {"policy_loss", "value_loss", "entropy", "reward_per_step"} <= update.keys()
    assert all(math.isfinite(value) for value in update.values())
    assert evaluation["evaluation_trials"] == 2
    assert any(run.events_path.iterdir())
