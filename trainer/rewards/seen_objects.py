"""Objects on the road, made up or recorded: the columns they add to a car's rows of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.cars import DEEPRACER
from trainer.rewards.batch import Floats
from trainer.simulator.measurements import Column, ObjectColumn
from trainer.simulator.things import Kind
from trainer.tracks import Track

PASSING_M = 2.0  # whoever is farther away has not been passed


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
        columns.append(on_the_road(rows, road, thing.kind, arc_m, thing.side_fraction * half_m, thing.speed_mps))
    return np.hstack(columns)


def on_the_road(
    rows: Floats, road: Track, kind: Kind, arc_m: ArrayLike, lateral_m: ArrayLike, speed_mps: ArrayLike = 0.0
) -> Floats:
    """(steps, len(ObjectColumn)) of one object at these places of the road, heading along it.

    rows: of the car that sees it. arc_m, lateral_m (left positive), speed_mps: per step, or one for all.
    """
    arc_m = road.wrap_arc(np.broadcast_to(np.asarray(arc_m, dtype=np.float64), len(rows)))
    kinds = np.full(len(rows), int(kind))
    return _columns(
        rows, road, kinds, road.position(arc_m, lateral_m), road.heading_rad(arc_m), speed_mps, arc_m, lateral_m
    )


def in_the_world(
    rows: Floats,
    road: Track,
    kinds: NDArray[np.int64],
    middle_m: Floats,
    heading_rad: ArrayLike,
    speed_mps: ArrayLike,
) -> Floats:
    """(steps, len(ObjectColumn)) of one object with its middle at (steps, 2) points; kinds: Kind per step."""
    arc_m, lateral_m = road.project(middle_m)
    return _columns(rows, road, kinds, middle_m, heading_rad, speed_mps, arc_m, lateral_m)


def count_passing(rows: Floats, columns: Floats) -> None:
    """Add to the car's overtakes and overtaken what these columns of an object say, as the simulator counts."""
    gap_m, moves = columns[:, ObjectColumn.GAP_M], columns[:, ObjectColumn.KIND] >= Kind.BOT_CAR
    is_ahead, near = gap_m > 0.0, (np.abs(gap_m) < PASSING_M) & moves
    both_near = near[:-1] & near[1:]
    rows[1:, Column.OVERTAKES] += np.cumsum(is_ahead[:-1] & ~is_ahead[1:] & both_near)
    rows[1:, Column.OVERTAKEN] += np.cumsum(~is_ahead[:-1] & is_ahead[1:] & both_near)


def _columns(
    rows: Floats,
    road: Track,
    kinds: NDArray[np.int64],
    middle_m: Floats,
    heading_rad: ArrayLike,
    speed_mps: ArrayLike,
    arc_m: Floats,
    lateral_m: ArrayLike,
) -> Floats:
    columns = np.zeros((len(rows), len(ObjectColumn)))
    columns[:, ObjectColumn.KIND] = kinds
    columns[:, [ObjectColumn.X_M, ObjectColumn.Y_M]] = middle_m
    columns[:, ObjectColumn.HEADING_RAD] = heading_rad
    columns[:, ObjectColumn.SPEED_MPS] = speed_mps
    columns[:, ObjectColumn.ARC_M] = arc_m
    columns[:, ObjectColumn.LATERAL_M] = lateral_m
    gap_m = arc_m - rows[:, Column.ARC_M]
    laps = np.round(gap_m / road.length_m) if road.closed else 0.0
    columns[:, ObjectColumn.GAP_M] = gap_m - road.length_m * laps
    columns[:, ObjectColumn.IN_CAMERA] = _is_in_picture(rows, middle_m)
    return columns


def _is_in_picture(rows: Floats, middle_m: Floats) -> NDArray[np.bool_]:
    """Whether a point is ahead of the car, within the camera's angle to either side."""
    away = middle_m - rows[:, [Column.X_M, Column.Y_M]]
    angle = np.arctan2(away[:, 1], away[:, 0]) - rows[:, Column.HEADING_RAD]
    half_angle = np.radians(DEEPRACER.camera.horizontal_fov_deg / 2)
    inside: NDArray[np.bool_] = np.cos(angle) > np.cos(half_angle)
    return inside
