"""`python -m tests.benchmarks NAME [--full]`: run one benchmark; without a name, list them."""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
import tempfile
from pathlib import Path

from shared.errors import LapwingError
from tests.benchmarks.harness import ROOT, STORE_FOLDER, Benchmark, Context, Store, run_benchmark

NOT_BENCHMARKS = {"__init__", "__main__", "harness"}


def names() -> dict[str, str]:
    """Benchmark name -> module, from the files beside this one."""
    files = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    return {stem.replace("_", "-"): f"tests.benchmarks.{stem}" for stem in files}


def load(name: str) -> Benchmark:
    """The benchmark of that name."""
    benchmark: Benchmark = importlib.import_module(names()[name]).BENCHMARK
    return benchmark


def listing() -> str:
    """Every benchmark with what its two forms run and how long they take."""
    lines = ["Benchmarks (./scripts/bench NAME, or ./scripts/bench NAME --full):"]
    for name in names():
        benchmark = load(name)
        lines += [f"  {name}", f"      short: {benchmark.short}", f"      full:  {benchmark.full}"]
    return "\n".join(lines)


def main() -> int:
    """Exit code 0 only when every asked figure is met; 1 when one is not; 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="./scripts/bench", description=__doc__)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--full", action="store_true", help="the whole measurement, resumable, 60 minutes at most")
    parser.add_argument("--fresh", action="store_true", help="forget the parts of an interrupted measurement")
    parser.add_argument("--routes", type=Path, default=ROOT.parent / "shared" / "tracks")
    arguments = parser.parse_args()
    if arguments.name is None:
        print(listing())
        return 0
    if arguments.name not in names():
        close = difflib.get_close_matches(arguments.name, names(), n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        print(f"There is no benchmark '{arguments.name}'.{hint}\n{listing()}", file=sys.stderr)
        return 2
    store = Store(STORE_FOLDER / f"{arguments.name}-{'full' if arguments.full else 'short'}.json")
    if arguments.fresh:
        store.clear()
    routes = arguments.routes if arguments.routes.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="lapwing-bench-") as folder:
        context = Context(full=arguments.full, store=store, folder=Path(folder), routes=routes)
        try:
            return 0 if run_benchmark(load(arguments.name), context).met() else 1
        except LapwingError as error:
            print(f"Error: {error}", file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
