"""Tracks shared by the simulator's tests."""

from __future__ import annotations

import pytest

from tests.trainer.simulator.made_up import oval_track, straight_track
from trainer.tracks import Track


@pytest.fixture(scope="session")
def oval() -> Track:
    return oval_track()


@pytest.fixture(scope="session")
def straight() -> Track:
    return straight_track()
