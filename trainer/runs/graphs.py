"""Pictures of how a run learns: the reward graph as DeepRacer drew it, losses and entropy, as PNG.

Drawn with matplotlib's object interface and its Agg canvas: no window system, nothing global.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from shared.atomic_files import replacing
from shared.errors import RunError
from trainer.runs.run_folder import RunFolder
from trainer.runs.run_metrics import read_lines

# DeepRacer's three lines: green average reward, blue training completion, red evaluation completion.
REWARD_COLOUR, TRAINING_COLOUR, EVALUATION_COLOUR = "#2e9e44", "#3a6fd8", "#d8433a"
MUTED = "#6b6b6b"
SIZE_INCHES = (10.0, 5.0)
DOTS_PER_INCH = 110
MOST_DOTS = 20_000  # more would only darken the cloud
POINTS_PER_LINE = 150


@dataclass(frozen=True, slots=True)
class Progress:
    """What the reward graph shows; every array is ordered by episode, counted from 1."""

    episodes: NDArray[np.int64]
    rewards: NDArray[np.float64]
    completion_percent: NDArray[np.float64]
    evaluation_episodes: NDArray[np.int64]
    evaluation_percent: NDArray[np.float64]


def draw_graphs(run: RunFolder, folder: Path | None = None) -> list[Path]:
    """Write reward.png, and learning.png once there was an update; return their paths.

    folder: where to; the run's own metrics folder when left out.

    Raises:
        RunError: no episode has finished yet.
    """
    folder = run.path / "metrics" if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    written = [_save(draw_rewards(read_progress(run), run.name), folder / "reward.png")]
    updates = list(read_lines(run.updates_path))
    if any("entropy" in update for update in updates):
        written.append(_save(draw_learning(updates, run.name), folder / "learning.png"))
    return written


def read_progress(run: RunFolder) -> Progress:
    """The episodes of a run, sorted; an evaluation stands where training had got to."""
    training: list[tuple[int, float, float]] = []
    evaluation: list[tuple[int, float]] = []
    for record in read_lines(run.episodes_path):
        if record["phase"] == "training":
            training.append((record["episode"], record["reward_score"], record["completion_percentage"]))
        else:
            evaluation.append((record["episode"], record["completion_percentage"]))
    if not training:
        raise RunError(f"Run '{run.name}' has no finished episode yet. Draw again when it has driven a little.")
    episodes, rewards, completion = (np.array(column) for column in zip(*sorted(training)))
    eval_episodes, eval_percent = zip(*sorted(evaluation)) if evaluation else ((), ())
    return Progress(
        episodes=episodes.astype(np.int64),
        rewards=rewards.astype(np.float64),
        completion_percent=completion.astype(np.float64),
        evaluation_episodes=np.array(eval_episodes, np.int64),
        evaluation_percent=np.array(eval_percent, np.float64),
    )


def draw_rewards(progress: Progress, title: str) -> Figure:
    """Left axis: a dot per episode and the average. Right axis: completion in training and in evaluation."""
    figure, reward_axes = _figure(title)
    completion_axes = reward_axes.twinx()
    thin = max(1, len(progress.episodes) // MOST_DOTS)
    faintness = float(np.clip(300 / len(progress.episodes), 0.2, 0.7))
    reward_axes.scatter(
        progress.episodes[::thin],
        progress.rewards[::thin],
        s=6,
        color=REWARD_COLOUR,
        alpha=faintness,
        linewidths=0,
        label="Reward of an episode",
    )
    centres, means = block_means(progress.episodes, progress.rewards)
    reward_axes.plot(centres, means, color=REWARD_COLOUR, linewidth=2, label="Average reward")
    centres, means = block_means(progress.episodes, progress.completion_percent)
    completion_axes.plot(centres, means, color=TRAINING_COLOUR, linewidth=1.6, label="Average completion (training)")
    if len(progress.evaluation_episodes):
        places, groups = np.unique(progress.evaluation_episodes, return_inverse=True)
        averages = np.bincount(groups, progress.evaluation_percent) / np.bincount(groups)
        completion_axes.plot(
            places,
            averages,
            color=EVALUATION_COLOUR,
            linewidth=1.6,
            marker="o",
            markersize=4,
            label="Average completion (evaluation)",
        )
    reward_axes.set_xlabel("Episode")
    reward_axes.set_ylabel("Reward", color=REWARD_COLOUR)
    completion_axes.set_ylabel("Track completed (%)", color=TRAINING_COLOUR)
    completion_axes.set_ylim(0, 105)
    reward_axes.set_xlim(left=0)
    _finish(figure, reward_axes, completion_axes)
    return figure


def draw_learning(updates: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Losses on the left axis, entropy on the right, over training steps."""
    figure, loss_axes = _figure(title)
    entropy_axes = loss_axes.twinx()
    for name, label, colour, axes in (
        ("policy_loss", "Policy loss", TRAINING_COLOUR, loss_axes),
        ("value_loss", "Value loss", EVALUATION_COLOUR, loss_axes),
        ("entropy", "Entropy", REWARD_COLOUR, entropy_axes),
    ):
        points = [(update["steps"], update[name]) for update in updates if update.get(name) is not None]
        if points:
            steps, values = (np.array(column, np.float64) for column in zip(*points))
            axes.plot(steps, values, color=colour, alpha=0.25, linewidth=0.8)
            axes.plot(*block_means(steps, values, least=5), color=colour, linewidth=1.8, label=label)
    loss_axes.set_xlabel("Training steps")
    loss_axes.set_ylabel("Loss")
    entropy_axes.set_ylabel("Entropy", color=REWARD_COLOUR)
    loss_axes.set_xlim(left=0)
    _finish(figure, loss_axes, entropy_axes)
    return figure


def block_means(places: NDArray[Any], values: NDArray[Any], *, least: int = 20) -> tuple[NDArray[Any], NDArray[Any]]:
    """Means of consecutive blocks: at most POINTS_PER_LINE of them, each of `least` values or more.

    Returns:
        The mean place and the mean value of each block.
    """
    blocks = max(1, min(POINTS_PER_LINE, len(values) // least))
    edges = np.linspace(0, len(values), blocks + 1).astype(int)[:-1]
    counts = np.diff([*edges, len(values)])
    return np.add.reduceat(places, edges) / counts, np.add.reduceat(values, edges) / counts


def _figure(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold")
    return figure, axes


def _finish(figure: Figure, left: Axes, right: Axes) -> None:
    """Quiet frames, one legend for both axes below the plot."""
    for axes in (left, right):
        axes.spines["top"].set_visible(False)
        axes.tick_params(colors=MUTED)
    left.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    left.set_axisbelow(True)
    handles, labels = left.get_legend_handles_labels()
    more_handles, more_labels = right.get_legend_handles_labels()
    legend = figure.legend(
        handles + more_handles,
        labels + more_labels,
        loc="outside lower center",
        ncols=4,
        frameon=False,
        markerscale=1.5,
    )
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1.0)


def _save(figure: Figure, path: Path) -> Path:
    """Write the picture whole, without a date or version in it: the same run gives the same bytes."""
    with replacing(path) as handle:
        figure.savefig(handle, format="png", metadata={"Software": None})
    return path
