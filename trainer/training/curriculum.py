"""How hard the race is now: from a few slow things on a wide road to the whole race, as training episodes succeed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.race_types import CurriculumSettings
from trainer.simulator.race import RaceSettings

WIDTHS = 4  # roads of so many widths lead from the widest to the track's own


@dataclass(frozen=True, slots=True)
class Difficulty:
    """What a level means. width: which road, 0 the track's own, higher is wider."""

    boxes: int
    bots: int
    bot_speed_scale: float
    width: int


def whole_race(race: RaceSettings) -> Difficulty:
    """As hard as the settings of the race say."""
    return Difficulty(race.boxes.count, race.bots.count, bot_speed_scale=1.0, width=0)


class Curriculum:
    """The level, 0 to 1, and the recent episodes that decide when it grows. Without a curriculum it is 1 for ever."""

    def __init__(self, settings: CurriculumSettings, race: RaceSettings) -> None:
        self._settings, self._race = settings, race
        self.level = 0.0 if settings.enabled else 1.0
        self._recent: deque[float] = deque(maxlen=settings.episodes)

    @property
    def enabled(self) -> bool:
        """Whether there is anything to follow."""
        return self._settings.enabled

    def episodes_ended(self, progress_percent: Iterable[float]) -> None:
        """Take in how much of the lap the episodes that just ended got through."""
        if self.level >= 1.0:
            return
        for percent in progress_percent:
            self._recent.append(min(max(percent, 0.0), 100.0) / 100.0)
            if len(self._recent) == self._settings.episodes and self._succeeds():
                # What was good enough for this level says nothing about the next.
                self.level = min(1.0, round(self.level + self._settings.step, 9))
                self._recent.clear()

    def _succeeds(self) -> bool:
        return sum(self._recent) / len(self._recent) >= self._settings.grow_at_success

    def difficulty(self) -> Difficulty:
        """What the level means now."""
        settings, race, level = self._settings, self._race, self.level
        if level >= 1.0:
            return whole_race(race)

        def between(start: float, end: float) -> float:
            return start + level * (end - start)

        return Difficulty(
            boxes=round(between(min(settings.start_boxes, race.boxes.count), race.boxes.count)),
            bots=round(between(min(settings.start_bots, race.bots.count), race.bots.count)),
            bot_speed_scale=between(settings.start_bot_speed_scale, 1.0),
            width=0 if settings.start_width_factor == 1.0 else WIDTHS - 1 - int(level * (WIDTHS - 1)),
        )

    def width_factors(self) -> tuple[float, ...]:
        """Factor of the road's width by Difficulty.width; the first is 1."""
        widest = self._settings.start_width_factor if self.enabled else 1.0
        if widest == 1.0:
            return (1.0,)
        return tuple(1.0 + (widest - 1.0) * number / (WIDTHS - 1) for number in range(WIDTHS))

    def state(self) -> Mapping[str, NDArray[Any]]:
        """A copy of everything that changes."""
        return {"level": np.array(self.level), "recent": np.array(self._recent, dtype=np.float64)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from state()."""
        self.level = float(state["level"])
        self._recent.clear()
        self._recent.extend(state["recent"].tolist())
