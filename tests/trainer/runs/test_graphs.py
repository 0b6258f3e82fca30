"""The pictures of a run: what is drawn where, and averages worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.errors import RunError
from tests.trainer.made_up_run import FollowingCars, create_run, drive, loop, open_log
from trainer.runs.graphs import Progress, block_means, draw_graphs, draw_learning, draw_rewards, read_progress
from trainer.runs.run_folder import RunFolder


@pytest.fixture
def driven(tmp_path: Path) -> RunFolder:
    """A run with some episodes, one evaluation and a few updates."""
    run = create_run(tmp_path)
    cars = FollowingCars(loop(), [1.0, 2.0, 3.0])
    run.append_episodes(drive(cars, open_log(cars), 900))
    trials = FollowingCars(loop(), [2.0, 3.0])
    log = open_log(trials, phase="evaluation", trace_every=1)
    records = drive(trials, log, 180)[:2]
    run.write_evaluation(log.take_trace()[0], records, training_steps=1000, training_episodes=12)
    for steps in range(64, 3200, 64):
        run.append_update(steps, {"policy_loss": -0.01, "value_loss": 50 / steps, "entropy": 2.7 - steps / 3200})
    return run


def test_the_pictures_are_written_into_the_run(driven: RunFolder) -> None:
    paths = draw_graphs(driven)
    assert [path.name for path in paths] == ["reward.png", "learning.png"]
    for path in paths:
        with Image.open(path) as picture:
            assert picture.size == (1100, 550)
            assert len(set(np.asarray(picture.convert("RGB")).reshape(-1, 3)[:, 0])) > 50


def test_the_same_run_gives_the_same_bytes(driven: RunFolder, tmp_path: Path) -> None:
    first, second = draw_graphs(driven, tmp_path / "a"), draw_graphs(driven, tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_evaluations_stand_where_training_had_got_to(driven: RunFolder) -> None:
    progress = read_progress(driven)
    assert progress.evaluation_episodes.tolist() == [12, 12]
    assert progress.evaluation_percent.tolist() == [100.0, 100.0]
    assert (np.diff(progress.episodes) > 0).all()
    assert progress.episodes[0] == 1


def test_rewards_are_on_the_left_and_completion_is_on_the_right() -> None:
    progress = Progress(
        episodes=np.arange(1, 41),
        rewards=np.repeat([10.0, 30.0], 20),
        completion_percent=np.repeat([20.0, 80.0], 20),
        evaluation_episodes=np.array([20, 20, 40]),
        evaluation_percent=np.array([40.0, 60.0, 90.0]),
    )
    left, right = draw_rewards(progress, "run").axes
    assert len(left.collections[0].get_offsets()) == 40
    assert left.lines[0].get_xydata().tolist() == [[10.5, 10.0], [30.5, 30.0]]
    assert right.lines[0].get_xydata().tolist() == [[10.5, 20.0], [30.5, 80.0]]
    assert right.lines[1].get_xydata().tolist() == [[20.0, 50.0], [40.0, 90.0]]
    assert right.get_ylim() == (0, 105)


def test_an_update_without_a_figure_leaves_a_gap() -> None:
    updates = [{"steps": 1, "entropy": 2.0}, {"steps": 2, "evaluation": 5.0}, {"steps": 3, "entropy": 1.0}]
    _, right = draw_learning(updates, "run").axes
    assert right.lines[0].get_xydata().tolist() == [[1.0, 2.0], [3.0, 1.0]]


@pytest.mark.parametrize("count", [1, 19, 39, 40, 2999, 3001, 100_000])
def test_block_means_keep_the_mean_and_stay_few(count: int) -> None:
    values = np.random.default_rng(count).random(count)
    places, means = block_means(np.arange(count), values)
    assert len(means) == max(1, min(150, count // 20))
    sizes = np.diff(np.linspace(0, count, len(means) + 1).astype(int))
    assert (means * sizes).sum() / count == pytest.approx(values.mean())
    assert (np.diff(places) > 0).all()


def test_a_hundred_thousand_episodes_are_thinned() -> None:
    count = 100_000
    many = np.arange(1, count + 1)
    nothing = np.zeros(0)
    figure = draw_rewards(Progress(many, many * 1.0, many % 100 * 1.0, nothing.astype(int), nothing), "long")
    assert len(figure.axes[0].collections[0].get_offsets()) <= 25_000


def test_a_run_that_has_not_driven_has_no_graph(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no finished episode yet"):
        draw_graphs(create_run(tmp_path))
