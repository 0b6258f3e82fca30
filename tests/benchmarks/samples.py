"""How long the sample models were trained, as their provenance tells."""

from __future__ import annotations

from collections.abc import Mapping

from tests.benchmarks.harness import SAMPLES_FOLDER, Benchmark, Context

MOST_MINUTES = 20


def run(context: Context) -> Mapping[str, float]:
    """The longest training time; a model that does not tell its own counts as endless."""
    from shared.model_archive import read_archive

    minutes: dict[str, float] = {}
    for path in sorted(SAMPLES_FOLDER.glob("*.tar.gz")):
        training_s = (read_archive(path).provenance or {}).get("training_s", float("inf"))
        minutes[path.name] = float(training_s) / 60
        context.say(f"{path.name}: {minutes[path.name]:.1f} minutes, {path.stat().st_size / 1e6:.2f} MB")
    return {"longest_training_minutes": max(minutes.values(), default=float("nan")), "models": len(minutes)}


BENCHMARK = Benchmark(
    name="samples",
    asked={"longest_training_minutes": ("<=", MOST_MINUTES)},
    short="the provenance of every sample model, a second",
    full="the same",
    run=run,
)
