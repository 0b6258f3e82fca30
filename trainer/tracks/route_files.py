"""DeepRacer's route files: N x 6 npy with centre, inner and outer border, read without trust and written back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trainer.tracks.track import Track


def read_npy(path: Path) -> Track:
    rows = np.load(path, allow_pickle=False)
    centre, inner, outer = rows[:, :2], rows[:, 2:4], rows[:, 4:]
    closed = bool(np.hypot(*(centre[0] - centre[-1])) < 1e-3)
    x, y = centre.T
    clockwise = closed and np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) < 0
    left, right = (outer, inner) if clockwise else (inner, outer)
    return Track(path.stem, closed, centre, left, right)
