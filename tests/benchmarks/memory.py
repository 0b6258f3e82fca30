"""Memory of the quickstart's training: proportional set size of all its processes together, at its peak."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping

import psutil

from tests.benchmarks.harness import Benchmark, Context
from trainer.training.display import pss_bytes

LOOK_EVERY_S = 0.1
MINUTES, FULL_MINUTES = 1.0, 5.0


def run(context: Context) -> Mapping[str, float]:
    """Peak over the training, looked at ten times a second."""
    minutes = FULL_MINUTES if context.full else MINUTES
    process = subprocess.Popen(
        [sys.executable, "-m", "trainer.cli", "--home", str(context.folder), "train", "memory", "--plain",
         "--track", "lapwing_loop", "--minutes", str(minutes)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    peak_bytes, most_processes = 0, 0
    trainer = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [trainer, *trainer.children(recursive=True)]
        except psutil.NoSuchProcess:
            break
        peak_bytes = max(peak_bytes, sum(pss_bytes(member.pid) for member in family))
        most_processes = max(most_processes, len(family))
        time.sleep(LOOK_EVERY_S)
    return {"peak_pss_gb": peak_bytes / 1e9, "processes": most_processes}


BENCHMARK = Benchmark(
    name="memory",
    asked={"peak_pss_gb": ("<=", 1.5)},
    short=f"{MINUTES:g} minute of the quickstart's training",
    full=f"{FULL_MINUTES:g} minutes of the quickstart's training",
    run=run,
)
