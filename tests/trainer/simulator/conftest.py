"""A small oval track, so that simulator tests do not depend on the catalogue."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.tracks import Track


def make_oval(straight_m: float = 3.0, radius_m: float = 1.2, half_width_m: float = 0.4) -> Track:
    """Two straights and two half circles, counter-clockwise, beginning in the middle of the lower straight."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, 60)
    right = np.stack((straight_m / 2 + radius_m * np.cos(turn), radius_m * np.sin(turn)), axis=-1)
    left = -right
    lower = np.stack((np.linspace(0, straight_m / 2, 16)[:-1], np.full(15, -radius_m)), axis=-1)
    upper = np.stack((np.linspace(straight_m / 2, -straight_m / 2, 31)[1:-1], np.full(29, radius_m)), axis=-1)
    last = np.stack((np.linspace(-straight_m / 2, 0, 16)[1:], np.full(15, -radius_m)), axis=-1)
    line = np.concatenate((lower, right, upper, left, last))
    ahead = np.roll(line[:-1], -1, axis=0) - np.roll(line[:-1], 1, axis=0)
    ahead = np.concatenate((ahead, ahead[:1]))
    normal = np.stack((-ahead[:, 1], ahead[:, 0]), axis=-1) / np.hypot(*ahead.T)[:, None]
    line[-1] = line[0]
    return Track("oval", True, line, line + normal * half_width_m, line - normal * half_width_m)


def make_straight(length_m: float = 6.0, half_width_m: float = 0.4) -> Track:
    """An open road along x."""
    line = np.stack((np.linspace(0, length_m, 31), np.zeros(31)), axis=-1)
    side = np.array([0.0, half_width_m])
    return Track("straight", False, line, line + side, line - side)


@pytest.fixture(scope="session")
def oval() -> Track:
    return make_oval()


@pytest.fixture(scope="session")
def straight() -> Track:
    return make_straight()
