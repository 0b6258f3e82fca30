"""A drive as a table: what stands beside each command, from whichever half of Lapwing the log is."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.drive_channels import (
    ActuatorOutput,
    BatterySample,
    CameraFrame,
    Command,
    DriveEvent,
    DriveMessage,
    DriveState,
    ImuSample,
    LidarScan,
    ModelOutput,
    PoseSample,
)
from shared.drive_log import DriveLogWriter, LogEntry
from shared.drive_table import DriveTable, aligned, read_drive
from shared.errors import StorageError


def table_of(tmp_path: Path, messages: list[tuple[float, DriveMessage]]) -> DriveTable:
    path = tmp_path / "drive.mcap"
    with DriveLogWriter(path, about={"car": "lapwing-1"}) as log:
        for time_s, message in messages:
            log.write(message, time_s)
    return read_drive(path)


def turn(number: int, time_s: float) -> list[tuple[float, DriveMessage]]:
    """A turn as a car writes it: each stage at its own time."""
    answer = ModelOutput(number, (0.25, 0.75), 10.0 * number, 1.0, inference_ms=2.0)
    return [
        (time_s, CameraFrame(b"jpeg", number)),
        (time_s + 0.005, answer),
        (time_s + 0.006, Command(10.0 * number, 1.0, "autonomous", number, number)),
        (time_s + 0.007, ActuatorOutput(9.0 * number, 0.5 * number, 1500.0 + number, None, "slew")),
    ]


def test_a_row_is_a_command_with_what_the_actuator_made_of_this_one(tmp_path: Path) -> None:
    table = table_of(tmp_path, turn(1, 5.0) + turn(2, 5.1) + turn(3, 5.2))
    columns = table.columns
    assert len(table) == 3
    assert (table.about, table.started_s) == ({"car": "lapwing-1"}, pytest.approx(5.006))
    np.testing.assert_allclose(columns["time_s"], [0.0, 0.1, 0.2])
    np.testing.assert_array_equal(columns["asked_steering_angle_deg"], [10, 20, 30])
    np.testing.assert_array_equal(columns["applied_steering_angle_deg"], [9, 18, 27])
    np.testing.assert_array_equal(columns["applied_speed_mps"], [0.5, 1.0, 1.5])
    assert np.isnan(columns["throttle_us"]).all()
    assert list(columns["limited_by"]) == ["slew"] * 3


def test_the_models_answer_is_the_one_to_the_same_picture_however_late_it_is_written(tmp_path: Path) -> None:
    late = [(time_s + 0.2 * isinstance(message, ModelOutput), message) for time_s, message in turn(1, 5.0)]
    columns = table_of(tmp_path, late + turn(2, 5.1)).columns
    np.testing.assert_array_equal(columns["model_steering_angle_deg"], [10, 20])
    np.testing.assert_array_equal(columns["model_value_1"], [0.75, 0.75])


def test_everything_else_is_the_newest_until_then(tmp_path: Path) -> None:
    between: list[tuple[float, DriveMessage]] = [
        (4.0, DriveState("ready")),
        (5.05, DriveState("armed", "autonomous", True, "", 3)),
        (5.05, BatterySample(7.4, 1.5, 0.5)),
        (5.05, ImuSample((0.1, 0.2, 9.8), (1.0, 2.0, 3.0))),
        (5.05, LidarScan((0.0, 90.0, 180.0), (0.0, 0.7, 0.4))),
        (5.05, PoseSample(1.0, 2.0, 90.0, 0.4, progress_percent=12.0, lap=1)),
    ]
    columns = table_of(tmp_path, turn(1, 5.0) + turn(2, 5.1) + between).columns
    assert list(columns["state"]) == ["ready", "armed"]
    np.testing.assert_array_equal(columns["is_armed"], [0, 1])
    for name, value in {
        "battery_v": 7.4, "battery_charge_fraction": 0.5, "imu_z_mps2": 9.8, "imu_x_dps": 1.0, "nearest_m": 0.4,
        "x_m": 1.0, "progress_percent": 12.0, "lap": 1.0,
    }.items():  # fmt: skip
        assert math.isnan(columns[name][0]), name
        assert columns[name][1] == value, name


def test_an_event_stands_in_the_row_that_follows_it_and_the_last_in_the_last(tmp_path: Path) -> None:
    events: list[tuple[float, DriveMessage]] = [
        (5.02, DriveEvent("lap", "lap 1", 17.0)),
        (5.03, DriveEvent("bookmark")),
        (9.0, DriveEvent("stop", "STOP was pressed")),
    ]
    columns = table_of(tmp_path, turn(1, 5.0) + turn(2, 5.1) + turn(3, 5.2) + events).columns
    assert list(columns["event"]) == ["", "lap: lap 1; bookmark", "stop: STOP was pressed"]


def test_messages_of_one_moment_keep_the_order_they_were_written_in() -> None:
    entries = [
        LogEntry(1.0, "/pose", PoseSample(1.0, 0.0, 0.0)),
        LogEntry(1.0, "/cmd", Command(1.0, 1.0, "autonomous")),
        LogEntry(1.0, "/pose", PoseSample(2.0, 0.0, 0.0)),
    ]
    (row,) = aligned(entries, Command, (PoseSample,))
    assert row.beside == {PoseSample: PoseSample(1.0, 0.0, 0.0)}


def test_resampled_rows_stand_at_equal_distances_and_hold_the_newest(tmp_path: Path) -> None:
    table = table_of(tmp_path, turn(1, 5.0) + turn(2, 5.1) + turn(3, 5.4)).resampled(10.0)
    np.testing.assert_allclose(table.columns["time_s"], [0.0, 0.1, 0.2, 0.3, 0.4])
    np.testing.assert_array_equal(table.columns["asked_steering_angle_deg"], [10, 20, 20, 20, 30])
    assert list(table.columns["limited_by"]) == ["slew"] * 5


def test_a_csv_has_a_line_per_turn_and_leaves_empty_what_is_not_known(tmp_path: Path) -> None:
    spoken = [(5.0, DriveEvent("bookmark", 'a "fast", clean corner'))]
    table = table_of(tmp_path, [*turn(1, 5.0), *turn(2, 5.1), *spoken])
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(table.csv())))
    assert len(rows) == 2
    assert (rows[1]["time_s"], rows[1]["asked_steering_angle_deg"], rows[1]["throttle_us"]) == ("0.1", "20", "")
    assert rows[0]["event"] == 'bookmark: a "fast", clean corner'
    assert list(rows[0]) == list(table.columns)


def test_a_log_without_a_turn_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no turn of control"):
        table_of(tmp_path, [(1.0, DriveState("ready"))])
