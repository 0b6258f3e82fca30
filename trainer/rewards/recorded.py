"""Drives that were recorded, as rows of measurements: step traces (CSV) and drive logs (MCAP)."""

from __future__ import annotations

import csv
from bisect import bisect_right
from pathlib import Path
from typing import cast

import numpy as np

from shared.cars import DEEPRACER
from shared.drive_channels import Command, DriveEvent, ObjectSample, ObjectsSample, PoseSample
from shared.drive_log import read_drive_log
from shared.drive_table import aligned
from shared.errors import RewardError, StorageError
from trainer.rewards.batch import Floats
from trainer.rewards.seen_objects import count_passing, in_the_world
from trainer.rewards.situations import Situation, on_road
from trainer.simulator.measurements import Column
from trainer.simulator.state import EpisodeStatus
from trainer.simulator.things import Kind
from trainer.tracks import Track

MOST_EPISODES = 64
MOST_ROWS = 20_000
NOTHING = ObjectSample("nothing", 0.0, 0.0, 0.0)
KINDS = {kind.name.lower(): kind for kind in Kind}
STOPPED = Command(0.0, 0.0, "stop")
CRASHED = EpisodeStatus.CRASHED.name.lower()
TRACE_COLUMNS = ("episode", "steps", "X", "Y", "yaw", "steer", "throttle", "progress", "tstamp")


def read_recorded(path: Path, track: Track) -> list[Situation]:
    """One situation per recorded episode, on the track it was driven on. RewardError if unreadable."""
    if path.suffix == ".mcap":
        return [Situation(path.name, _from_drive_log(path, track))]
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RewardError(f"{path} cannot be read as a step trace: {error}.") from error
    if not lines or not set(TRACE_COLUMNS) <= set(lines[0]):
        raise RewardError(
            f"{path} is no step trace: it needs the columns {', '.join(TRACE_COLUMNS)}. "
            "Give a CSV of a run's training-simtrace folder, or a drive log (.mcap)."
        )
    episodes: dict[str, list[dict[str, str]]] = {}
    for line in lines[:MOST_ROWS]:
        episodes.setdefault(line["episode"], []).append(line)
    chosen = list(episodes.items())[:MOST_EPISODES]
    return [Situation(f"{path.name}, episode {name}", _from_trace(part, track, path)) for name, part in chosen]


def _from_trace(lines: list[dict[str, str]], track: Track, path: Path) -> Floats:
    try:
        values = np.array([[float(line[name]) for name in TRACE_COLUMNS] for line in lines])
    except (ValueError, TypeError) as error:
        raise RewardError(f"{path}: a value is not a number ({error}).") from error
    values = values[values[:, TRACE_COLUMNS.index("steps")] >= 2]  # step 1 is the start: no reward
    if not np.isfinite(values).all():
        raise RewardError(f"{path}: a value is not a finite number.")
    _, steps, x, y, yaw_deg, steer_deg, throttle, progress, stamp = values.T
    rows, is_reversed = _rows_on(track, np.stack((x, y), axis=-1), np.radians(yaw_deg))
    rows[:, Column.STEPS] = steps
    rows[:, Column.TIME_S] = stamp - stamp[0] + 1 / 15 if len(stamp) else stamp
    rows[:, Column.PROGRESS_PERCENT] = progress
    rows[:, [Column.COMMANDED_SPEED_MPS, Column.MEASURED_SPEED_MPS]] = throttle[:, None]
    rows[:, [Column.COMMANDED_STEERING_ANGLE_DEG, Column.MEASURED_STEERING_ANGLE_DEG]] = steer_deg[:, None]
    rows[:, Column.IS_REVERSED] = is_reversed
    return rows


def _from_drive_log(path: Path, track: Track) -> Floats:
    """Every pose, with the newest command and the newest objects before it."""
    try:
        log = read_drive_log(path, channels=("/pose", "/cmd", "/objects", "/event"))
    except StorageError as error:
        raise RewardError(str(error)) from error
    poses = list(aligned(log.entries, PoseSample, (Command, ObjectsSample)))
    stops = [
        entry.time_s for entry in log.entries if isinstance(entry.message, DriveEvent) and entry.message.kind == CRASHED
    ]
    times_s = [pose.time_s for pose in poses]
    crashes = {bisect_right(times_s, stop_s) - 1 for stop_s in stops}
    found = [
        (row.time_s, cast(PoseSample, row.message), cast(Command, row.beside.get(Command, STOPPED))) for row in poses
    ]
    seen = [cast(ObjectsSample, row.beside.get(ObjectsSample, ObjectsSample(()))).objects for row in poses]
    found, seen = found[:MOST_ROWS], seen[:MOST_ROWS]
    if not found:
        raise RewardError(f"{path} holds no poses (/pose): nothing says where the car was. Use a simulated drive.")
    heading = np.radians([pose.heading_deg for _, pose, _ in found])
    origin = np.array([(pose.x_m, pose.y_m) for _, pose, _ in found])
    front = origin + DEEPRACER.front_offset_m * np.stack((np.cos(heading), np.sin(heading)), axis=-1)
    rows, is_reversed = _rows_on(track, front, heading)
    rows[:, Column.STEPS] = np.arange(2, 2 + len(found))
    rows[:, Column.TIME_S] = [time_s - found[0][0] for time_s, _, _ in found]
    rows[[row for row in crashes if 0 <= row < len(rows)], Column.IS_CRASHED] = 1.0
    for column, values in {
        Column.PROGRESS_PERCENT: [pose.progress_percent for _, pose, _ in found],
        Column.MEASURED_SPEED_MPS: [pose.speed_mps for _, pose, _ in found],
        Column.MEASURED_STEERING_ANGLE_DEG: [pose.steering_angle_deg for _, pose, _ in found],
        Column.COMMANDED_SPEED_MPS: [order.speed_mps for _, _, order in found],
        Column.COMMANDED_STEERING_ANGLE_DEG: [order.steering_angle_deg for _, _, order in found],
    }.items():
        rows[:, column] = values
    rows[:, Column.IS_REVERSED] = is_reversed
    return _with_objects(rows, track.reversed() if is_reversed else track, seen)


def _with_objects(rows: Floats, road: Track, seen: list[tuple[ObjectSample, ...]]) -> Floats:
    """The rows with the columns of every object that was seen (one tuple per row) behind them."""
    columns = []
    for place in range(max(len(objects) for objects in seen)):
        samples = [objects[place] if place < len(objects) else NOTHING for objects in seen]
        kinds = np.array([KINDS.get(sample.kind, Kind.NOTHING) for sample in samples], dtype=np.int64)
        middle = np.array([(sample.x_m, sample.y_m) for sample in samples])
        heading = np.radians([sample.heading_deg for sample in samples])
        columns.append(in_the_world(rows, road, kinds, middle, heading, [sample.speed_mps for sample in samples]))
        count_passing(rows, columns[-1])
    return np.hstack([rows, *columns])


def _rows_on(track: Track, front_m: Floats, heading_rad: Floats) -> tuple[Floats, bool]:
    """Rows in the direction the car was mostly facing, and whether that is the reversed one."""
    arc_m, lateral_m = track.project(front_m)
    if len(arc_m) and np.median(np.abs(lateral_m)) > 2 * track.mean_width_m:
        raise RewardError(f"The recorded drive is not on the track '{track.name}'. Name the right one with --track.")
    facing = np.cos(heading_rad - track.heading_rad(arc_m)).sum() if len(arc_m) else 1.0
    is_reversed = bool(facing < 0)
    rows = on_road(track.reversed() if is_reversed else track, front_m, heading_rad)
    rows[:, Column.STATUS] = EpisodeStatus.IN_PROGRESS
    return rows, is_reversed
