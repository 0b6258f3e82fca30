"""The drive log: one MCAP file a drive, small chunks, readable to its last whole chunk after any power cut.

Every channel is JSON, the pictures too (Foxglove's CompressedImage in base64): any MCAP tool shows a drive
without our code, for a third more space. Chunks are not compressed: JPEG does not shrink.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mcap.exceptions import McapError
from mcap.records import Attachment, Channel, Chunk, Footer, Header, McapRecord, Message, Metadata, Schema
from mcap.stream_reader import StreamReader, breakup_chunk
from mcap.well_known import MessageEncoding, SchemaEncoding
from mcap.writer import CompressionType, Writer

from shared.atomic_files import replacing, storage_errors
from shared.drive_channels import (
    CHANNEL_OF,
    CHANNELS,
    DriveMessage,
    decode_message,
    encode_message,
    schema_name,
    schema_text,
)
from shared.errors import StorageError

# A cut loses at most what the last chunk would have held: half a second of pictures at 15 Hz.
CHUNK_BYTES = 64 * 1024
_MAX_RECORD_BYTES = 64 << 20
_ABOUT = "drive"
_LIBRARY = "lapwing"


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
        self._path = path
        self._start_time_s, self._start_wall_ns = start_time_s, start_wall_ns
        self._sequence = 0
        with storage_errors(path):
            self._file = path.open("xb")
            self._writer = _mcap_writer(self._file)
            self._writer.start(profile="", library=_LIBRARY)
            self._channels = {channel: self._register(channel) for channel in CHANNELS}
            self._writer.add_metadata(_ABOUT, dict(about or {}))
            self._file.flush()

    def _register(self, channel: str) -> int:
        schema = self._writer.register_schema(
            schema_name(channel), SchemaEncoding.JSONSchema, schema_text(channel)
        )
        return self._writer.register_channel(channel, MessageEncoding.JSON, schema)

    def write(self, message: DriveMessage, time_s: float) -> None:
        """Add one message at a time of the caller's clock."""
        log_time_ns = self._start_wall_ns + round((time_s - self._start_time_s) * 1e9)
        data = encode_message(message, log_time_ns)
        self._sequence += 1
        with storage_errors(self._path):
            self._writer.add_message(
                self._channels[CHANNEL_OF[type(message)]], log_time_ns, data, log_time_ns, self._sequence
            )

    def attach(self, name: str, media_type: str, data: bytes) -> None:
        """Add a whole file, such as the model's metadata or the calibration profile."""
        with storage_errors(self._path):
            self._writer.add_attachment(self._start_wall_ns, self._start_wall_ns, name, media_type, data)

    def sync(self) -> None:
        """Put the finished chunks on the disk; call it every second or two."""
        with storage_errors(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write the index and close. A log never closed is still readable; `repair_drive_log` ends it."""
        if self._file.closed:
            return
        with storage_errors(self._path), self._file:
            self._writer.finish()  # type: ignore[no-untyped-call]
            self._file.flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> DriveLogWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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


def read_drive_log(path: Path, channels: Collection[str] | None = None) -> DriveLog:
    """Read a log, also one whose end is missing. channels: only these (pictures take the most memory)."""
    records = _Records(path)
    entries: list[LogEntry] = []
    about: dict[str, str] = {}
    attachments: dict[str, bytes] = {}
    skipped = 0
    for record in records:
        if isinstance(record, Metadata) and record.name == _ABOUT:
            about = dict(record.metadata)
        elif isinstance(record, Attachment):
            attachments[record.name] = record.data
        elif isinstance(record, Message):
            topic = records.channels[record.channel_id].topic if record.channel_id in records.channels else ""
            if channels is not None and topic not in channels:
                continue
            message = decode_message(topic, record.data)
            if message is None:
                skipped += 1
            else:
                entries.append(LogEntry(record.log_time / 1e9, topic, message))
    return DriveLog(about, attachments, tuple(entries), records.is_complete, skipped)


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair found. was_complete: nothing had to be done."""

    was_complete: bool
    messages: int


def repair_drive_log(path: Path) -> Repair:
    """Give a cut log its end, keeping every message that can be read, known to us or not. Atomic."""
    records = _Records(path)
    messages = sum(isinstance(record, Message) for record in records)
    if records.is_complete:
        return Repair(True, messages)
    with replacing(path) as file:
        copy = _Copy(_mcap_writer(file))
        for record in _Records(path):
            copy.add(record)
        copy.finish()
    return Repair(False, messages)


class _Records:
    """The records of a file in order, as far as they can be read; a cut ends them as the end does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_complete = False
        self.channels: dict[int, Channel] = {}

    def __iter__(self) -> Iterator[McapRecord]:
        with storage_errors(self._path, "read"), self._path.open("rb") as file:
            if file.read(8) != b"\x89MCAP0\r\n":
                raise StorageError(f"{self._path} is not a drive log (no MCAP file). Choose another file.")
            file.seek(0)
            reader = StreamReader(file, emit_chunks=True, record_size_limit=_MAX_RECORD_BYTES)
            try:
                for record in reader.records:
                    self.is_complete = isinstance(record, Footer)
                    yield from self._opened(record)
            except _DAMAGE:  # a cut or scribbled-over tail; all before it has been yielded
                self.is_complete = False

    def _opened(self, record: McapRecord) -> Iterator[McapRecord]:
        """The record itself, or those in a chunk; a chunk whose checksum is wrong holds none."""
        try:
            inner = breakup_chunk(record, validate_crc=True) if isinstance(record, Chunk) else [record]
        except _DAMAGE:
            return
        for entry in inner:
            if isinstance(entry, Channel):
                self.channels[entry.id] = entry
            yield entry


# What the parser makes of bytes that are not a record.
_DAMAGE = (McapError, struct.error, ValueError)


@dataclass(slots=True)
class _Copy:
    """Writes records of one file into another, with new numbers for schemas and channels."""

    writer: Writer
    schemas: dict[int, int] = field(default_factory=dict)
    channels: dict[int, int] = field(default_factory=dict)

    def add(self, record: McapRecord) -> None:
        writer = self.writer
        if isinstance(record, Header):
            writer.start(profile=record.profile, library=record.library)
        elif isinstance(record, Schema) and record.id not in self.schemas:
            self.schemas[record.id] = writer.register_schema(record.name, record.encoding, record.data)
        elif isinstance(record, Channel) and record.id not in self.channels:
            self.channels[record.id] = writer.register_channel(
                record.topic, record.message_encoding, self.schemas.get(record.schema_id, 0), record.metadata
            )
        elif isinstance(record, Message) and record.channel_id in self.channels:
            writer.add_message(
                self.channels[record.channel_id],
                record.log_time,
                record.data,
                record.publish_time,
                record.sequence,
            )
        elif isinstance(record, Attachment):
            writer.add_attachment(
                record.create_time, record.log_time, record.name, record.media_type, record.data
            )
        elif isinstance(record, Metadata):
            writer.add_metadata(record.name, record.metadata)

    def finish(self) -> None:
        self.writer.finish()  # type: ignore[no-untyped-call]


def _mcap_writer(file: IO[Any]) -> Writer:
    return Writer(file, chunk_size=CHUNK_BYTES, compression=CompressionType.NONE)
