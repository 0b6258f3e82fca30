"""The same track with a wider road, for a policy that is to learn the way before it learns to keep to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shared.errors import TrackError
from trainer.tracks.track import Track
from trainer.tracks.validity import check_track

Floats = NDArray[np.float64]

LOOK_EVERY_M, MOST_PLACES = 0.1, 1000
# Field that stays between two roads that pass each other, and between the inner border and a bend's middle.
GAP_M, INNER_RADIUS_M = 0.25, 0.05
# Widening of a road to either side, per metre driven.
WIDENING = 0.25
# Places are two roads, and no bend of one, when the way along the road is so much longer than across.
WAY_ROUND = 1.5


def widened(track: Track, factor: float) -> Track:
    """The track with a road up to `factor` times as wide, and nowhere wider than bends and neighbouring road allow.

    The centre line, its waypoints and the name stay. Where there is no room at all the road stays as it is.
    """
    if factor < 1.0:
        raise TrackError(f"A road cannot be widened by a factor of {factor:g}. Give 1 or more.")
    more_m = np.interp(track.waypoint_arcs_m, *_room_m(track))[:, None]
    centre = track.waypoints_m
    borders = []
    for border in (track.left_border_m, track.right_border_m):
        out = border - centre
        half_m = np.maximum(np.hypot(*out.T), 1e-9)[:, None]
        borders.append(centre + out * (1.0 + np.minimum(factor - 1.0, more_m / half_m)))
    wider = replace(track, left_border_m=borders[0], right_border_m=borders[1])
    try:
        check_track(wider)
    except TrackError:
        return track
    return wider


def _room_m(track: Track) -> tuple[Floats, Floats]:
    """Arc lengths along the track, and by how much either half of the road may grow there."""
    places = int(min(MOST_PLACES, max(16, track.length_m / LOOK_EVERY_M)))
    arcs = np.linspace(0.0, track.length_m, places + 1)
    half_m = np.maximum(*track.half_widths_m(arcs))
    points = track.position(arcs)
    way_m = np.abs(arcs[:, None] - arcs)
    if track.closed:
        way_m = np.minimum(way_m, track.length_m - way_m)
    across_m = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
    other_road = way_m > WAY_ROUND * across_m + 2 * arcs[1]
    # Two roads may both grow: each gets half of the room between them.
    between_m = 0.5 * (across_m - half_m[:, None] - half_m - GAP_M)
    room_m = np.where(other_road, between_m, np.inf).min(axis=1)
    bend_m = 1.0 / np.maximum(np.abs(_curvature_1pm(track, arcs)), 1e-3) - INNER_RADIUS_M - half_m
    free_m = np.maximum(np.minimum(room_m, bend_m), 0.0)
    return arcs, (free_m + WIDENING * way_m).min(axis=1)


def _curvature_1pm(track: Track, arcs: Floats) -> Floats:
    """Turn per metre around every place, the sharper of what lies just before and behind it."""
    heading = np.unwrap(track.heading_rad(arcs))
    if track.closed:
        total = 2.0 * np.pi * np.round((heading[-1] - heading[0]) / (2.0 * np.pi))
        heading = np.concatenate((heading[-2:-1] - total, heading, heading[1:2] + total))
    else:
        heading = np.concatenate((heading[:1], heading, heading[-1:]))
    turns = np.abs(np.diff(heading)) / arcs[1]
    sharper: Floats = np.maximum(turns[:-1], turns[1:])
    return sharper
