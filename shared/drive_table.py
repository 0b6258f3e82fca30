"""A drive as a table, one row per turn of control, whether a car or the simulator wrote its log.

The channels of a log have times of their own. A row is a command; beside it stand the model's answer to the same
picture, what the actuator made of it, and the newest of everything else.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.drive_channels import (
    CAMERA_CHANNEL,
    CHANNELS,
    ActuatorOutput,
    BatterySample,
    Command,
    DriveEvent,
    DriveMessage,
    DriveState,
    ImuSample,
    LidarScan,
    ModelOutput,
    OperatorInput,
    PoseSample,
    SystemSample,
)
from shared.drive_log import DriveLog, LogEntry, read_drive_log
from shared.errors import StorageError

Column = NDArray[Any]


@dataclass(frozen=True, slots=True)
class AlignedEntry:
    """One message with the newest of other kinds beside it; a kind that was not heard yet is missing."""

    time_s: float
    message: DriveMessage
    beside: Mapping[type[DriveMessage], DriveMessage]


def aligned(
    entries: Iterable[LogEntry],
    kind: type[DriveMessage],
    newest: Collection[type[DriveMessage]],
    following: Collection[type[DriveMessage]] = (),
) -> Iterator[AlignedEntry]:
    """Every message of a kind, by time; at one time, in the order written.

    newest: kinds of which the last message until then stands beside it. following: kinds of which the first one
    after it does, up to the next message of the kind.
    """
    last: dict[type[DriveMessage], DriveMessage] = {}
    row: tuple[float, DriveMessage, dict[type[DriveMessage], DriveMessage]] | None = None
    for entry in sorted(entries, key=lambda entry: entry.time_s):
        message = entry.message
        if isinstance(message, kind):
            if row is not None:
                yield AlignedEntry(*row)
            row = (entry.time_s, message, dict(last))
        elif type(message) in newest:
            last[type(message)] = message
        elif row is not None and type(message) in following:
            row[2].setdefault(type(message), message)
    if row is not None:
        yield AlignedEntry(*row)


@dataclass(frozen=True, slots=True)
class DriveTable:
    """columns: by name, all of one length; numbers float64 with NaN where nothing is known, texts as objects.

    time_s counts from the first row; started_s is that row's time in the log.
    """

    about: Mapping[str, str]
    started_s: float
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.columns["time_s"])

    def resampled(self, rate_hz: float) -> DriveTable:
        """Rows at equal distances in time: each the newest row until then."""
        times_s = self.columns["time_s"]
        at_s = np.arange(0.0, times_s[-1] + 1e-9, 1.0 / rate_hz) if len(self) else np.zeros(0)
        rows = np.searchsorted(times_s, at_s + 1e-9, side="right") - 1
        columns = {name: values[rows] for name, values in self.columns.items()}
        return DriveTable(self.about, self.started_s, {**columns, "time_s": at_s})

    def csv(self) -> str:
        """Titles, then a line per row; what is not known is empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(zip(*(_cells(values) for values in self.columns.values()), strict=True))
        return text.getvalue()


# Columns that are an attribute of one message: name, its message, its attribute.
_NUMBERS: tuple[tuple[str, type[DriveMessage], str], ...] = (
    ("frame_sequence", Command, "frame_sequence"),
    ("asked_steering_angle_deg", Command, "steering_angle_deg"),
    ("asked_speed_mps", Command, "speed_mps"),
    ("applied_steering_angle_deg", ActuatorOutput, "steering_angle_deg"),
    ("applied_speed_mps", ActuatorOutput, "speed_mps"),
    ("steering_us", ActuatorOutput, "steering_us"),
    ("throttle_us", ActuatorOutput, "throttle_us"),
    ("is_armed", DriveState, "is_armed"),
    ("epoch", DriveState, "epoch"),
    ("model_steering_angle_deg", ModelOutput, "steering_angle_deg"),
    ("model_speed_mps", ModelOutput, "speed_mps"),
    ("inference_ms", ModelOutput, "inference_ms"),
    ("x_m", PoseSample, "x_m"),
    ("y_m", PoseSample, "y_m"),
    ("heading_deg", PoseSample, "heading_deg"),
    ("speed_mps", PoseSample, "speed_mps"),
    ("steering_angle_deg", PoseSample, "steering_angle_deg"),
    ("progress_percent", PoseSample, "progress_percent"),
    ("lap", PoseSample, "lap"),
    ("is_off_track", PoseSample, "is_off_track"),
    ("operator_steering_fraction", OperatorInput, "steering_fraction"),
    ("operator_throttle_fraction", OperatorInput, "throttle_fraction"),
    ("battery_v", BatterySample, "voltage_v"),
    ("battery_a", BatterySample, "current_a"),
    ("battery_charge_fraction", BatterySample, "charge_fraction"),
    ("cpu_percent", SystemSample, "cpu_percent"),
    ("cpu_temperature_c", SystemSample, "cpu_temperature_c"),
    ("memory_percent", SystemSample, "memory_percent"),
    ("throttled_bits", SystemSample, "throttled_bits"),
    ("loop_jitter_p99_ms", SystemSample, "loop_jitter_p99_ms"),
    ("wifi_rssi_dbm", SystemSample, "wifi_rssi_dbm"),
)
_TEXTS: tuple[tuple[str, type[DriveMessage], str], ...] = (
    ("source", Command, "source"),
    ("limited_by", ActuatorOutput, "limited_by"),
    ("state", DriveState, "state"),
    ("mode", DriveState, "mode"),
    ("reason", DriveState, "reason"),
)
_NEWEST = (DriveState, PoseSample, OperatorInput, BatterySample, SystemSample, ImuSample, LidarScan)


def read_drive(path: Path) -> DriveTable:
    """A drive log of a car or of the simulator as a table. StorageError when it holds no turn of control."""
    return drive_table(read_drive_log(path, channels=set(CHANNELS) - {CAMERA_CHANNEL}), str(path))


def drive_table(log: DriveLog, source: str = "this log") -> DriveTable:
    """The table of a log that was read already; its pictures and the model's inputs are not looked at."""
    answers = {
        entry.message.frame_sequence: entry.message for entry in log.entries if isinstance(entry.message, ModelOutput)
    }
    rows = list(aligned(log.entries, Command, _NEWEST, following=(ActuatorOutput,)))
    if not rows:
        raise StorageError(f"{source} holds no turn of control (/cmd), so there is nothing to show of it.")
    beside = [_all_beside(row, answers) for row in rows]
    started_s = rows[0].time_s
    columns: dict[str, Column] = {"time_s": np.array([row.time_s - started_s for row in rows])}
    for name, kind, attribute in _TEXTS:
        columns[name] = _texts([getattr(messages.get(kind), attribute, "") for messages in beside])
    for name, kind, attribute in _NUMBERS:
        columns[name] = _numbers([getattr(messages.get(kind), attribute, None) for messages in beside])
    columns |= _imu_columns([messages.get(ImuSample) for messages in beside])
    columns["nearest_m"] = _numbers([_nearest_m(messages.get(LidarScan)) for messages in beside])
    columns["event"] = _texts(_events(log.entries, [row.time_s for row in rows]))
    columns |= _value_columns([messages.get(ModelOutput) for messages in beside])
    return DriveTable(log.about, started_s, columns)


def _all_beside(row: AlignedEntry, answers: Mapping[int, ModelOutput]) -> dict[type[DriveMessage], DriveMessage]:
    """The row's messages by kind; the model's answer is the one to the same picture."""
    assert isinstance(row.message, Command)
    found = {**row.beside, Command: row.message}
    answer = None if row.message.frame_sequence is None else answers.get(row.message.frame_sequence)
    return found if answer is None else {**found, ModelOutput: answer}


def _imu_columns(samples: Sequence[DriveMessage | None]) -> dict[str, Column]:
    columns = {}
    for attribute, unit in (("acceleration_mps2", "mps2"), ("angular_rate_dps", "dps")):
        for axis, letter in enumerate("xyz"):
            values = [getattr(sample, attribute)[axis] if sample is not None else None for sample in samples]
            columns[f"imu_{letter}_{unit}"] = _numbers(values)
    return columns


def _value_columns(answers: Sequence[DriveMessage | None]) -> dict[str, Column]:
    """What the model answered, a column per value: probabilities, or steering and speed in -1..1."""
    values = [answer.values if isinstance(answer, ModelOutput) else () for answer in answers]
    most = max(len(found) for found in values)
    return {
        f"model_value_{number}": _numbers([found[number] if number < len(found) else None for found in values])
        for number in range(most)
    }


def _events(entries: Iterable[LogEntry], row_times_s: Sequence[float]) -> list[str]:
    """Of every row, what happened since the row before; after the last row, it counts to that one."""
    told: list[list[str]] = [[] for _ in row_times_s]
    for entry in entries:
        event = entry.message
        if isinstance(event, DriveEvent):
            row = min(bisect_left(row_times_s, entry.time_s), len(told) - 1)
            told[row].append(f"{event.kind}: {event.text}" if event.text else event.kind)
    return ["; ".join(events) for events in told]


def _nearest_m(scan: DriveMessage | None) -> float | None:
    """The shortest range of a scan; None where nothing came back."""
    ranges_m = [range_m for range_m in scan.ranges_m if range_m > 0] if isinstance(scan, LidarScan) else []
    return min(ranges_m, default=None)


def _numbers(values: Sequence[float | None]) -> Column:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _texts(values: Sequence[str]) -> Column:
    return np.array([str(value) for value in values], dtype=object)


def _cells(values: Column) -> list[str]:
    if values.dtype == object:
        return list(values)
    return ["" if np.isnan(value) else f"{value:.6f}".rstrip("0").rstrip(".") for value in values.tolist()]
