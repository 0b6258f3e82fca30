"""How long it takes to put another model in the place of one that drives, on the disarmed car.

Real processes: board, guard, actuator and drive. From the console's request to the first decision that the new model
has made. Once for models that the console had prepared, once for models that were only installed: their engine is known
and compiled, and they are read, checked and warmed up in this time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from shared.model_archive import read_archive, write_archive
from tests.benchmarks.harness import Benchmark, Context
from tests.benchmarks.inference import shallow_archive
from tests.vehicle.stack import Stack
from vehicle.drive.client import DriveClient
from vehicle.models.store import SHIPPED_MODEL
from vehicle.runtime_folder import RuntimeFolder

SWAPS, FULL_SWAPS = 10, 100
NAMES = ("shipped", "shallow")
INSTALL_S = 120.0


def run(context: Context) -> Mapping[str, float]:
    """The slowest swap counts."""
    folder = RuntimeFolder(context.folder / "car")
    folder.path.mkdir(mode=0o700)
    settings = (f"models={folder.path / 'models'}", f"drive.cache={folder.path / 'cache'}")
    stack = Stack(folder, settings=settings)
    try:
        install_both(stack)
        stack.start_verb("drive")
        client = stack.wait(lambda: DriveClient(folder.drive) if folder.drive.exists() else None)
        stack.wait(lambda: client.state().decision, INSTALL_S)
        count = FULL_SWAPS if context.full else SWAPS
        prepared_s = [swap_s(stack, client, NAMES[(n + 1) % 2], is_prepared=True) for n in range(count)]
        installed_s = [swap_s(stack, client, NAMES[(n + 1) % 2], is_prepared=False) for n in range(count)]
        client.close()
    finally:
        stack.end()
    return {
        "prepared_worst_s": max(prepared_s),
        "prepared_p50_s": float(np.median(prepared_s)),
        "installed_worst_s": max(installed_s),
        "installed_p50_s": float(np.median(installed_s)),
    }


def install_both(stack: Stack) -> None:
    """The model that comes along, which then drives, and DeepRacer's shallow network."""
    for name, archive in zip(NAMES, (read_archive(SHIPPED_MODEL), shallow_archive()), strict=True):
        file = stack.folder.path / f"{name}.tar.gz"
        write_archive(file, metadata=archive.metadata, model=archive.model_bytes)
        installing = stack.start_verb("install", str(file))
        assert installing.running.wait(INSTALL_S) == 0, installing.last_words()
        stack.processes._processes.remove(installing)


def swap_s(stack: Stack, client: DriveClient, name: str, *, is_prepared: bool) -> float:
    """One swap."""
    if is_prepared:
        assert client.prepare(name) == ""
        stack.wait(lambda: name in client.state().ready)
    begun_s = time.monotonic()
    assert client.choose(name) == ""
    stack.wait(lambda: client.state().model.name == name)
    before = client.state().decision.frame_sequence
    stack.wait(lambda: client.state().decision.frame_sequence > before)
    return time.monotonic() - begun_s


BENCHMARK = Benchmark(
    name="swap",
    asked={"prepared_worst_s": ("<=", 2.0), "installed_worst_s": ("<=", 2.0)},
    short=f"{SWAPS} swaps of prepared and of installed models, one minute",
    full=f"{FULL_SWAPS} swaps of prepared and of installed models, four minutes",
    run=run,
)
