"""From the moment the emulated camera takes a picture to the moment the actuator has written the registers.

Real processes: board, guard, actuator and drive, with the model that comes with the car, told to decide about every
picture of a 30 Hz film. The time includes the way of the picture from the board to the drive. What counts are the
decisions that changed the pulses: what is on the board already is not written for them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from shared.model_archive import read_archive, write_archive
from tests.benchmarks.harness import Benchmark, Context
from tests.benchmarks.rig.film import Film, rendered_film
from tests.vehicle.stack import Stack
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.drive.api import DriveReport
from vehicle.drive.client import DriveClient
from vehicle.drive.latency import STAGES
from vehicle.models.store import SHIPPED_MODEL
from vehicle.runtime_folder import RuntimeFolder

RATE_HZ = 30.0
WINDOW_S = 50.0  # shorter than the ring of the drive is long
WINDOWS, FULL_WINDOWS = 2, 12
MODEL = "thirty"


def run(context: Context) -> Mapping[str, float]:
    """The median window's median and the worst window's p99: no slow moment is averaged away."""
    folder = RuntimeFolder(context.folder / "car")
    folder.path.mkdir(mode=0o700)
    model = folder.path / f"{MODEL}.tar.gz"
    shipped = read_archive(SHIPPED_MODEL)
    write_archive(model, metadata=shipped.metadata.changed(control_rate_hz=RATE_HZ), model=shipped.model_bytes)
    context.say("rendering the film")
    world = folder.path / "world.sock"
    film = Film(world, rendered_film(), RATE_HZ)
    stack = Stack(folder, board_options=("--world", str(world)))
    try:
        settings = (f"record.folder={folder.path / 'drives'}", f"drive.cache={folder.path / 'cache'}")
        options = [word for setting in settings for word in ("--set", setting)]
        stack.start_verb("drive", *options, "--model", str(model))
        windows = [
            context.store.part(str(number), lambda n=number: measured(context, stack, n))
            for number in range(FULL_WINDOWS if context.full else WINDOWS)
        ]
    finally:
        stack.end()
        film.end()
    figures = {
        "total_p50_ms": float(np.median([window["total_p50_ms"] for window in windows])),
        "total_p99_ms": max(window["total_p99_ms"] for window in windows),
    }
    for stage in STAGES[:-1]:
        for name in ("p50_ms", "p99_ms"):
            figures[f"{stage}_{name}"] = float(np.median([window[f"{stage}_{name}"] for window in windows]))
    for name in ("rate_hz", "missed_pictures", "writes"):
        figures[name] = float(np.mean([window[name] for window in windows]))
    return figures


def measured(context: Context, stack: Stack, number: int) -> dict[str, float]:
    """One window: a drive of its own, so that the ring holds this window and little else."""
    client = stack.wait(lambda: DriveClient(stack.folder.drive) if stack.folder.drive.exists() else None)
    stack.wait(lambda: not missing(client.state()), 120.0)
    stack.wait(lambda: client.state().actuator.phase is Phase.ARMED or not client.start(Mode.AUTONOMOUS))
    before = client.state().latency.missed_pictures
    time.sleep(WINDOW_S)
    state = client.state()
    client.close()
    assert state.actuator.phase is Phase.ARMED, state.actuator.reason
    report, total = state.latency, state.latency.stages["total"]
    context.say(f"window {number}: {total.p50_ms:.2f} ms, p99 {total.p99_ms:.2f} ms")
    found = {}
    for stage in STAGES:
        times = report.stages[stage]
        found |= {f"{stage}_p50_ms": times.p50_ms, f"{stage}_p99_ms": times.p99_ms}
    return {
        **found,
        "rate_hz": report.rate_hz or 0.0,
        "missed_pictures": float(report.missed_pictures - before),
        "writes": float(total.count),
    }


def missing(state: DriveReport) -> bool:
    """Whether something has still to come before the car can be started, or goes on driving."""
    is_there = state.actuator is not None and state.actuator.phase in (Phase.READY, Phase.ARMED)
    return bool(state.missing) or state.decision is None or not is_there


BENCHMARK = Benchmark(
    name="latency",
    asked={"total_p50_ms": ("<=", 6.0), "total_p99_ms": ("<=", 15.0)},
    short=f"{WINDOWS} times {WINDOW_S:g} s of an emulated drive at {RATE_HZ:g} Hz, three minutes",
    full=f"{FULL_WINDOWS} times {WINDOW_S:g} s of an emulated drive at {RATE_HZ:g} Hz, eleven minutes",
    run=run,
)
