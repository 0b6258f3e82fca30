"""From typing the command to a model that drives laps: wall time of `lapwing train`, then its best model.

The command ends by itself, at the first evaluation in which every trial completes its lap. Its best checkpoint
then has to complete 19 of 20 laps of at most 30 s in worlds it has never seen; a seed whose model does not counts
as never.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.benchmarks.harness import Benchmark, Context

SEEDS = 5
FULL_SEEDS = 20
TRACK = "lapwing_loop"
TARGET_LAPS = 80  # all of them: a model that fails once in twenty hardly ever gets through
EVALUATE_EVERY_STEPS = 20_480
GIVE_UP_MINUTES = 3
LAPS, LAPS_WANTED, SLOWEST_LAP_S = 20, 19, 30.0
NEVER_S = 60.0 * GIVE_UP_MINUTES + 60


def run(context: Context) -> Mapping[str, float]:
    """Median and worst over the seeds."""
    warm_up(context.folder)
    parts = []
    for seed in range(FULL_SEEDS if context.full else SEEDS):
        part = context.store.part(f"seed {seed}", lambda seed=seed: lap_from_nothing(context.folder, seed))
        trained = f"{part['seconds']:.1f} s, {part['steps']:.0f} steps"
        context.say(f"seed {seed}: {trained}, then {part['laps']:.0f} of {LAPS} laps")
        parts.append(part)
    seconds = [part["seconds"] if part["laps"] >= LAPS_WANTED else NEVER_S for part in parts]
    return {
        "median_seconds": float(np.median(seconds)),
        "worst_seconds": max(seconds),
        "fewest_laps_of_20": min(part["laps"] for part in parts),
        "median_lap_seconds": float(np.median([part["lap_s"] for part in parts])),
        "median_steps": float(np.median([part["steps"] for part in parts])),
    }


def train(home: Path, name: str, *arguments: str) -> float:
    """Seconds that `lapwing train` takes, from its start to its end."""
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "trainer.cli", "--home", str(home), "train", name, "--plain", *arguments],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - begun


def warm_up(home: Path) -> None:
    """Kernels compiled, files of the libraries in memory: as after an installation."""
    name = f"warm-{time.monotonic_ns()}"
    train(home, name, "--steps", "4096", "--track", TRACK)


def lap_from_nothing(home: Path, seed: int) -> dict[str, float]:
    """Train with one seed and try the result."""
    name = f"seed-{seed}"
    limits = ("--target-laps", str(TARGET_LAPS), "--minutes", str(GIVE_UP_MINUTES))
    limits += ("--set", f"evaluation.every_steps={EVALUATE_EVERY_STEPS}")
    seconds = train(home, name, "--track", TRACK, "--world", "light", "--seed", str(seed), *limits)
    return {"seconds": seconds, **laps_of(home, name, seed=1000 + seed)}


def laps_of(home: Path, name: str, seed: int) -> dict[str, float]:
    """The laps of a run's best model, in fresh light worlds, greedy, from the start line."""
    from trainer.evaluation.evaluate import evaluate
    from trainer.evaluation.plan import EvaluationPlan
    from trainer.evaluation.policy import load_policy
    from trainer.runs.run_folder import RunFolder
    from trainer.tracks import load_track

    policy = load_policy(name, home)
    result = evaluate(policy, EvaluationPlan((load_track(TRACK),), trials=LAPS, world="light", seed=seed))
    times_s = [time_s for trial in result.trials for time_s in trial.lap_times_s if time_s <= SLOWEST_LAP_S]
    steps = float(RunFolder.open(home, name).info().summary["steps"])
    return {"laps": len(times_s), "lap_s": float(np.median(times_s)) if times_s else NEVER_S, "steps": steps}


BENCHMARK = Benchmark(
    name="time-to-lap",
    asked={"median_seconds": ("<=", 60.0), "worst_seconds": ("<=", 120.0)},
    short=f"{SEEDS} trainings from nothing and {LAPS} laps each, two to four minutes",
    full=f"{FULL_SEEDS} trainings from nothing and {LAPS} laps each, ten to fifteen minutes",
    run=run,
)
