"""kill -9 at random moments: does the run that goes on end with the same weights and the same metrics?

Every run is killed anywhere between its first second and its last, and then finished. What it has written is
compared with the run that nobody killed: weights byte by byte, every metric file line by line but for wall-clock
columns.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.harness import Benchmark, Context

KILLS = 20
STEPS, FULL_STEPS = 12_288, 40_960
EVERY_STEPS = 4_096
CHANCE = 20_260_101


def run(context: Context) -> Mapping[str, float]:
    """How many of the killed runs ended as the calm one did."""
    steps = FULL_STEPS if context.full else STEPS
    home = context.folder
    start(home, "warm", EVERY_STEPS).wait()
    begun = time.perf_counter()
    start(home, "calm", steps).wait()
    calm_s = time.perf_counter() - begun
    calm = what_was_written(home / "runs" / "calm")
    context.say(f"the calm run took {calm_s:.1f} s")
    chance = np.random.default_rng(CHANCE)
    moments = chance.uniform(0.0, 1.0, KILLS)
    identical = 0
    for number, moment in enumerate(moments):
        outcome = context.store.part(
            f"kill {number}", lambda n=number, m=moment: kill_and_finish(home, f"kill-{n}", steps, m * calm_s)
        )
        identical += same(calm, outcome)
        context.say(f"killed after {moment * calm_s:.1f} s: {'identical' if same(calm, outcome) else 'DIFFERENT'}")
    return {"identical_runs": identical, "kills": KILLS, "steps_a_run": steps}


def start(home: Path, name: str, steps: int) -> subprocess.Popen[bytes]:
    """A training in a process of its own."""
    arguments = [
        "train",
        name,
        "--steps",
        str(steps),
        "--plain",
        "--set",
        f"evaluation.every_steps={EVERY_STEPS}",
    ]
    return _lapwing(home, *arguments)


def _lapwing(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "trainer.cli", "--home", str(home), *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def kill_and_finish(home: Path, name: str, steps: int, after_s: float) -> dict[str, Any]:
    """Kill a run after that time, go on with it, and return what it has written in the end."""
    process = start(home, name, steps)
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    if (home / "runs" / name / "run.json").is_file():
        code = _lapwing(home, "train", "--resume", name, "--plain").wait()
    else:  # killed before the run existed: type the same command again
        code = start(home, name, steps).wait()
    return what_was_written(home / "runs" / name) if code == 0 else {"exit code": code}


def what_was_written(run: Path) -> dict[str, str]:
    """A digest of the weights and of every metric file without its wall-clock columns."""
    from hashlib import sha256

    from trainer.training.checkpoint import find_checkpoint, read_weights

    digests = {}
    for name, array in read_weights(find_checkpoint(run, "last")).items():
        digests[name] = sha256(array.tobytes()).hexdigest()
    for path in sorted([*run.rglob("*.csv"), *run.glob("metrics/*")]):
        lines = path.read_text().splitlines()
        if path.suffix == ".csv":
            lines = [line.rpartition(",")[0] for line in lines]  # the last column is the wall clock
        elif path.name == "updates.jsonl":
            kept = [{k: v for k, v in json.loads(line).items() if not k.startswith("wall_")} for line in lines]
            lines = [json.dumps(line) for line in kept]
        digests[str(path.relative_to(run))] = sha256("\n".join(lines).encode()).hexdigest()
    return digests


def same(calm: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether every file and every weight is the same."""
    return dict(calm) == dict(other)


BENCHMARK = Benchmark(
    name="resume",
    asked={"identical_runs": (">=", KILLS)},
    short=f"{KILLS} kills in runs of {STEPS:,} steps, four minutes",
    full=f"{KILLS} kills in runs of {FULL_STEPS:,} steps, twelve minutes",
    run=run,
)
