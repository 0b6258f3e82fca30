"""Tracks laid through corners: lengths worked by hand, and what does not fit is named."""

from __future__ import annotations

import numpy as np
import pytest

from shared.errors import TrackError
from trainer.tracks.corners import Corner, track_from_corners


def rectangle(radius_m: float, widths_m: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)) -> list[Corner]:
    """6 m x 4 m, counter-clockwise from the lower right corner."""
    places = ((6.0, 0.0), (6.0, 4.0), (0.0, 4.0), (0.0, 0.0))
    return [Corner(x, y, radius_m, width) for (x, y), width in zip(places, widths_m, strict=True)]


def test_a_rounded_rectangle_has_the_length_of_its_straights_and_arcs() -> None:
    track = track_from_corners("box", rectangle(1.0), closed=True, spacing_m=0.01)
    # 2 * (6 - 2) + 2 * (4 - 2) straight, four quarters of a circle of 1 m radius
    assert track.length_m == pytest.approx(12.0 + 2 * np.pi, rel=1e-5)


def test_a_closed_track_starts_halfway_to_its_first_corner() -> None:
    track = track_from_corners("box", rectangle(1.0), closed=True)
    assert track.waypoints_m[0] == pytest.approx([3.0, 0.0])
    assert track.heading_rad(0.0) == pytest.approx(0.0, abs=1e-9)


def test_a_corner_turns_with_its_radius() -> None:
    track = track_from_corners("box", rectangle(1.25), closed=True, spacing_m=0.02)
    middle_of_the_arc = 1.75 + 1.25 * np.pi / 4
    assert 1 / track.curvature_1pm(middle_of_the_arc) == pytest.approx(1.25, rel=1e-3)
    corner = np.array([4.75, 1.25]) + 1.25 * np.array([1, -1]) / np.sqrt(2)
    assert track.position(middle_of_the_arc) == pytest.approx(corner, abs=1e-4)


def test_the_width_is_that_of_the_corners_and_smooth_between() -> None:
    track = track_from_corners("box", rectangle(1.0, (1.0, 0.6, 0.6, 0.6)), closed=True, spacing_m=0.02)
    first_apex = 2.0 + np.pi / 4
    second_apex = first_apex + 2.0 + np.pi / 2
    between = (first_apex + second_apex) / 2
    assert track.width_m([first_apex, between, second_apex]) == pytest.approx([1.0, 0.8, 0.6], abs=1e-3)


def test_an_open_road_runs_from_its_first_corner_to_its_last() -> None:
    corners = [Corner(0, 0, 0, 0.8), Corner(3, 0, 1, 0.8), Corner(3, 3, 0, 0.8)]
    track = track_from_corners("bend", corners, closed=False, spacing_m=0.01)
    assert track.length_m == pytest.approx(4.0 + np.pi / 2, rel=1e-5)
    assert track.waypoints_m[[0, -1]] == pytest.approx(np.array([[0, 0], [3, 3]]))


def test_arcs_that_do_not_fit_are_named() -> None:
    with pytest.raises(TrackError, match=r"corners 1 and 2 need 4\.20 m of the 4\.00 m between them"):
        track_from_corners("box", rectangle(2.1), closed=True)
    corners = [Corner(0, 0, 0, 1), Corner(1, 0, 1.5, 1), Corner(1, 3, 0, 1)]
    with pytest.raises(TrackError, match=r"corners 1 and 2 need 1\.50 m of the 1\.00 m"):
        track_from_corners("bend", corners, closed=False)


@pytest.mark.parametrize("closed", [True, False])
def test_too_few_corners_are_refused(closed: bool) -> None:
    with pytest.raises(TrackError, match="A closed track needs 3, an open one 2"):
        track_from_corners("few", rectangle(1.0)[: 2 if closed else 1], closed=closed)


def test_corners_on_one_point_are_refused() -> None:
    corners = rectangle(0.5)
    with pytest.raises(TrackError, match="same point"):
        track_from_corners("twice", [corners[0], *corners], closed=True)
