"""TensorBoard events of a run: numbers appended to one file, which a resume can cut back like any other.

The file format is TensorFlow's: records framed with their length and checksums, the first one a version.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from shared.atomic_files import storage_errors

FILE_NAME = "events.out.tfevents.0.lapwing"  # TensorBoard looks for "tfevents"
FILE_VERSION = "brain.Event:2"


def append_events(folder: Path, step: int, scalars: Mapping[str, float]) -> None:
    """Append numbers, by tag, at a training step."""
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()])
    path = folder / FILE_NAME
    with storage_errors(path), open(path, "ab") as handle:
        if handle.tell() == 0:
            _write(handle, Event(wall_time=time.time(), file_version=FILE_VERSION))
        _write(handle, Event(wall_time=time.time(), step=step, summary=summary))


def _write(handle: BinaryIO, event: Event) -> None:
    RecordWriter(handle).write(event.SerializeToString())
