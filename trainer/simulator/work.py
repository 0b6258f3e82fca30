"""Scratch memory of the kernels, made once: a step allocates nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from trainer.simulator.colours import PALETTE
from trainer.simulator.solids import SOLIDS
from trainer.simulator.surface_rows import FLOAT_PARTS, INT_PARTS, PITCH, RAY_ROW, SCENE
from trainer.simulator.things import MOST_THINGS, THING
from trainer.simulator.view import VIEW

CACHE_LINE = 64  # bytes
Number = TypeVar("Number", np.float32, np.int32, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class WorkSpace:
    """One entry per thread in every array."""

    views: NDArray[np.void]
    scenes: NDArray[np.void]
    palettes: NDArray[np.void]
    blurs: NDArray[np.float64]  # (parts, 2)
    plans: NDArray[np.void]  # (parts, 2, 2 H + 2)
    levels: NDArray[np.float32]  # (parts, H + 2, W + 2)
    rows: NDArray[np.float32]
    words: NDArray[np.int32]
    texels: NDArray[np.int64]
    halves: NDArray[np.int32]  # the same memory as texels
    things: NDArray[np.void]  # (parts, MOST_THINGS) THING: what one car may see and touch
    solids: NDArray[np.void]

    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """All arrays in the order of the fields, as the kernels take them."""
        return tuple(getattr(self, name) for name in self.__slots__)


# Where the kernels find them.
VIEWS, THINGS = (list(WorkSpace.__slots__).index(name) for name in ("views", "things"))


def make_work_space(parts: int, height_px: int, width_px: int) -> WorkSpace:
    """Scratch for as many threads, and pictures of this size."""
    texels = _aligned(np.int64, parts, PITCH)
    return WorkSpace(
        views=np.zeros(parts, VIEW),
        scenes=np.zeros(parts, SCENE),
        palettes=np.zeros(parts, PALETTE),
        blurs=np.zeros((parts, 2)),
        plans=np.zeros((parts, 2, 2 * height_px + 2), RAY_ROW),
        levels=np.zeros((parts, height_px + 2, width_px + 2), np.float32),
        rows=_aligned(np.float32, parts, FLOAT_PARTS * PITCH),
        words=_aligned(np.int32, parts, INT_PARTS * PITCH),
        texels=texels,
        halves=texels.view(np.int32),
        things=np.zeros((parts, MOST_THINGS), THING),
        solids=np.zeros(parts, SOLIDS),
    )


def _aligned(kind: type[Number], rows: int, columns: int) -> NDArray[Number]:
    """(rows, columns) of zeros that begin at a cache line: a vector that crosses two costs twice as much."""
    size = rows * columns * np.dtype(kind).itemsize
    raw = np.zeros(size + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + size].view(kind).reshape(rows, columns)
