"""Hostile archives against the whole way in: store, reader, graph check, engines; and what is left of everything else.

In one process: the sandbox around the importer would hide what it catches. A folder of canaries lies around the store.
"""

from __future__ import annotations

import hashlib
import random
import resource
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from shared.errors import LapwingError
from tests.benchmarks.harness import Benchmark, Context
from tests.benchmarks.rig.hostile_archives import CLASSES
from vehicle.drive.installing import try_out
from vehicle.models.examine import examine
from vehicle.models.import_messages import ImportAnswer, ImportRequest
from vehicle.models.store import SHIPPED_MODEL, ModelStore

ARCHIVES, FULL_ARCHIVES = 1_200, 20_000
ARCHIVES_A_PART = 400
HANG_S = 2.0
REQUEST = ImportRequest(name="model", size_bytes=0, readings=("camera",))
FAILURES = ("escapes", "crashes", "hangs", "store_changes")


def importer(request: ImportRequest, archive: BinaryIO) -> ImportAnswer:
    """The importer's own work, here."""
    return examine(request, archive, try_out, {})


def run(context: Context) -> Mapping[str, float]:
    """Failures by kind, and how many archives were tried, refused and let in unharmed."""
    counts: Counter[str] = Counter(dict.fromkeys(FAILURES, 0))
    slowest_s = 0.0
    for part in range((FULL_ARCHIVES if context.full else ARCHIVES) // ARCHIVES_A_PART):
        tried = context.store.part(f"archives {part}", lambda p=part: try_part(p, ARCHIVES_A_PART))
        slowest_s = max(slowest_s, tried.pop("slowest_s"))
        counts.update(tried)
        context.say(f"{counts['archives']} archives, {counts['refused']} refused, {failures_in(counts)} failures")
    figures = {name: float(count) for name, count in counts.items()}
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"failures": float(failures_in(counts)), **figures, "slowest_s": slowest_s, "peak_memory_mib": memory_mib}


def failures_in(counts: Counter[str]) -> int:
    """All kinds together."""
    return sum(counts[name] for name in FAILURES)


def try_part(part: int, archives: int) -> dict[str, float]:
    """So many archives, class after class, each at a store with two models in it."""
    with tempfile.TemporaryDirectory(prefix="lapwing-archives-") as folder:
        return _Trial(Path(folder)).run(part, archives)


class _Trial:
    """around/canary, around/deep/store, around/deep/incoming: what is not the store must stay as it is."""

    def __init__(self, around: Path) -> None:
        self._around = around
        (around / "deep" / "incoming").mkdir(parents=True)
        (around / "canary").write_text("alive")
        (around / "deep" / "canary").write_text("alive")
        self._good = SHIPPED_MODEL.read_bytes()
        self._store = ModelStore(around / "deep" / "store", importer, REQUEST)
        for name in ("chosen", "victim"):
            self._install(name, self._good)
        self._counts: Counter[str] = Counter(dict.fromkeys((*FAILURES, "archives", "refused", "let_in"), 0))
        self._slowest_s = 0.0

    def run(self, part: int, archives: int) -> dict[str, float]:
        names = list(CLASSES)
        for number in range(archives):
            serial = part * archives + number
            kind = names[serial % len(names)]
            self._try(kind, CLASSES[kind](random.Random(f"{kind} {serial}"), self._good))
        return {**self._counts, "slowest_s": self._slowest_s}

    def _try(self, kind: str, content: bytes) -> None:
        before, begun_s = self._state(), time.perf_counter()
        self._counts["archives"] += 1
        is_refused = is_let_in = False
        try:
            self._install("victim", content)
            is_let_in = True
        except LapwingError:
            is_refused = True
        except Exception:  # noqa: BLE001  what escapes here would end an importer with a traceback
            self._fail("crashes", kind, traceback.format_exc(limit=3))
        took_s = time.perf_counter() - begun_s
        self._slowest_s = max(self._slowest_s, took_s)
        if took_s > HANG_S:
            self._fail("hangs", kind, f"{took_s:.1f} s")
        after = self._state()
        if after[0] != before[0]:
            self._fail("escapes", kind, "something outside of the store")
        if is_refused:
            self._counts["refused"] += 1
            if after != before:
                self._fail("store_changes", kind, "a refused archive")
        if is_let_in:
            self._let_in(kind)

    def _let_in(self, kind: str) -> None:
        """A flipped bit may be in a byte that nobody reads. Then the model is a sound one, and all others are."""
        self._counts["let_in"] += 1
        try:
            self._store.load("victim")
            self._store.load("chosen")
        except LapwingError as error:
            self._fail("store_changes", kind, str(error))

    def _install(self, name: str, content: bytes) -> None:
        path = self._around / "deep" / "incoming" / f"{name}.tar.gz"
        path.write_bytes(content)
        try:
            self._store.install(path)
        finally:
            path.unlink()

    def _state(self) -> tuple[str, str]:
        """Hashes of all that lies around the store, and of the store."""
        outside, inside = hashlib.sha256(), hashlib.sha256()
        for path in sorted(self._around.rglob("*")):
            place = path.relative_to(self._around)
            digest = inside if place.parts[:2] == ("deep", "store") else outside
            digest.update(f"{place} {path.is_symlink()} {path.stat().st_size}".encode())
            if path.is_file() and path.stat().st_size < 4096:
                digest.update(path.read_bytes())
        return outside.hexdigest(), inside.hexdigest()

    def _fail(self, how: str, kind: str, what: str) -> None:
        self._counts[how] += 1
        print(f"  {how}: {kind}: {what}", flush=True)


BENCHMARK = Benchmark(
    name="archives",
    asked={"failures": ("<=", 0.0)},
    short=f"{ARCHIVES:,} archives of {len(CLASSES)} hostile classes, about half a minute",
    full=f"{FULL_ARCHIVES:,} archives of {len(CLASSES)} hostile classes, four minutes or more",
    run=run,
)
