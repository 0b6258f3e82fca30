"""A policy that has only seen generated tracks drives real routes: both directions, two laps, light worlds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.errors import LapwingError
from tests.benchmarks.harness import Benchmark, Context
from tests.benchmarks.time_to_lap import train

if TYPE_CHECKING:
    from trainer.tracks import Track

MINUTES, SHORT_MINUTES = 5.0, 3.5
LAPS = 2
WORLDS, SHORT_WORLDS = 4, 1
SLOWEST_MPS = 0.5  # mean over a lap; a slower one does not count
SAME_SHAPE_M = 0.1


def run(context: Context) -> Mapping[str, float]:
    """Share of laps complete over all distinct closed routes."""
    if context.routes is None:
        raise LapwingError("No folder of routes. Name one with: ./scripts/bench generalist --routes FOLDER")
    minutes, worlds = (MINUTES, WORLDS) if context.full else (SHORT_MINUTES, SHORT_WORLDS)
    home = context.folder
    train(home, "generalist", "--track", "generated", "--minutes", str(minutes), "--world", "light")
    complete = wanted = 0
    speeds: list[float] = []
    for track in distinct_closed_routes(context.routes):
        part = laps_on(home, track, worlds)
        context.say(f"{track.name}: {part['complete']:.0f} of {part['wanted']:.0f} laps, {part['mps']:.2f} m/s")
        complete, wanted = complete + part["complete"], wanted + part["wanted"]
        speeds.append(part["mps"])
    return {
        "laps_complete_percent": 100 * complete / wanted,
        "mean_speed_mps": float(np.nanmean(speeds)),
        "laps_wanted": wanted,
        "training_minutes": minutes,
    }


def laps_on(home: Path, track: Track, worlds: int) -> dict[str, Any]:
    """Complete laps of the run's best model on one route, both ways, and their mean speed."""
    from trainer.evaluation.evaluate import evaluate
    from trainer.evaluation.plan import EvaluationPlan
    from trainer.evaluation.policy import load_policy

    both_ways = (False, True)
    plan = EvaluationPlan((track,), trials=worlds, world="light", directions=both_ways, laps=LAPS, seed=1)
    result = evaluate(load_policy("generalist", home), plan)
    speeds = [track.length_m / time_s for trial in result.trials for time_s in trial.lap_times_s]
    return {
        "complete": sum(speed >= SLOWEST_MPS for speed in speeds),
        "wanted": len(result.trials) * LAPS,
        "mps": float(np.mean(speeds)) if speeds else float("nan"),
    }


def distinct_closed_routes(folder: Path) -> list[Track]:
    """Every closed route of the folder once: another direction, start or surface of a shape is the same shape."""
    from trainer.tracks import read_npy

    found: list[Track] = []
    for path in sorted(folder.glob("*.npy")):
        track = read_npy(path)
        if track.closed and not any(same_shape(track, other) for other in found):
            found.append(track)
    return found


def same_shape(first: Track, second: Track) -> bool:
    """Whether two routes lie on each other, whatever their direction."""
    if abs(first.length_m - second.length_m) > SAME_SHAPE_M * 5:
        return False
    _, lateral_m = first.project(second.waypoints_m)
    return float(np.abs(lateral_m).mean()) < SAME_SHAPE_M


BENCHMARK = Benchmark(
    name="generalist",
    asked={"laps_complete_percent": (">=", 90.0)},
    short=f"{SHORT_MINUTES:g} minutes of training, then {LAPS} laps a route and direction in one world each",
    full=f"{MINUTES:g} minutes of training, then {LAPS} laps a route and direction in {WORLDS} worlds each",
    run=run,
)
