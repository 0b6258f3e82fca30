"""Drives written down step by step, among objects, and what a reward makes of them: for comparing habits."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainer.rewards.catalogue import open_rewards
from trainer.rewards.seen_objects import count_passing, on_the_road
from trainer.rewards.settings import RewardSettings
from trainer.rewards.situations import STEP_S, on_road
from trainer.simulator.measurements import Column, ObjectColumn
from trainer.simulator.state import EpisodeStatus
from trainer.simulator.things import Kind
from trainer.tracks import Track

Floats = NDArray[np.float64]
WHEELBASE_M = 0.164
IN_PROCESS = RewardSettings(isolated=False)


@dataclass(frozen=True)
class Other:
    """Somebody else on the road, by step: metres along the centre line and to its left."""

    kind: Kind
    arc_m: ArrayLike
    lateral_m: ArrayLike


@dataclass(frozen=True)
class Drive:
    """A drive of the front of the car along arc_m (steps,) at lateral_m from the centre line.

    end, end_m: the status it ends with, at the first step at or beyond a place of the centre line; None: at the last.
    heading_rad: None for the direction in which it moves.
    """

    track: Track
    arc_m: Floats
    lateral_m: Floats
    others: tuple[Other, ...] = field(default_factory=tuple)
    end: EpisodeStatus = EpisodeStatus.IN_PROGRESS
    end_m: float | None = None
    heading_rad: Floats | None = None

    def rows(self) -> Floats:
        """Rows of measurements; the first step is the start, for which there is no reward."""
        front = self.track.position(self.arc_m, self.lateral_m)
        moved = np.diff(front, axis=0, prepend=front[:1])
        heading = self.heading_rad
        if heading is None:
            along, across = (np.diff(values, prepend=values[0]) for values in (self.arc_m, self.lateral_m))
            heading = self.track.heading_rad(self.arc_m) + np.arctan2(across, along)
        rows = on_road(self.track, front, heading)
        steps = np.arange(len(rows))
        rows[:, Column.STEPS] = 1 + steps
        rows[:, Column.TIME_S] = STEP_S * steps
        driven = self.arc_m - self.arc_m[0]
        rows[:, Column.PROGRESS_PERCENT] = np.minimum(100 * driven / self.track.length_m, 100.0)
        speed = np.hypot(*moved.T) / STEP_S
        rows[:, [Column.COMMANDED_SPEED_MPS, Column.MEASURED_SPEED_MPS]] = speed[:, None]
        turned = np.diff(np.unwrap(heading), append=heading[-1])
        angle = np.arctan(WHEELBASE_M * turned / np.maximum(speed * STEP_S, 1e-3))
        rows[:, Column.COMMANDED_STEERING_ANGLE_DEG] = np.clip(np.degrees(angle), -30, 30)
        rows[:, Column.STATUS] = EpisodeStatus.IN_PROGRESS
        last = len(rows) - 1 if self.end_m is None else int(np.argmax(self.arc_m >= self.end_m))
        rows[last, Column.STATUS] = self.end
        rows[last, Column.IS_CRASHED] = self.end == EpisodeStatus.CRASHED
        seen = [on_the_road(rows, self.track, one.kind, one.arc_m, one.lateral_m) for one in self.others]
        for columns in seen:
            middle = columns[:, [ObjectColumn.X_M, ObjectColumn.Y_M]]
            step_m = np.hypot(*np.diff(middle, axis=0).T)
            columns[:, ObjectColumn.SPEED_MPS] = np.append(step_m[:1], step_m) / STEP_S
            count_passing(rows, columns)
        return np.hstack([rows, *seen])[: last + 1]


def rewards_of(example: str, drive: Drive) -> Floats:
    """(steps,) what the example pays for each step of the drive."""
    rows = drive.rows()[1:]
    with open_rewards(
        example, [drive.track], cars=1, seed=0, settings=IN_PROCESS, objects=len(drive.others)
    ) as rewards:
        return np.array([rewards.compute(row[None])[0] for row in rows])


def worth(example: str, drive: Drive, discount: float = 0.99) -> float:
    """What the drive is worth to a learner at its beginning; nothing comes after its last step."""
    rewards = rewards_of(example, drive)
    return float(rewards @ discount ** np.arange(len(rewards)))
