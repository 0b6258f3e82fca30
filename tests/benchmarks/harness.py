"""What a benchmark is, and how one is run: a table for people, one JSON object for machines, an honest exit code."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shared.atomic_files import write_json

ROOT = Path(__file__).resolve().parents[2]
STORE_FOLDER = ROOT / ".bench"
SAMPLES_FOLDER = ROOT / "trainer" / "models"  # the sample models, NAME.tar.gz each
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": lambda value, bound: value >= bound,
    "<=": lambda value, bound: value <= bound,
}


class Store:
    """Results of finished parts, kept on disk so that a long benchmark that was stopped goes on where it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def part(self, key: str, measure: Callable[[], Any]) -> Any:
        """The JSON-able result of one part: from disk if it was finished before, else measured now and kept."""
        if key not in self._parts:
            self._parts[key] = measure()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, self._parts)
        return self._parts[key]

    def clear(self) -> None:
        """Forget everything: the benchmark ended."""
        self._parts.clear()
        self._path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Context:
    """What a running benchmark is given.

    full: the whole measurement (at most 60 minutes) instead of the short form (at most 5).
    routes: folder of DeepRacer route files, or None where there is none.
    folder: an empty folder for what the benchmark writes.
    """

    full: bool
    store: Store
    folder: Path
    routes: Path | None = None

    def say(self, text: str) -> None:
        """One line of progress for the person watching."""
        print(f"  {text}", flush=True)


@dataclass(frozen=True)
class Benchmark:
    """One named measurement. `asked` maps each figure that has a bound to (">=" or "<=", bound).

    short, full: what each form runs and about how long it takes, for the listing.
    run: returns every figure by key; figures without a bound are printed too.
    """

    name: str
    asked: Mapping[str, tuple[str, float]]
    short: str
    full: str
    run: Callable[[Context], Mapping[str, float]]


@dataclass(frozen=True)
class Report:
    """The outcome of one benchmark."""

    benchmark: Benchmark
    figures: Mapping[str, float]
    calibration_ms: float = field(default=float("nan"))

    def met(self) -> bool:
        """True only if every asked figure was measured and holds. NaN holds nothing."""
        return all(
            key in self.figures and COMPARISONS[how](self.figures[key], bound)
            for key, (how, bound) in self.benchmark.asked.items()
        )

    def as_json(self) -> str:
        """The last line a benchmark prints."""
        return json.dumps(
            {
                "benchmark": self.benchmark.name,
                "figures": {key: float(value) for key, value in self.figures.items()},
                "asked": {key: list(rule) for key, rule in self.benchmark.asked.items()},
                "met": self.met(),
            }
        )

    def table(self) -> str:
        """Figures, bounds and verdicts, one a line."""
        rows = []
        for key, value in self.figures.items():
            how, bound = self.benchmark.asked.get(key, ("", float("nan")))
            verdict = "" if not how else ("met" if COMPARISONS[how](value, bound) else "NOT MET")
            rows.append(f"  {key:40s} {value:14.4f}   {f'{how} {bound:g}' if how else '':12s} {verdict}")
        return "\n".join(rows)


def calibration_kernel_ms() -> float:
    """Milliseconds of one fixed piece of numpy and Python work (median of 9), so that two machines compare."""
    matrix = np.random.default_rng(0).standard_normal((400, 400))
    times = []
    for _ in range(9):
        begun = time.perf_counter()
        product = matrix
        for _ in range(8):
            product = product @ matrix
            product /= np.abs(product).max()
        sum(i * i for i in range(100_000))
        times.append(1000 * (time.perf_counter() - begun))
    return float(np.median(times))


def run_benchmark(benchmark: Benchmark, context: Context) -> Report:
    """Run it, print the table and the JSON line, and return the report."""
    form = "full" if context.full else "short"
    print(f"{benchmark.name} ({form}): {benchmark.full if context.full else benchmark.short}", flush=True)
    calibration_ms = calibration_kernel_ms()
    report = Report(benchmark, benchmark.run(context), calibration_ms)
    print(f"\n{benchmark.name} on {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"  {'calibration kernel (ms)':40s} {calibration_ms:14.4f}")
    print(report.table())
    context.store.clear()
    print(report.as_json(), flush=True)
    return report
