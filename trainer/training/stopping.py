"""When a training ends: its own limits, or a person who wants it to."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from types import FrameType
from typing import Any, Self

from trainer.config import StopSettings


class Interrupted(Exception):  # noqa: N818 it is no error: somebody asked for it
    """Raised where a long step was left because somebody wants the training to stop."""


class StopRequest:
    """Ctrl-C and SIGTERM: the first asks the training to stop when it can, the second stops it where it is.

    Files stay whole either way: they are replaced or appended to, never rewritten in place.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a training is, for the decision to stop and for the display."""

    steps: int
    episodes: int
    elapsed_s: float
    laps_complete: int = 0


def reason_to_stop(stop: StopSettings, standing: Standing) -> str | None:
    """Why the training is over, or None."""
    if stop.target_laps is not None and standing.laps_complete >= stop.target_laps:
        return f"{standing.laps_complete} laps complete in one evaluation, as wanted"
    if stop.steps is not None and standing.steps >= stop.steps:
        return f"{stop.steps} steps driven"
    if stop.episodes is not None and standing.episodes >= stop.episodes:
        return f"{stop.episodes} episodes driven"
    if stop.minutes is not None and standing.elapsed_s >= 60 * stop.minutes:
        return f"{stop.minutes:g} minutes over"
    return None


def fraction_done(stop: StopSettings, standing: Standing) -> float | None:
    """How much of the way to the nearest limit is behind us, 0 to 1; None where it cannot be foreseen."""
    parts = [
        done / limit
        for done, limit in (
            (standing.steps, stop.steps),
            (standing.episodes, stop.episodes),
            (standing.elapsed_s, None if stop.minutes is None else 60 * stop.minutes),
        )
        if limit is not None
    ]
    return min(1.0, max(parts)) if parts else None


def seconds_left(stop: StopSettings, standing: Standing, since: Standing) -> float | None:
    """Time to the nearest limit at the pace since then; None where it cannot be foreseen."""
    span_s = standing.elapsed_s - since.elapsed_s
    estimates = []
    if stop.minutes is not None:
        estimates.append(60 * stop.minutes - standing.elapsed_s)
    for limit, now, before in (
        (stop.steps, standing.steps, since.steps),
        (stop.episodes, standing.episodes, since.episodes),
    ):
        if limit is not None and now > before:
            estimates.append((limit - now) * span_s / (now - before))
    return max(0.0, min(estimates)) if estimates else None
