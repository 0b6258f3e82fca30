"""A wider road keeps its way, and does not run into itself."""

from __future__ import annotations

import numpy as np
import pytest

from shared.errors import TrackError
from trainer.tracks import check_track, generate_track, list_tracks, load_track
from trainer.tracks.widening import widened


@pytest.mark.parametrize("info", list_tracks(), ids=lambda info: info.name)
def test_every_track_can_be_wider_and_is_still_fair(info) -> None:
    track = load_track(info.name)
    wider = widened(track, 1.6)
    check_track(wider)
    assert np.array_equal(wider.waypoints_m, track.waypoints_m)
    assert wider.name == track.name
    assert 1.2 * track.mean_width_m < wider.mean_width_m < 1.61 * track.mean_width_m
    arcs = np.linspace(0.0, track.length_m, 200)
    assert (wider.width_m(arcs) >= track.width_m(arcs) - 1e-6).all()


def test_where_there_is_room_the_road_is_as_wide_as_asked() -> None:
    oval = load_track("oval")
    assert widened(oval, 1.5).mean_width_m == pytest.approx(1.5 * oval.mean_width_m, rel=1e-3)


def test_two_roads_that_pass_each_other_keep_field_between_them() -> None:
    track = generate_track(7)
    wider = widened(track, 3.0)
    assert wider.mean_width_m > track.mean_width_m
    between = track.position(np.linspace(0, track.length_m, 400))
    assert wider.on_track(between).all()
    check_track(wider)


def test_a_factor_of_one_changes_nothing_and_a_smaller_one_is_refused() -> None:
    track = load_track("cup")
    same = widened(track, 1.0)
    assert np.allclose(same.left_border_m, track.left_border_m)
    with pytest.raises(TrackError, match="1 or more"):
        widened(track, 0.9)
