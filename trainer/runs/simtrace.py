"""The step trace that DeepRacer's analysis tools read: one CSV row per simulated step, 19 columns.

Rows are collected as numbers in one table and written as text a block at a time, because a training makes
thousands of them a second. Column order and names: those of DeepRacer's `{N}-iteration.csv`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.atomic_files import storage_errors
from trainer.simulator.measurements import Column
from trainer.simulator.state import EpisodeStatus
from trainer.tracks import Track

HEADER = (
    "episode,steps,X,Y,yaw,steer,throttle,action,reward,done,all_wheels_on_track,progress,"
    "closest_waypoint,track_len,tstamp,episode_status,pause_duration,obstacle_crash_counter,wall_clock"
)

# What one row of the table holds, as numbers; the action takes two places for continuous action spaces.
FIELDS = (
    "episode", "steps", "x_m", "y_m", "yaw_deg", "steer_deg", "throttle_mps", "action", "second_action",
    "reward", "done", "all_wheels_on_track", "progress_percent", "closest_waypoint", "track_length_m",
    "time_s", "status", "pause_s", "crashes", "wall_clock_s",
)  # fmt: skip
FIELD = {name: place for place, name in enumerate(FIELDS)}

NO_ACTION = -1.0  # the prepare row: the car is placed, nothing was chosen yet
WHEELS = 4
DECIMALS = 6  # a micrometre, a microsecond: below anything a simulated step can mean
STATUS_NAMES = {int(status): status.name.lower() for status in EpisodeStatus}


class TraceTable:
    """Rows of steps waiting to be written; grows by doubling and is emptied by `take`."""

    def __init__(self, capacity: int = 4096) -> None:
        self._rows = np.empty((capacity, len(FIELDS)))
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def extend(self, rows: NDArray[np.float64]) -> None:
        """Append rows (n, len(FIELDS))."""
        needed = self._used + len(rows)
        if needed > len(self._rows):
            larger = np.empty((max(needed, 2 * len(self._rows)), len(FIELDS)))
            larger[: self._used] = self._rows[: self._used]
            self._rows = larger
        self._rows[self._used : needed] = rows
        self._used = needed

    def take(self) -> NDArray[np.float64]:
        """Hand over every row collected so far and forget them."""
        rows = self._rows[: self._used].copy()
        self._used = 0
        return rows


class WaypointFinder:
    """Finds the waypoint nearest to each car among the two it lies between."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        directions = [(track.waypoints_m, track.reversed().waypoints_m) for track in tracks]
        longest = max(len(waypoints) for pair in directions for waypoints in pair)
        self._waypoints_m = np.zeros((len(tracks), 2, longest, 2))
        for index, pair in enumerate(directions):
            for direction, waypoints in enumerate(pair):
                self._waypoints_m[index, direction, : len(waypoints)] = waypoints
        self._lengths_m = np.array([track.length_m for track in tracks])

    def closest(self, measurements: NDArray[np.float64]) -> NDArray[np.int64]:
        """Index of the nearer of the previous and the next waypoint, per row of measurements (n, columns)."""
        track = measurements[:, Column.TRACK_INDEX].astype(np.int64)
        direction = measurements[:, Column.IS_REVERSED].astype(np.int64)
        points_m = measurements[:, [Column.X_M, Column.Y_M]]
        candidates = measurements[:, [Column.PREVIOUS_WAYPOINT, Column.NEXT_WAYPOINT]].astype(np.int64)
        places_m = self._waypoints_m[track[:, None], direction[:, None], candidates]
        distances_m = np.linalg.norm(places_m - points_m[:, None, :], axis=2)
        nearer: NDArray[np.int64] = candidates[np.arange(len(candidates)), distances_m.argmin(axis=1)]
        return nearer

    def lengths_m(self, measurements: NDArray[np.float64]) -> NDArray[np.float64]:
        """Length of the track each row of measurements belongs to."""
        lengths_m: NDArray[np.float64] = self._lengths_m[measurements[:, Column.TRACK_INDEX].astype(np.int64)]
        return lengths_m


def trace_rows(
    measurements: NDArray[np.float64],
    waypoints: WaypointFinder,
    *,
    episodes: NDArray[np.int64],
    actions: NDArray[np.float64],
    rewards: NDArray[np.float64],
    done: NDArray[np.bool_],
    clock_start_s: NDArray[np.float64],
    pause_s: NDArray[np.float64] | float,
    wall_clock_s: float,
    crashes: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.float64]:
    """Rows of the table for n cars.

    Args:
        measurements: (n, len(Column)) of the simulator, after the step.
        episodes: (n,) number of the episode each car is in, from 0.
        actions: (n,) chosen index, or (n, 2) continuous.
        clock_start_s: (n,) simulated time at which each car's episode began.
        pause_s: seconds of penalty the car is standing for.
        crashes: so far, where a crash does not end the episode.
    """
    rows = np.zeros((len(measurements), len(FIELDS)))
    columns = {
        "x_m": measurements[:, Column.X_M],
        "y_m": measurements[:, Column.Y_M],
        "yaw_deg": np.degrees(measurements[:, Column.HEADING_RAD]),
        "steps": measurements[:, Column.STEPS],
        "steer_deg": measurements[:, Column.COMMANDED_STEERING_ANGLE_DEG],
        "throttle_mps": measurements[:, Column.COMMANDED_SPEED_MPS],
        "all_wheels_on_track": measurements[:, Column.WHEELS_ON_TRACK] >= WHEELS,
        "progress_percent": measurements[:, Column.PROGRESS_PERCENT],
        "closest_waypoint": waypoints.closest(measurements),
        "track_length_m": waypoints.lengths_m(measurements),
        "time_s": clock_start_s + measurements[:, Column.TIME_S],
        "status": measurements[:, Column.STATUS],
        "episode": episodes,
        "reward": rewards,
        "done": done,
        "pause_s": pause_s,
        "crashes": crashes,
        "wall_clock_s": wall_clock_s,
        "action": actions if actions.ndim == 1 else actions[:, 0],
        "second_action": np.nan if actions.ndim == 1 else actions[:, 1],
    }
    for name, values in columns.items():
        rows[:, FIELD[name]] = values
    return rows


def append_trace_rows(path: Path, rows: NDArray[np.float64]) -> None:
    """Append rows to a trace file, with the header when it is new."""
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab") as handle:
            if handle.tell() == 0:
                handle.write(HEADER.encode("ascii") + b"\n")
            handle.write(format_rows(rows))


def format_rows(rows: NDArray[np.float64]) -> bytes:
    """The CSV text of rows (n, len(FIELDS)), without the header."""
    if not len(rows):
        return b""
    rounded = rows.round(DECIMALS)

    def whole(name: str) -> list[str]:
        return [str(value) for value in rows[:, FIELD[name]].astype(np.int64).tolist()]

    def real(name: str) -> list[str]:
        return [repr(value) for value in rounded[:, FIELD[name]].tolist()]

    def truth(name: str) -> list[str]:
        return ["True" if value else "False" for value in rows[:, FIELD[name]].tolist()]

    columns = (
        whole("episode"), whole("steps"), real("x_m"), real("y_m"), real("yaw_deg"), real("steer_deg"),
        real("throttle_mps"), _actions(rows), [repr(value) for value in rows[:, FIELD["reward"]].tolist()],
        truth("done"), truth("all_wheels_on_track"), real("progress_percent"), whole("closest_waypoint"),
        real("track_length_m"), real("time_s"),
        [STATUS_NAMES[int(value)] for value in rows[:, FIELD["status"]].tolist()],
        real("pause_s"), whole("crashes"), real("wall_clock_s"),
    )  # fmt: skip
    return ("\n".join(map(",".join, zip(*columns))) + "\n").encode("ascii")


def _actions(rows: NDArray[np.float64]) -> list[str]:
    """A discrete action is its index; a continuous one is `[steering speed]`, as DeepRacer wrote it."""
    pairs = rows[:, [FIELD["action"], FIELD["second_action"]]].round(DECIMALS).tolist()
    return [str(int(first)) if math.isnan(second) else f"[{first!r} {second!r}]" for first, second in pairs]
