"""Laps among bots that change lanes: the sample model for racing them and its continuous twin."""

from __future__ import annotations

from collections.abc import Mapping

from tests.benchmarks.harness import Benchmark, Context
from tests.benchmarks.object_avoidance import FULL_LAPS, SHORT_LAPS, TRACKS, measured

MODELS = {"laps_of_100": "race_bots", "continuous_laps_of_100": "race_bots_continuous"}


def run(context: Context) -> Mapping[str, float]:
    """Laps of 100 that touch nothing and overtake at least once."""
    return measured(context, "bots", MODELS)


BENCHMARK = Benchmark(
    name="head-to-head",
    asked={"laps_of_100": (">=", 80), "continuous_laps_of_100": (">=", 70)},
    short=f"two models, {SHORT_LAPS} laps among four bots on each of {len(TRACKS)} tracks, and as many alone",
    full=f"the same with {FULL_LAPS} laps on each track",
    run=run,
)
