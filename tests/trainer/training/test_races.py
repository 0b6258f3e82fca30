"""Every race trains: its worlds have on them what it says, rivals drive, the level grows, and all of it resumes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from shared.errors import SettingsError
from tests.trainer.training.small_trainings import (
    Silent,
    finish,
    finish_with_cuts,
    new_run,
    open_policy,
    what_was_written,
)
from trainer.runs.run_folder import RunFolder
from trainer.simulator.measurements import Column
from trainer.training.checkpoint import find_checkpoint, read_checkpoint
from trainer.training.parts import Parts, open_parts
from trainer.training.run_starting import new_settings, origin_of

WIDE = 'tracks=["cup"]'


def parts_of(home: Path, opened: ExitStack, *overrides: str) -> Parts:
    """The parts of a training that has begun and not driven."""
    run, settings = new_run(home, "first", WIDE, *overrides)
    parts = open_parts(run, settings, opened, reward_file=None, load_policy=open_policy)
    if parts.frozen is not None:
        parts.frozen.renew(parts.learner.weights())
    parts.cars.start()
    return parts


def what_is_on_the_roads(parts: Parts) -> list[tuple[int, int]]:
    """Boxes and bots of every world that is driven now."""
    simulators = [share.field.simulator for share in parts.cars.shares]
    boxes = simulators[0].settings.race.boxes.count
    active = np.concatenate([simulator.objects["kind"] != 0 for simulator in simulators])
    return [(int(row[:boxes].sum()), int(row[boxes:].sum())) for row in active]


RACES: Mapping[str, tuple[str, ...]] = {
    "object avoidance": ("race=object_avoidance",),
    "fixed boxes": ("race=object_avoidance", 'simulator.race.boxes.positions=["0.3,1", "0.6,-1"]'),
    "head to bot": ("race=head_to_bot",),
    "mixed": ("race=mixed", "car.actions.kind=continuous"),
    "against itself": ("race=head_to_head", "opponents.renew_steps=100"),
    "together, boxes and bots": (
        "race=head_to_head", "opponents.learn_together=true", "simulator.race.boxes.count=2",
        "simulator.race.bots.count=1", "simulator.race.cars_per_world=4",
    ),
    "curriculum": (
        "race=mixed", "curriculum.enabled=true", "curriculum.episodes=2", "curriculum.grow_at_success=0.001",
        "curriculum.start_width_factor=1.5", "curriculum.step=0.3", "simulator.rules.time_limit_s=0.8",
    ),
}  # fmt: skip


@pytest.mark.parametrize("race", RACES)
def test_a_race_that_was_cut_off_goes_on_as_if_nothing_had_happened(tmp_path: Path, race: str) -> None:
    overrides = ("stop.steps=320", "evaluation.every_steps=160", WIDE, *RACES[race])
    calm, settings = new_run(tmp_path, "calm", *overrides)
    finish(calm, settings)
    rough, _ = new_run(tmp_path, "rough", *overrides)
    finish_with_cuts(rough, settings, (90, 250))
    assert what_was_written(rough) == what_was_written(calm)


@pytest.mark.parametrize(
    ("race", "on_the_roads"),
    [
        ("time_trial", [(0, 0)] * 8),
        ("object_avoidance", [(6, 0)] * 8),
        ("head_to_bot", [(0, 4)] * 8),
        ("head_to_head", [(0, 0)] * 4),
        ("mixed", [(0, 0), (6, 0), (0, 4), (0, 0), (6, 0), (0, 4), (0, 0), (6, 0)]),
    ],
)
def test_a_race_has_on_its_roads_what_it_says(tmp_path: Path, race: str, on_the_roads: list[tuple[int, int]]) -> None:
    with ExitStack() as opened:
        assert what_is_on_the_roads(parts_of(tmp_path, opened, f"race={race}")) == on_the_roads


def test_a_curriculum_begins_with_few_slow_things_on_a_wide_road_and_grows_with_success(tmp_path: Path) -> None:
    with ExitStack() as opened:
        parts = parts_of(
            tmp_path, opened, "race=mixed", "curriculum.enabled=true", "curriculum.start_boxes=2",
            "curriculum.start_width_factor=1.5", "curriculum.start_bot_speed_scale=0.25", "curriculum.episodes=4",
            "curriculum.step=1",
        )  # fmt: skip
        cars = parts.cars
        assert what_is_on_the_roads(parts)[:3] == [(0, 0), (2, 0), (0, 1)]
        widths_m = []
        for share in cars.shares:
            widths_m.append(share.field.simulator.measurements[:, Column.TRACK_WIDTH_M].copy())
            assert (share.field.simulator.worlds["bot_speed_scale"] == 0.25).all()
        cars._curriculum.episodes_ended([100.0] * 4)
        for share in cars.shares:
            share.begin_anew(np.ones(4, dtype=bool))
        assert {(6, 0), (0, 4)} <= set(what_is_on_the_roads(parts))
        for share, width_m in zip(cars.shares, widths_m):
            assert (share.field.simulator.worlds["bot_speed_scale"] == 1.0).all()
            assert (share.field.simulator.measurements[:, Column.TRACK_WIDTH_M] < 0.8 * width_m).all()


def test_the_level_is_told_and_kept(tmp_path: Path) -> None:
    run, settings = new_run(tmp_path, "first", "stop.steps=192", WIDE, *RACES["curriculum"])
    finish(run, settings)
    levels = [json.loads(line).get("curriculum_level") for line in run.updates_path.read_text().splitlines()]
    told = [level for level in levels if level is not None]
    assert told == sorted(told)
    assert told[-1] > 0
    assert read_checkpoint(find_checkpoint(run.path, "last")).parts["curriculum"]["level"] == told[-1]


def test_a_pool_of_a_run_an_archive_and_itself_drives_against_the_learner(tmp_path: Path) -> None:
    from trainer.cli import run as lapwing

    rival, settings = new_run(tmp_path, "rival", "stop.steps=64")
    finish(rival, settings)
    archive = tmp_path / "other.tar.gz"
    assert lapwing(["--home", str(tmp_path), "export", "rival", "-o", str(archive)]) == 0
    models = f'opponents.models=["rival", "self", "{archive}"]'
    run, settings = new_run(tmp_path, "mine", "race=head_to_head", models, "stop.steps=96", WIDE)
    archive.unlink()
    rival.delete()
    finish(run, settings)
    episodes = run.episodes_path.read_text().splitlines()
    assert {json.loads(line)["phase"] for line in episodes} == {"evaluation"} or len(episodes) > 2
    again = RunFolder.open(tmp_path, "mine")
    finish(again, settings.changed(stop=settings.stop.changed(steps=128)))
    assert read_checkpoint(find_checkpoint(again.path, "last")).steps == 128


def test_rewards_are_asked_for_the_cars_that_learn_alone(tmp_path: Path) -> None:
    counting = tmp_path / "counting.py"
    counting.write_text("def reward_function(params):\n    return 1.0\n")
    run, settings = new_run(tmp_path, "first", "race=head_to_head", f"reward={counting}", "stop.steps=32", WIDE)
    finish(run, settings)
    whole = read_checkpoint(find_checkpoint(run.path, "last"))
    assert len(whole.reward_states) == 4
    assert whole.steps == 32


def test_an_opponent_may_see_with_other_sensors_than_the_learner(tmp_path: Path) -> None:
    rival, settings = new_run(tmp_path, "rival", "stop.steps=16", 'car.sensors=["FRONT_FACING_CAMERA", "SECTOR_LIDAR"]')
    finish(rival, settings)
    run, settings = new_run(tmp_path, "mine", "race=head_to_head", 'opponents.models=["rival"]', "stop.steps=32", WIDE)
    finish(run, settings)
    assert run.info().state == "finished"


def test_a_clone_for_another_race_takes_what_that_brings_along(tmp_path: Path) -> None:
    parent, settings = new_run(tmp_path, "parent", "stop.steps=16", "hyperparameters.clip=0.3")
    finish(parent, settings)
    origin = origin_of(tmp_path, "parent")
    clone = new_settings(tmp_path, None, origin, None, ["race=object_avoidance", "simulator.race.boxes.count=3"])
    assert clone.reward == "avoid_objects_smoothly"
    assert clone.simulator.race.boxes.count == 3
    assert clone.hyperparameters.clip == 0.3
    same = new_settings(tmp_path, None, origin, None, [])
    assert (same.race, same.reward) == ("time_trial", str(parent.reward_path))


def test_a_clone_races_against_the_opponents_that_its_origin_kept(tmp_path: Path) -> None:
    rival, settings = new_run(tmp_path, "rival", "stop.steps=16")
    finish(rival, settings)
    parent, settings = new_run(
        tmp_path, "parent", "race=head_to_head", 'opponents.models=["self", "rival"]', "stop.steps=16", WIDE
    )
    finish(parent, settings)
    rival.delete()
    clone = new_settings(tmp_path, None, origin_of(tmp_path, "parent"), None, [])
    oneself, kept = clone.opponents.models
    assert oneself == "self"
    assert open_policy(Path(kept)).name == "rival"


def test_an_opponent_of_another_rate_leaves_nothing(tmp_path: Path) -> None:
    rival, settings = new_run(tmp_path, "rival", "stop.steps=16", "simulator.step_s=0.05")
    finish(rival, settings)
    with pytest.raises(SettingsError, match="acts at 20 Hz"):
        new_run(tmp_path, "mine", "race=head_to_head", 'opponents.models=["rival"]')
    assert not (tmp_path / "runs" / "mine").exists()


def test_evaluations_drive_the_whole_race_whatever_the_level(tmp_path: Path) -> None:
    with ExitStack() as opened:
        parts = parts_of(tmp_path, opened, "race=object_avoidance", "curriculum.enabled=true", "evaluation.trials=3")
        evaluation = parts.trials.run(parts.learner, 0, Silent().pulse)
        simulator = parts.trials._simulator
        assert (simulator.objects["kind"] != 0).all()
        assert evaluation.crashes == sum(record.status == "crashed" for record in evaluation.records)
        assert {"crashes", "contacts"} <= evaluation.figures().keys()
