"""The sound records of an MCAP file whose end or middle may be damaged.

The mcap package's readers trust every length in the file and fail at the first wrong one. Here a record is
bounded by the file, and messages count only inside a chunk whose checksum is right: what is read was written.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.reader import make_reader
from mcap.records import Attachment, Channel, Chunk, McapRecord, Message, Metadata, Schema, Statistics
from mcap.stream_reader import breakup_chunk
from mcap.writer import CompressionType, Writer

from shared.atomic_files import storage_errors
from shared.errors import StorageError

# A cut loses at most what the last chunk would have held: half a second of pictures at 15 Hz.
CHUNK_BYTES = 64 * 1024

_MAGIC = b"\x89MCAP0\r\n"
_RECORD_HEADER = struct.Struct("<BQ")  # opcode, length
_MAX_RECORD_BYTES = 64 << 20
# What the parser makes of bytes that are not a record.
_DAMAGE = (McapError, struct.error, ValueError, OverflowError)


class SoundRecords:
    """Iterate over the schemas, channels, messages, attachments and metadata of a file, in their order.

    After the iteration: is_complete, whether the file has its proper end; channels, those seen, by number.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_complete = False
        self.channels: dict[int, Channel] = {}

    def __iter__(self) -> Iterator[McapRecord]:
        self.is_complete = False
        with storage_errors(self._path, "read"), self._path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise StorageError(f"{self._path} is not a drive log (no MCAP file). Choose another file.")
            left_bytes = self._path.stat().st_size - len(_MAGIC)
            while left_bytes >= _RECORD_HEADER.size:
                opcode, length = _RECORD_HEADER.unpack(file.read(_RECORD_HEADER.size))
                left_bytes -= _RECORD_HEADER.size + length
                if left_bytes < 0 or length > _MAX_RECORD_BYTES:
                    return
                content = file.read(length)
                if opcode == Opcode.FOOTER:
                    self.is_complete = file.read() == _MAGIC
                    return
                for record in _parsed(opcode, content):
                    if isinstance(record, Channel):
                        self.channels[record.id] = record
                    yield record


def _parsed(opcode: int, content: bytes) -> list[McapRecord]:
    """The record, or those in a chunk; nothing for damage and for indexes."""
    stream = ReadDataStream(io.BytesIO(content))
    try:
        if opcode == Opcode.CHUNK:
            chunk = Chunk.read(stream)
            sound = chunk.compression == "" and zlib.crc32(chunk.data) == chunk.uncompressed_crc
            return breakup_chunk(chunk) if sound else []
        if opcode == Opcode.ATTACHMENT:
            sound = zlib.crc32(content[:-4]) == int.from_bytes(content[-4:], "little")
            return [Attachment.read(stream)] if sound else []
        if opcode == Opcode.SCHEMA:
            return [Schema.read(stream)]
        if opcode == Opcode.CHANNEL:
            return [Channel.read(stream)]
        if opcode == Opcode.METADATA:
            return [Metadata.read(stream)]
    except _DAMAGE:
        pass
    return []


def read_statistics(path: Path) -> Statistics | None:
    """The statistics in the index at the end of a file; None when it has no such end."""
    with storage_errors(path, "read"), path.open("rb") as file:
        try:
            summary = make_reader(file).get_summary()
        except (*_DAMAGE, OSError):  # a seek before the beginning of a short file is an OSError
            return None
    return None if summary is None else summary.statistics


@dataclass(slots=True)
class RecordCopy:
    """Writes records of one file into another, with new numbers for schemas and channels."""

    writer: Writer
    schemas: dict[int, int] = field(default_factory=dict)
    channels: dict[int, int] = field(default_factory=dict)

    def add(self, record: McapRecord) -> None:
        writer = self.writer
        if isinstance(record, Schema) and record.id not in self.schemas:
            self.schemas[record.id] = writer.register_schema(record.name, record.encoding, record.data)
        elif isinstance(record, Channel) and record.id not in self.channels:
            self.channels[record.id] = writer.register_channel(
                record.topic, record.message_encoding, self.schemas.get(record.schema_id, 0), record.metadata
            )
        elif isinstance(record, Message) and record.channel_id in self.channels:
            channel = self.channels[record.channel_id]
            writer.add_message(channel, record.log_time, record.data, record.publish_time, record.sequence)
        elif isinstance(record, Attachment):
            writer.add_attachment(record.create_time, record.log_time, record.name, record.media_type, record.data)
        elif isinstance(record, Metadata):
            writer.add_metadata(record.name, record.metadata)


def start_writer(file: IO[Any]) -> Writer:
    """An MCAP writer as our logs are written: small chunks, not compressed, with checksums."""
    writer = Writer(file, chunk_size=CHUNK_BYTES, compression=CompressionType.NONE)
    writer.start(profile="", library="lapwing")
    return writer


def flush_writer(writer: Writer) -> None:
    """Write the chunk in progress, however small: what was added until now can be read from the file."""
    writer.flush()  # type: ignore[no-untyped-call]


def finish_writer(writer: Writer) -> None:
    """Write the last chunk and the indexes."""
    writer.finish()  # type: ignore[no-untyped-call]
