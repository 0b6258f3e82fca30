"""One archive of every hostile class: refused with a sentence, and nothing around it changes."""

from __future__ import annotations

from tests.benchmarks.archives import FAILURES, try_part
from tests.benchmarks.rig.hostile_archives import CLASSES


def test_nothing_hostile_is_let_in_and_nothing_changes() -> None:
    counts = try_part(0, len(CLASSES))
    assert len(CLASSES) >= 50
    assert counts["archives"] == len(CLASSES) == counts["refused"] + counts["let_in"]
    assert counts["let_in"] <= 1  # a flipped bit may be one that nobody reads
    assert [counts[name] for name in FAILURES if name != "hangs"] == [0, 0, 0]
