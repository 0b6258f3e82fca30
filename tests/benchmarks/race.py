"""Whether a race follows from its seed: twice from one, with the simulator on one and on two threads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.harness import ROOT, SAMPLES_FOLDER, Benchmark, Context

if TYPE_CHECKING:
    from trainer.evaluation.race_round import RaceRound

TRACK, LAPS = "cup", 3
SHORT_SEEDS, FULL_SEEDS = 1, 5
DEFAULT_MODEL = ROOT / "vehicle" / "models" / "default.tar.gz"
RACERS = ("race_bots", "race_bots_continuous", "avoid_objects")


class Tape:
    """A spectator that keeps every number of every step and every picture's sum."""

    def __init__(self) -> None:
        self.rows: list[bytes] = []

    def begin(self, title: str, is_final: bool, race_round: RaceRound) -> None:
        """The grid."""
        self.step(race_round)

    def step(self, race_round: RaceRound) -> None:
        """A step of everybody."""
        pictures = [int(seat.simulator.camera[seat.row].sum(dtype=np.int64)) for seat in race_round.seats]
        self.rows.append(race_round.rows().tobytes() + np.array(pictures).tobytes())

    def end(self, race_round: RaceRound) -> None:
        """Nothing more."""


def run(context: Context) -> Mapping[str, float]:
    """Values of the two results that differ, and steps of the two drives that do."""
    mismatches, steps, laps, contacts = 0, 0, 0, 0
    for seed in range(FULL_SEEDS if context.full else SHORT_SEEDS):
        first, second = (held(context, seed, threads) for threads in (1, 2))
        mismatches += different(first["json"], second["json"])
        mismatches += sum(one != other for one, other in zip_longest(first["rows"], second["rows"]))
        steps += len(first["rows"])
        laps += sum(standing["laps_complete"] for standing in first["json"]["standings"])
        contacts += sum(standing["contact_count"] for standing in first["json"]["standings"])
        context.say(f"seed {seed}: {len(first['rows'])} steps, {first['json']['winner']} wins")
    return {"mismatches": mismatches, "steps": steps, "laps_complete": laps, "contacts": contacts}


def held(context: Context, seed: int, threads: int) -> dict[str, Any]:
    """One race of four among bots, in `light` worlds."""
    from trainer.evaluation.entrants import load_entrants
    from trainer.evaluation.race import hold_race
    from trainer.evaluation.race_plan import RacePlan
    from trainer.simulator import SimulatorSettings
    from trainer.simulator.race import BotSettings, BoxSettings, RaceSettings
    from trainer.tracks import load_track

    samples = [path for name in RACERS if (path := SAMPLES_FOLDER / f"{name}.tar.gz").exists()]
    sources = [*samples, *[DEFAULT_MODEL] * (4 - len(samples))]
    race = RaceSettings(boxes=BoxSettings(count=2), bots=BotSettings(count=2, lane_change=True, speed_mps=(0.3, 0.5)))
    plan = RacePlan(
        load_track(TRACK), laps=LAPS, world="light", seed=seed, simulator=SimulatorSettings(threads=threads, race=race)
    )
    tape = Tape()
    result = hold_race(load_entrants(sources, context.folder), plan, [tape])
    return {"json": json.loads(json.dumps(result.to_json())), "rows": tape.rows}


def different(first: Any, second: Any) -> int:
    """Values of two JSON texts that are not the same."""
    if isinstance(first, dict) and isinstance(second, dict):
        return sum(different(first.get(key), second.get(key)) for key in {*first, *second})
    if isinstance(first, list) and isinstance(second, list):
        return sum(different(one, other) for one, other in zip_longest(first, second))
    return int(first != second)


BENCHMARK = Benchmark(
    name="race",
    asked={"mismatches": ("<=", 0)},
    short=f"{SHORT_SEEDS} race of four models over {LAPS} laps, twice, one minute",
    full=f"{FULL_SEEDS} races of four models over {LAPS} laps, twice each, five minutes",
    run=run,
)
