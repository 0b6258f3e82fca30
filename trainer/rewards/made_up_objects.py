"""Objects on the road, made up: the columns they add to rows of measurements, and the situations they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shared.cars import DEEPRACER
from trainer.rewards.batch import Floats
from trainer.simulator.measurements import Column, ObjectColumn
from trainer.simulator.things import Kind
from trainer.tracks import Track


@dataclass(frozen=True, slots=True)
class Thing:
    """An object near the car at the last step of a made-up drive, moving along the road until then.

    ahead_m: from the front of the car to its middle, along the centre line. side_fraction: of the half width, left
    positive; the middles of the lanes are at 0.5 and -0.5.
    """

    kind: Kind
    ahead_m: float
    side_fraction: float
    speed_mps: float = 0.0


def with_things(rows: Floats, road: Track, things: Sequence[Thing], step_s: float) -> Floats:
    """(steps, more columns) the rows of a drive with the things' columns behind them."""
    steps_left = np.arange(len(rows) - 1, -1, -1.0)
    columns = [rows]
    for thing in things:
        arc_m = rows[-1, Column.ARC_M] + thing.ahead_m - thing.speed_mps * step_s * steps_left
        half_m = road.half_widths_m(arc_m)[0 if thing.side_fraction >= 0 else 1]
        columns.append(
            object_columns(rows, road, thing.kind, arc_m, thing.side_fraction * half_m, speed_mps=thing.speed_mps)
        )
    return np.hstack(columns)


def object_columns(
    rows: Floats, road: Track, kind: Kind, arc_m: ArrayLike, lateral_m: ArrayLike, *, speed_mps: ArrayLike
) -> Floats:
    """(steps, len(ObjectColumn)) of one object that is seen at these places of the road, heading along it.

    rows: of the car that sees it. arc_m, lateral_m (left positive), speed_mps: per step, or one for all.
    """
    arc_m = road.wrap_arc(np.broadcast_to(np.asarray(arc_m, dtype=np.float64), len(rows)))
    middle = road.position(arc_m, lateral_m)
    columns = np.zeros((len(rows), len(ObjectColumn)))
    columns[:, ObjectColumn.KIND] = kind
    columns[:, [ObjectColumn.X_M, ObjectColumn.Y_M]] = middle
    columns[:, ObjectColumn.HEADING_RAD] = road.heading_rad(arc_m)
    columns[:, ObjectColumn.SPEED_MPS] = speed_mps
    columns[:, ObjectColumn.ARC_M] = arc_m
    columns[:, ObjectColumn.LATERAL_M] = lateral_m
    gap_m = arc_m - rows[:, Column.ARC_M]
    laps = np.round(gap_m / road.length_m) if road.closed else 0.0
    columns[:, ObjectColumn.GAP_M] = gap_m - road.length_m * laps
    columns[:, ObjectColumn.IN_CAMERA] = _is_in_picture(rows, middle)
    return columns


def _is_in_picture(rows: Floats, middle_m: Floats) -> Floats:
    """1.0 where a point is ahead of the car, within the camera's angle to either side."""
    away = middle_m - rows[:, [Column.X_M, Column.Y_M]]
    angle = np.arctan2(away[:, 1], away[:, 0]) - rows[:, Column.HEADING_RAD]
    half_angle = np.radians(DEEPRACER.camera.horizontal_fov_deg / 2)
    inside: Floats = (np.cos(angle) > np.cos(half_angle)).astype(np.float64)
    return inside
