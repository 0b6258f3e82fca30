"""Laps among boxes that touch none of them: the sample model for object avoidance and its continuous twin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks.harness import SAMPLES_FOLDER, Benchmark, Context

if TYPE_CHECKING:
    from trainer.evaluation.obstacles import Obstacles

# Named tracks at least 1.07 m wide: the shapes of two of DeepRacer's races, and a long one.
TRACKS = ("cup", "zigzag_letters", "grand_prix")
SHORT_LAPS, FULL_LAPS = 10, 100  # on every track
SEED = 20_261  # of worlds that no training has seen
MODELS = {"laps_of_100": "avoid_objects", "continuous_laps_of_100": "avoid_objects_continuous"}


def run(context: Context) -> Mapping[str, float]:
    """Laps of 100 that touch nothing, each in at most 1.5 x the model's lap time without boxes."""
    return measured(context, "boxes", MODELS)


def measured(context: Context, obstacles: Obstacles, models: Mapping[str, str]) -> dict[str, float]:
    """The figures of sample models by their names, and how they came about."""
    figures: dict[str, float] = {}
    for key, model in models.items():
        parts = [
            context.store.part(f"{model} on {track}", partial(laps_on, context, model, track, obstacles))
            for track in TRACKS
        ]
        for track, part in zip(TRACKS, parts, strict=True):
            context.say(
                f"{model} on {track}: {part['counted']} of {part['wanted']} laps, {part['untouched']} untouched"
            )
        wanted = sum(part["wanted"] for part in parts)
        figures[key] = 100 * sum(part["counted"] for part in parts) / wanted
        figures[key.replace("laps", "untouched_laps")] = 100 * sum(part["untouched"] for part in parts) / wanted
    return figures


def laps_on(context: Context, model: str, track: str, obstacles: Obstacles) -> dict[str, float]:
    """What a sample model does on one track."""
    from trainer.evaluation.obstacles import evaluate_obstacles, laps_that_count
    from trainer.evaluation.policy import load_policy
    from trainer.tracks import load_track

    trials = FULL_LAPS if context.full else SHORT_LAPS
    policy = load_policy(SAMPLES_FOLDER / f"{model}.tar.gz", context.folder)
    result = evaluate_obstacles(policy, obstacles, [load_track(track)], trials=trials, seed=SEED)
    figures = result.figures()
    return {
        "counted": laps_that_count(result, obstacles),
        "untouched": int(figures["laps_without_touching"] or 0),
        "wanted": result.laps_wanted,
    }


BENCHMARK = Benchmark(
    name="object-avoidance",
    asked={"laps_of_100": (">=", 90), "continuous_laps_of_100": (">=", 80)},
    short=f"two models, {SHORT_LAPS} laps among six boxes on each of {len(TRACKS)} tracks, and as many without",
    full=f"the same with {FULL_LAPS} laps on each track",
    run=run,
)
