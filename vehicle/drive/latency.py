"""Where the time goes between a picture and the pulse it causes: a ring of numbers, made once. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vehicle.drive.turn import Turn

KEPT_DECISIONS = 1800  # two minutes at 15 Hz, one at 30 Hz
# Of one decision, in their order; each begins where the one before ends. `total` is from the picture to the register.
STAGES = ("capture", "preprocess", "infer", "command", "write", "total")
PERCENTILES = (50.0, 95.0, 99.0)


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Of one stage over the newest decisions, milliseconds. count: how many of them had this stage."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    count: int


@dataclass(frozen=True, slots=True)
class LatencyReport:
    """stages: those that were measured. rate_hz: decisions a second; None before there are two.

    missed_pictures: pictures that came and that the loop never saw, because it was late, since the start.
    """

    stages: Mapping[str, StageTimes] = field(default_factory=dict)
    rate_hz: float | None = None
    missed_pictures: int = 0


class LatencyRing:
    """One thread adds, any may ask: what is being overwritten meanwhile is at worst one decision of many."""

    def __init__(self, kept: int = KEPT_DECISIONS) -> None:
        self.missed_pictures = 0
        self._ms: NDArray[np.float64] = np.full((kept, len(STAGES)), np.nan)
        self._decided_at_s: NDArray[np.float64] = np.full(kept, np.nan)
        self._added = 0

    def add(self, turn: Turn, seen_at_s: float) -> None:
        """A turn with a decision. seen_at_s: when the loop took up its picture.

        Where nothing was commanded, or what was commanded was on the board already, there is no time for it.
        """
        decision = turn.decision
        if decision is None:
            return
        taken_at_s = decision.frame.taken_at_s
        row = self._ms[self._added % len(self._ms)]
        row[0] = 1000 * (seen_at_s - taken_at_s)
        row[1] = 1000 * (decision.observed_at_s - seen_at_s)
        row[2] = 1000 * (decision.decided_at_s - decision.observed_at_s)
        row[3:] = np.nan
        if turn.commanded_at_s is not None:
            row[3] = 1000 * (turn.commanded_at_s - decision.decided_at_s)
            if turn.status.written_at_s >= turn.commanded_at_s:
                row[4] = 1000 * (turn.status.written_at_s - turn.commanded_at_s)
                row[5] = 1000 * (turn.status.written_at_s - taken_at_s)
        self._decided_at_s[self._added % len(self._ms)] = decision.decided_at_s
        self._added += 1

    def report(self) -> LatencyReport:
        """What the ring holds now."""
        stages = {}
        for name, column in zip(STAGES, self._ms.copy().T, strict=True):
            known = column[np.isfinite(column)]
            if len(known):
                p50_ms, p95_ms, p99_ms = np.percentile(known, PERCENTILES).tolist()
                stages[name] = StageTimes(p50_ms, p95_ms, p99_ms, len(known))
        return LatencyReport(stages, self._rate_hz(), self.missed_pictures)

    def _rate_hz(self) -> float | None:
        known = self._decided_at_s[np.isfinite(self._decided_at_s)]
        if len(known) < 2 or known.max() <= known.min():
            return None
        # The median does not mind that the camera was gone for a while.
        return float(1.0 / np.median(np.diff(np.sort(known))))
