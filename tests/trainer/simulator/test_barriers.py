"""Where barriers stand: on the outer side of bends, beside every road and on none."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainer.simulator.made_up import oval_track, race_simulator
from trainer.simulator import BarrierSettings, Simulator, SimulatorSettings
from trainer.tracks import Track, list_tracks, load_track


def corners(barriers: np.ndarray) -> np.ndarray:
    """(B, 4, 2) corners on the ground."""
    ahead = np.array([1, 1, -1, -1]) * barriers["half_length_m"][:, None]
    left = np.array([1, -1, -1, 1]) * barriers["half_width_m"][:, None]
    cos, sin = np.cos(barriers["heading_rad"])[:, None], np.sin(barriers["heading_rad"])[:, None]
    x, y = barriers["x_m"][:, None], barriers["y_m"][:, None]
    return np.stack((x + ahead * cos - left * sin, y + ahead * sin + left * cos), axis=-1)


def barriers_of(track: Track, **changes: float) -> np.ndarray:
    settings = SimulatorSettings(race={"barriers": BarrierSettings(**changes)}, threads=1)
    return Simulator([track], settings, seeds=[1])._race.barriers


@pytest.mark.parametrize("name", [info.name for info in list_tracks()])
def test_no_barrier_stands_on_any_road(name: str) -> None:
    track = load_track(name)
    barriers = barriers_of(track, count=12)
    assert len(barriers) == 12
    points = corners(barriers).reshape(-1, 2)
    arc_m, lateral_m = track.project(points)
    left_m, right_m = track.half_widths_m(arc_m)
    beyond_m = np.where(lateral_m > 0, lateral_m - left_m, -lateral_m - right_m)
    within = (arc_m > 0.0) & (arc_m < track.length_m)
    assert beyond_m[within].min() > 0.0
    middles = np.stack((barriers["x_m"], barriers["y_m"]), axis=-1)
    apart_m = np.hypot(*(middles[:, None] - middles).transpose(2, 0, 1)) + 10 * np.eye(12)
    assert apart_m.min() > 0.2


def test_bends_come_first_on_their_outer_side() -> None:
    barriers = barriers_of(oval_track(), count=4, distance_m=0.3)
    # Both ends of the oval are half circles of 1.2 m with 0.4 m of road outside.
    assert (np.abs(barriers["x_m"]) > 1.5).all()
    from_end_m = np.hypot(np.abs(barriers["x_m"]) - 1.5, barriers["y_m"])
    np.testing.assert_allclose(from_end_m, 1.2 + 0.4 + 0.3 + 0.025, atol=0.01)


def test_every_track_has_its_own_barriers_and_they_are_seen(oval: Track) -> None:
    race = {"barriers": BarrierSettings(count=6)}
    settings = race_simulator(oval, race=race).settings
    one = Simulator([oval, oval_track(radius_m=1.6)], settings, seeds=[1, 2])
    other = Simulator([oval], settings.changed(race={"barriers": {"count": 0}}), seeds=[1])
    one.reset()
    other.reset()
    assert one._race.barrier_rows.tolist() == [[0, 6], [6, 12]]
    assert (one.camera[0] != other.camera[0]).mean() > 0.002
