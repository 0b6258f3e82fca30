"""The drive log: one MCAP file a drive, small chunks, readable to its last whole chunk after any power cut.

Every channel is JSON, the pictures too (Foxglove's CompressedImage in base64): any MCAP tool shows a drive
without our code, for a third more space. Chunks are not compressed: JPEG does not shrink.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mcap.records import Attachment, Message, Metadata
from mcap.well_known import MessageEncoding, SchemaEncoding

from shared.atomic_files import replacing, storage_errors, sync_directory
from shared.drive_channels import CAMERA_CHANNEL, CHANNEL_OF, CHANNELS, DriveMessage
from shared.drive_messages import decode_message, encode_message, schema_name, schema_text
from shared.mcap_records import RecordCopy, SoundRecords, finish_writer, flush_writer, read_statistics, start_writer

_ABOUT = "drive"


class DriveLogWriter:
    """Writes one drive. Not for the control loop: JSON, compression and disk belong in a thread beside it.

    start_time_s: the caller's clock (monotonic or virtual) at the start; start_wall_ns: the wall clock then.
    Log times are the wall start plus what the caller's clock has advanced, so they never jump.
    about: what a person wants to know of the drive (car, driver, track, hashes, versions).
    """

    def __init__(
        self,
        path: Path,
        *,
        start_time_s: float = 0.0,
        start_wall_ns: int = 0,
        about: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self._start_time_s, self._start_wall_ns = start_time_s, start_wall_ns
        self._sequence = 0
        with storage_errors(path):
            self._file = path.open("xb")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # goes with the process, however that ends
                self._writer = start_writer(self._file)
                self._channels = {channel: self._register(channel) for channel in CHANNELS}
                self._writer.add_metadata(_ABOUT, dict(about or {}))
                self._file.flush()
                sync_directory(path.parent)  # what is synced later must have a name after a power cut
                sync_directory(path.parent)
            except OSError:
                self._abandon()
                raise

    def _abandon(self) -> None:
        """Close without ending the file. On a full disk even that fails, after which the file is closed."""
        with suppress(OSError):
            self._file.close()

    def _register(self, channel: str) -> int:
        schema = self._writer.register_schema(schema_name(channel), SchemaEncoding.JSONSchema, schema_text(channel))
        return self._writer.register_channel(channel, MessageEncoding.JSON, schema)

    def write(self, message: DriveMessage, time_s: float) -> None:
        """Add one message at a time of the caller's clock."""
        self.write_encoded(CHANNEL_OF[type(message)], encode_message(message, self._log_time_ns(time_s)), time_s)

    def write_encoded(self, channel: str, data: bytes, time_s: float) -> None:
        """Add one message that is encoded already."""
        log_time_ns = self._log_time_ns(time_s)
        self._sequence += 1
        with storage_errors(self.path):
            self._writer.add_message(self._channels[channel], log_time_ns, data, log_time_ns, self._sequence)

    def _log_time_ns(self, time_s: float) -> int:
        return self._start_wall_ns + round((time_s - self._start_time_s) * 1e9)

    def attach(self, name: str, media_type: str, data: bytes) -> None:
        """Add a whole file, such as the model's metadata or the calibration profile."""
        with storage_errors(self.path):
            self._writer.add_attachment(self._start_wall_ns, self._start_wall_ns, name, media_type, data)

    def sync(self) -> None:
        """Put everything written so far on the disk; call it every second or two."""
        with storage_errors(self.path):
            flush_writer(self._writer)
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write the index and close. A log never closed is still readable; `repair_drive_log` ends it."""
        if self._file.closed:
            return
        with storage_errors(self.path):
            try:
                finish_writer(self._writer)
                self._file.flush()
                os.fsync(self._file.fileno())
            finally:
                self._abandon()

    def __enter__(self) -> DriveLogWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def claimed_log(path: Path) -> Iterator[bool]:
    """Whether nobody writes this log; nobody begins to while the block runs."""
    with storage_errors(path, "read"):
        file = path.open("rb")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One message of a log. time_s: seconds since 1970 on a car, since the start in a simulator."""

    time_s: float
    channel: str
    message: DriveMessage


@dataclass(frozen=True, slots=True)
class DriveLog:
    """A whole log. is_complete: closed, not cut. skipped: messages not understood."""

    about: Mapping[str, str]
    attachments: Mapping[str, bytes]
    entries: tuple[LogEntry, ...]
    is_complete: bool
    skipped: int

    def of(self, kind: type[DriveMessage]) -> tuple[LogEntry, ...]:
        """The entries of one channel, in their order."""
        return tuple(entry for entry in self.entries if isinstance(entry.message, kind))


class DriveLogStream:
    """Iterate over the messages of a log, also one whose end is missing, without keeping them.

    channels: only these. After the iteration: about, attachments, is_complete, skipped, as DriveLog has them.
    """

    def __init__(self, path: Path, channels: Collection[str] | None = None) -> None:
        self.about: dict[str, str] = {}
        self.attachments: dict[str, bytes] = {}
        self.is_complete = False
        self.skipped = 0
        self._path = path
        self._wanted = channels

    def __iter__(self) -> Iterator[LogEntry]:
        records = SoundRecords(self._path)
        self.skipped = 0
        for record in records:
            if isinstance(record, Metadata) and record.name == _ABOUT:
                self.about = dict(record.metadata)
            elif isinstance(record, Attachment):
                self.attachments[record.name] = record.data
            elif isinstance(record, Message):
                channel = records.channels.get(record.channel_id)
                topic = channel.topic if channel is not None else ""
                if self._wanted is not None and topic not in self._wanted:
                    continue
                message = decode_message(topic, record.data)
                if message is None:
                    self.skipped += 1
                else:
                    yield LogEntry(record.log_time / 1e9, topic, message)
        self.is_complete = records.is_complete


def read_drive_log(path: Path, channels: Collection[str] | None = None) -> DriveLog:
    """Read a log, also one whose end is missing. channels: only these (pictures take the most memory)."""
    stream = DriveLogStream(path, channels)
    entries = tuple(stream)
    return DriveLog(stream.about, stream.attachments, entries, stream.is_complete, stream.skipped)


def drive_log_pictures(path: Path) -> Iterator[LogEntry]:
    """The camera's pictures, CameraFrame each, one after the other: a whole drive of them would not fit in memory."""
    records = SoundRecords(path)
    for record in records:
        if isinstance(record, Message) and record.channel_id in records.channels:
            if records.channels[record.channel_id].topic != CAMERA_CHANNEL:
                continue
            message = decode_message(CAMERA_CHANNEL, record.data)
            if message is not None:
                yield LogEntry(record.log_time / 1e9, CAMERA_CHANNEL, message)


@dataclass(frozen=True, slots=True)
class LogSummary:
    """What can be said of a log without reading all of it. Times: as LogEntry.time_s; None while it has no end."""

    about: Mapping[str, str]
    started_s: float | None
    ended_s: float | None
    is_complete: bool


def summarise_drive_log(path: Path) -> LogSummary:
    """Read the first records of a log and its index; StorageError when it is no log."""
    about: Mapping[str, str] = {}
    for record in SoundRecords(path):
        if isinstance(record, Metadata) and record.name == _ABOUT:
            about = dict(record.metadata)
        break  # what the drive was is written first
    statistics = read_statistics(path)
    if statistics is None:
        return LogSummary(about, None, None, False)
    if statistics.message_count == 0:
        return LogSummary(about, None, None, True)
    return LogSummary(about, statistics.message_start_time / 1e9, statistics.message_end_time / 1e9, True)


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair found. was_complete: nothing had to be done."""

    was_complete: bool
    messages: int


def repair_drive_log(path: Path) -> Repair:
    """Give a cut log its end, keeping every message that can be read, known to us or not. Atomic."""
    records = SoundRecords(path)
    messages = sum(isinstance(record, Message) for record in records)
    if records.is_complete:
        return Repair(True, messages)
    with replacing(path) as file:
        copy = RecordCopy(start_writer(file))
        for record in SoundRecords(path):
            copy.add(record)
        finish_writer(copy.writer)
    return Repair(False, messages)
