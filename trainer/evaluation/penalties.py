"""What a mistake costs where it does not end the drive: a pause on the road, as in DeepRacer's races."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.simulator import EpisodeStatus, Simulator

# What a car is put back for. Standing still costs no time: it is penalty enough, as DeepRacer sees it.
MISTAKES = (EpisodeStatus.OFF_TRACK, EpisodeStatus.CRASHED, EpisodeStatus.REVERSED, EpisodeStatus.IMMOBILIZED)


@dataclass(frozen=True, slots=True)
class Penalties:
    """off_track_s: for leaving the road or turning round; crash_s: for running into something.

    mercy: a car that runs into the same thing again and again is put down ahead of it, instead of behind it.
    """

    off_track_s: float
    crash_s: float
    mercy: bool = False


def made_a_mistake(simulator: Simulator) -> NDArray[np.bool_]:
    """(N,) cars that wait for being put back."""
    return np.isin(simulator.status, [int(status) for status in MISTAKES])


def return_to_road(simulator: Simulator, cars: NDArray[np.bool_], penalties: Penalties) -> None:
    """Put the cars (N,) back, each with the pause that its mistake costs."""
    pauses_s = {EpisodeStatus.CRASHED: penalties.crash_s, EpisodeStatus.IMMOBILIZED: 0.0}
    status = simulator.status.copy()
    for mistake in MISTAKES:
        affected = cars & (status == int(mistake))
        if affected.any():
            simulator.put_back(affected, pauses_s.get(mistake, penalties.off_track_s), mercy=penalties.mercy)
