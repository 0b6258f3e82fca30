"""What each world of a training has on its road, and which road it is, when its episode begins anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.race_types import RaceType
from trainer.simulator import Simulator
from trainer.tracks import Track
from trainer.tracks.widening import widened
from trainer.training.curriculum import Curriculum, Difficulty

Numbers = NDArray[np.int64]

# What worlds of a mixed race have in turn.
ALONE, BOXES, BOTS = range(3)


def mixed_kinds(worlds: Numbers, episodes: Numbers | int) -> Numbers:
    """ALONE, BOXES or BOTS for every world: neighbours differ, and each has them in turn."""
    return (worlds + episodes) % 3


def lay_out(simulator: Simulator, difficulty: Difficulty, kinds: Numbers | None) -> None:
    """From their next laying on, the simulator's worlds have what the difficulty says; of kinds (W,) only theirs."""
    worlds = simulator.worlds
    worlds["active_boxes"], worlds["active_bots"] = difficulty.boxes, difficulty.bots
    worlds["bot_speed_scale"] = difficulty.bot_speed_scale
    if kinds is not None:
        worlds["active_boxes"][kinds != BOXES] = 0
        worlds["active_bots"][kinds != BOTS] = 0


def with_wider_roads(tracks: Sequence[Track], factors: Sequence[float]) -> list[Track]:
    """All tracks once for every factor of their width, in its order."""
    return [track if factor == 1.0 else widened(track, factor) for factor in factors for track in tracks]


class Roads:
    """The roads of a training: chosen by turns and by the curriculum, world by world."""

    def __init__(
        self, race: RaceType, tracks: Sequence[Track], curriculum: Curriculum, worlds: Numbers, of: int
    ) -> None:
        """tracks: those of the training; the simulator has them in every width, see `tracks`. worlds: the numbers of
        the simulator's worlds among all worlds of the training, of which there are `of`."""
        self._mixed, self._curriculum = race == "mixed", curriculum
        self._count, self._of = len(tracks), of
        self._worlds = worlds
        self.tracks = with_wider_roads(tracks, curriculum.width_factors())

    def first_tracks(self) -> Numbers:
        """(W,) track of every world before its first episode: they share them out."""
        first: Numbers = self._worlds % self._count + self._width()
        return first

    def prepare(self, simulator: Simulator, beginning: NDArray[np.bool_]) -> Numbers | None:
        """Before the worlds in the mask (W,) begin anew as a whole.

        Returns (W,) the tracks for them, or None where nobody changes: a world goes on to one that nobody is on where
        there are more tracks than worlds.
        """
        episodes = simulator.worlds["layings"]
        lay_out(simulator, self._curriculum.difficulty(), mixed_kinds(self._worlds, episodes) if self._mixed else None)
        if len(self.tracks) <= self._of and len(self.tracks) == self._count:
            return None
        now = simulator.worlds["track_index"]
        own = now % self._count
        if self._count > self._of:
            own = np.where(beginning, (own + self._of) % self._count, own)
        tracks: Numbers = np.where(beginning, own + self._width(), now)
        return tracks

    def _width(self) -> int:
        return self._curriculum.difficulty().width * self._count
