"""Who meets whom: heats of a race, and who gets through to the next stage. No driving, only places in a draw."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

DRAW_STREAM = 0x64726177  # keeps the draw apart from the worlds of the same seed


def draw_heats(entrants: Sequence[int], heat_size: int, *, seed: int, stage: int) -> tuple[tuple[int, ...], ...]:
    """Deal the entrants of a stage into as few heats as hold them, of sizes that differ by one at most.

    The order within a heat is the order of its start grid, first in front. As many as fit into one heat are the
    final. A heat of one is a free pass.
    """
    drawn = np.random.default_rng((seed, DRAW_STREAM, stage)).permutation(np.asarray(entrants, dtype=np.int64))
    count = math.ceil(len(drawn) / heat_size)
    return tuple(tuple(drawn[heat::count].tolist()) for heat in range(count))


def places_that_advance(heat_size: int) -> int:
    """The better half of a heat goes on, the middle one included."""
    return math.ceil(heat_size / 2)


def start_order(heat: Sequence[int], round_index: int) -> tuple[int, ...]:
    """The grid of a round: whoever stood in front goes to the back for the next."""
    turn = round_index % len(heat)
    return (*heat[turn:], *heat[:turn])
