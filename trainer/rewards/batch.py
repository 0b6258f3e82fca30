"""What a training asks of reward functions, whichever way they are run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from shared.errors import RewardError
from trainer.rewards.params import Columns, Road, both_directions
from trainer.simulator.measurements import Column, ObjectColumn
from trainer.tracks import Track

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

COLUMNS = Columns({one.name: int(one) for one in Column}, {one.name: int(one) for one in ObjectColumn})
"""Where things lie in a row of the simulator's measurements."""


class Rewards(Protocol):
    """What a training needs of reward functions. Every method may raise RewardError."""

    @property
    def isolation(self) -> str:
        """A sentence: what the kernel granted."""

    @property
    def bit_exact(self) -> tuple[bool, str]:
        """Whether the last snapshot holds everything, and what it lacks if not."""

    @property
    def seconds_per_call(self) -> float:
        """Mean time of one call so far; 0 before the first."""

    def begin(self, measurements: Floats, new_episode: Mask | None = None) -> None:
        """Start computing; `finish` must follow. The rows are copied: they may change meanwhile."""

    def finish(self) -> Floats:
        """(N,) rewards of the rows given to `begin`."""

    def compute(self, measurements: Floats, new_episode: Mask | None = None) -> Floats:
        """(N,) rewards of (N, row_length(objects)) rows: whole rows of the simulator's measurements.

        new_episode: (N,) cars that were put at their start and have not driven: 0, and no call, as in
        DeepRacer.
        """

    def snapshot(self) -> list[bytes | None]:
        """Per car: what its module remembers; None where it cannot be kept (`bit_exact` then says why)."""

    def restore(self, states: Sequence[bytes | None]) -> None:
        """Put a snapshot back into newly opened rewards of the same file."""

    def close(self) -> None:
        """End the processes. Afterwards nothing else may be called."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def row_length(objects: int) -> int:
    """Columns of a row of measurements that tells of so many boxes, bots and other cars."""
    return len(Column) + objects * len(ObjectColumn)


def roads_of(tracks: Sequence[Track]) -> list[tuple[Road, Road]]:
    """Per track: the road in its own direction and reversed."""
    return [both_directions(track.waypoints_m.tolist(), track.length_m) for track in tracks]


def check_count(states: Sequence[bytes | None], cars: int) -> None:
    if len(states) != cars:
        raise RewardError(f"The checkpoint holds reward states of {len(states)} cars and this run has {cars}. Keep it.")
