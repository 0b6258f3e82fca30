"""The state of all cars as one array of records, and the view of it that other packages read."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class EpisodeStatus(IntEnum):
    """What an episode is doing, or how it ended. Names are DeepRacer's."""

    PREPARE = 0  # reset, no step taken yet
    IN_PROGRESS = 1
    PAUSE = 2  # put back on the road, standing out its penalty
    LAP_COMPLETE = 3
    OFF_TRACK = 4
    CRASHED = 5
    IMMOBILIZED = 6
    REVERSED = 7
    TIME_UP = 8

    @property
    def is_over(self) -> bool:
        """Whether the car waits for a reset."""
        return self >= EpisodeStatus.LAP_COMPLETE


FIRST_STATUS_OVER = int(EpisodeStatus.LAP_COMPLETE)

# present: stands where others may see and touch it. ghost: touches nothing. touching: one bit per thing (its slot) that
# the car overlaps. ran_into: 1 + the slot of what it has just crashed into, else 0. struck_at_s: the world's time when
# a bot ran into it, below zero for never. crashes_here, last_crash_percent: crashes in a row at the same progress, and
# that progress, whole laps as hundreds. grey to blue: the levels of its body.
# Of these, other cars read in the second launch of a step only what the first one has written.
CAR = np.dtype(
    [
        ("seed", np.uint64),
        *((name, np.int64) for name in (
            "episode", "steps", "status", "track_index", "world_index", "direction", "newest_command",
            "line_index", "front_index", "laps", "reversed_steps", "immobilized_steps", "wheels_on_track",
            "present", "ghost", "touching", "ran_into", "contacts", "overtakes", "overtaken", "crashes_here",
        )),
        *((name, np.float64) for name in (
            "start_fraction", "time_s", "pause_until_s", "lap_started_s", "last_lap_time_s",
            "x_m", "y_m", "heading_rad", "speed_mps", "lateral_speed_mps", "yaw_rate_rps", "steering_angle_rad",
            "commanded_steering_angle_deg", "commanded_speed_mps", "previous_x_m", "previous_y_m",
            "front_x_m", "front_y_m", "arc_m", "lateral_m", "start_arc_m", "progress_percent",
            "struck_at_s", "last_crash_percent", "grey", "red", "green", "blue",
        )),
    ]
)  # fmt: skip


class Cars:
    """Named (N,) arrays, one entry per car: views of the simulator's state, so they show every step as it happens.

    x_m, y_m, heading_rad: the car's origin, midway between the axles. front_x_m, front_y_m: the point DeepRacer calls x
    and y. arc_m, lateral_m, progress_percent: of that front point, in the car's driving direction, left positive.
    speed_mps: along the car. steps, time_s: since the reset. direction: +1 with the track, -1 against it.
    """

    def __init__(self, records: NDArray[np.void]) -> None:
        self.records = records
        for name in CAR.names or ():
            setattr(self, name, records[name])

    def __len__(self) -> int:
        return len(self.records)

    def __getattr__(self, name: str) -> NDArray[np.generic]:
        raise AttributeError(f"A car has no '{name}'. It has: {', '.join(CAR.names or ())}")
