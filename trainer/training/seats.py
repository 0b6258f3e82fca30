"""Which rows of a simulator learn and which are driven by somebody else, world by world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.config import TrainingSettings

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Seats:
    """The cars of W worlds, N rows in all.

    world_index: (N,), worlds are neighbouring rows. ours: the rows that learn or are judged, in order; others: the
    rest. together: the cars of a world end and begin their episodes each for itself, not as one race.
    """

    world_index: Rows
    ours: Rows
    others: Rows
    together: bool

    @property
    def worlds(self) -> int:
        """W."""
        return int(self.world_index[-1]) + 1

    def __len__(self) -> int:
        return len(self.world_index)

    def mine(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Those of our cars out of (N, …): the very array where all are ours, else a copy."""
        return rows if not len(self.others) else rows[self.ours]

    def restarting(self, ours_done: Mask, over: Mask) -> Mask:
        """(N,) rows that begin anew: a race as one when our car's is done, other cars when they are out of it.

        ours_done: (ours,) ended with this step. over: (N,) of all rows.
        """
        rows = over.copy()
        rows[self.ours] = ours_done
        if not self.together:
            ended = np.zeros(self.worlds, dtype=bool)
            ended[self.world_index[self.ours[ours_done]]] = True
            rows |= ended[self.world_index]
        return rows

    def whole_worlds(self, rows: Mask) -> Mask:
        """(W,) worlds of which all cars are among the rows of the mask (N,)."""
        whole = np.ones(self.worlds, dtype=bool)
        whole[self.world_index[~rows]] = False
        return whole


def training_seats(settings: TrainingSettings, worlds: int | None = None) -> Seats:
    """Everybody, or one car a world against opponents: in every world on another place of the grid.

    worlds: how many of the training's, by default all.
    """
    count = settings.worlds if worlds is None else worlds
    return _seats(count, settings.simulator.race.cars_per_world, settings.opponents.learn_together)


def trial_seats(settings: TrainingSettings) -> Seats:
    """One car a world is judged, whoever the others are."""
    return judged_seats(settings.evaluation_trials, settings.simulator.race.cars_per_world)


def judged_seats(worlds: int, share: int) -> Seats:
    """One car a world is judged, in every world on another place of the grid. share: cars of a world."""
    return _seats(worlds, share, False)


def _seats(worlds: int, share: int, together: bool) -> Seats:
    world_index = np.repeat(np.arange(worlds), share)
    everybody = np.arange(worlds * share)
    chosen = everybody % share == world_index % share
    if together:
        chosen[:] = True
    return Seats(world_index, everybody[chosen], everybody[~chosen], together)
