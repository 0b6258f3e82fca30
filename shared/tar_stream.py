"""Reads a .tar.gz from a stranger: streamed, never extracted, every size bounded before memory is used.

Python's tarfile is made for archives one trusts: it follows sparse maps, reads long-name records of any size
and has looped for ever on crafted headers. A model needs regular files with plain names and nothing else.
Format: POSIX.1-1988 ustar, with pax `path` and `size` and GNU long names.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared.errors import ArchiveError

MAX_TOTAL_BYTES = 384 << 20
MAX_MEMBER_BYTES = 256 << 20  # the largest of DeepRacer's networks, for stereo cameras, is 221 MiB
MAX_MEMBERS = 64
MAX_NAME_BYTES = 255
MAX_RECORD_BYTES = 64 << 10  # one pax or long-name record
# Weights hardly compress; a small file that swells a hundredfold past 16 MiB is an attack on memory.
MAX_RATIO, RATIO_FREE_BYTES = 100, 16 << 20

_EXPORT_AGAIN = "Export the model again; only plain files belong into an archive."

_BLOCK = 512
_CHUNK_BYTES = 64 << 10
_FOLDER, _PAX, _PAX_GLOBAL, _LONG_NAME = b"5", b"x", b"g", b"L"
_REGULAR = (b"0", b"\0", b"7")
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a named pipe",
    b"K": "a link",
    b"S": "a sparse file",
}


@dataclass(frozen=True, slots=True)
class TarMember:
    """One regular file of the archive: its plain relative name and its size."""

    name: str
    size_bytes: int


class TarStream:
    """Iterate over the members; within a turn `read()` gives the member's content, else it is only hashed.

    After the iteration `sha256` is the hash of the whole compressed file, and `hashes` that of every member.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._source = _Inflater(file)
        self._left_bytes = 0
        self._padding_bytes = 0
        self._digest = hashlib.sha256()
        self.hashes: dict[str, str] = {}

    @property
    def sha256(self) -> str:
        return self._source.sha256.hexdigest()

    def __iter__(self) -> Iterator[TarMember]:
        entries = 0
        while (member := self._next_member()) is not None:
            entries += 1
            if entries > MAX_MEMBERS:
                raise ArchiveError(
                    f"The archive has more than {MAX_MEMBERS} members; a model has five. {_EXPORT_AGAIN}"
                )
            if member.name in self.hashes:
                raise ArchiveError(f"The archive holds '{member.name}' twice. {_EXPORT_AGAIN}")
            self._left_bytes = member.size_bytes
            self._padding_bytes = -member.size_bytes % _BLOCK
            self._digest = hashlib.sha256()
            yield member
            self._skip()
            self.hashes[member.name] = self._digest.hexdigest()
        self._source.finish()

    def read(self) -> bytes:
        """The rest of the current member."""
        pieces = []
        while self._left_bytes:
            pieces.append(self._piece())
        return b"".join(pieces)

    def _skip(self) -> None:
        while self._left_bytes:
            self._piece()
        self._source.exactly(self._padding_bytes)

    def _piece(self) -> bytes:
        piece = self._source.exactly(min(self._left_bytes, _CHUNK_BYTES))
        self._left_bytes -= len(piece)
        self._digest.update(piece)
        return piece

    def _next_member(self) -> TarMember | None:
        """The next regular file; folders are passed over, everything else is refused. None at the end."""
        name: str | None = None
        size_bytes: int | None = None
        for _ in range(4 * MAX_MEMBERS):
            header = self._source.exactly(_BLOCK)
            if header == bytes(_BLOCK):
                return None
            _check_sum(header)
            kind = header[156:157]
            length = _octal(header[124:136])
            if kind in (_PAX, _PAX_GLOBAL, _LONG_NAME):
                record = self._record(length)
                if kind == _LONG_NAME:
                    name = _text(record.rstrip(b"\0"))
                elif kind == _PAX:
                    pax = _pax_values(record)
                    name = pax.get("path", name)
                    size_bytes = _decimal(pax["size"]) if "size" in pax else size_bytes
                continue
            length = length if size_bytes is None else size_bytes
            plain = plain_name(name if name is not None else _header_name(header))
            if kind == _FOLDER and length == 0:
                name = size_bytes = None
                continue
            if kind not in _REGULAR:
                raise ArchiveError(
                    f"The archive holds {_KINDS.get(kind, 'an odd entry')} named '{plain}'. {_EXPORT_AGAIN}"
                )
            if not plain:
                raise ArchiveError("The archive holds a file without a name.")
            if length > MAX_MEMBER_BYTES:
                raise ArchiveError(
                    f"'{plain}' is {length} bytes long; at most {MAX_MEMBER_BYTES >> 20} MiB are read. {_EXPORT_AGAIN}"
                )
            return TarMember(plain, length)
        raise ArchiveError("The archive is a chain of records and folders without files.")

    def _record(self, length: int) -> bytes:
        if length > MAX_RECORD_BYTES:
            raise ArchiveError(f"The archive has a name record of {length} bytes, more than {MAX_RECORD_BYTES}.")
        record = self._source.exactly(length)
        self._source.exactly(-length % _BLOCK)
        return record


class _Inflater:
    """Bounded gzip: gives exactly as many bytes as asked, or an ArchiveError."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._gzip = zlib.decompressobj(wbits=31)  # gzip header and checksum
        self._ready = bytearray()
        self._in_bytes = self._out_bytes = 0
        self.sha256 = hashlib.sha256()

    def exactly(self, count: int) -> bytes:
        while len(self._ready) < count:
            piece = self._more()
            if not piece:
                raise ArchiveError("The archive ends too early. Copy or download it again.")
            self._ready += piece
        piece, self._ready = bytes(self._ready[:count]), self._ready[count:]
        return piece

    def finish(self) -> None:
        """Read to the end: the padding must be zeros, the checksum right, and nothing may follow."""
        rest: bytes | bytearray = self._ready
        while rest:
            if rest.strip(b"\0"):
                raise ArchiveError("The archive holds data after its end.")
            rest = self._more()
        trailing = self._gzip.unused_data
        while trailing:
            if trailing.strip(b"\0"):
                raise ArchiveError("The archive file holds data after the compressed archive.")
            trailing = self._read()

    def _more(self) -> bytes:
        """The next decompressed piece, at most 64 KiB; empty only at the proper end."""
        while not self._gzip.eof:
            data = self._gzip.unconsumed_tail or self._read()
            if not data:
                raise ArchiveError("The archive is cut short. Copy or download it again.")
            try:
                piece = self._gzip.decompress(data, _CHUNK_BYTES)
            except zlib.error as error:
                raise ArchiveError(
                    f"The archive is not a sound .tar.gz file ({error}). Export or copy it again."
                ) from error
            if piece:
                self._count(len(piece))
                return piece
        return b""

    def _read(self) -> bytes:
        data = self._file.read(_CHUNK_BYTES)
        self._in_bytes += len(data)
        self.sha256.update(data)
        return data

    def _count(self, added: int) -> None:
        self._out_bytes += added
        if self._out_bytes > MAX_TOTAL_BYTES:
            raise ArchiveError(f"The archive unpacks to more than {MAX_TOTAL_BYTES >> 20} MiB. {_EXPORT_AGAIN}")
        if self._out_bytes > RATIO_FREE_BYTES and self._out_bytes > MAX_RATIO * self._in_bytes:
            raise ArchiveError(
                f"The archive unpacks to more than {MAX_RATIO} times its size, which no model does. {_EXPORT_AGAIN}"
            )


def plain_name(name: str) -> str:
    """The name without `./`, or ArchiveError for one that leads out of a folder. A folder's may be empty."""
    if len(name.encode()) > MAX_NAME_BYTES:
        raise ArchiveError(f"The archive holds a name of more than {MAX_NAME_BYTES} bytes: {name[:40]!r}…")
    if "\\" in name or ":" in name or not name.isprintable():
        raise ArchiveError(f"The archive holds the name {name!r}, which has characters no model needs.")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if name.startswith("/") or ".." in parts:
        raise ArchiveError(f"The archive holds the name {name!r}, which leads out of its folder. {_EXPORT_AGAIN}")
    return "/".join(parts)


def _header_name(header: bytes) -> str:
    name, prefix = header[0:100].partition(b"\0")[0], header[345:500].partition(b"\0")[0]
    # GNU's old format keeps times where ustar has the prefix; its magic ends in a space.
    if header[257:263] == b"ustar\0" and prefix:
        name = prefix + b"/" + name
    return _text(name)


def _check_sum(header: bytes) -> None:
    wanted = _octal(header[148:156])
    if wanted != sum(header[:148]) + sum(header[156:]) + 8 * ord(" "):
        raise ArchiveError("The archive has a damaged header. Copy or download it again.")


def _octal(field: bytes) -> int:
    """A tar number. The base-256 form is only needed beyond 8 GiB, which is refused anyway."""
    text = field.strip(b" \0")
    if not text:
        return 0
    if text.strip(b"01234567"):
        raise ArchiveError("The archive has a damaged number in a header.")
    return int(text, 8)


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ArchiveError(f"The archive has a damaged size: {text[:20]!r}.")
    return int(text)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ArchiveError(f"The archive holds a name that is not UTF-8: {raw[:40]!r}.") from None


def _pax_values(record: bytes) -> dict[str, str]:
    """`length key=value\\n` records; only the keys we use must be text, others pass unread."""
    values: dict[str, str] = {}
    while record.strip(b"\0"):
        length_text, space, _ = record[:16].partition(b" ")
        if not space or not length_text.isdigit() or not len(length_text) + 1 < int(length_text) <= len(record):
            raise ArchiveError("The archive has a damaged extended header.")
        length = int(length_text)
        entry, record = record[len(length_text) + 1 : length], record[length:]
        key, equals, value = entry.removesuffix(b"\n").partition(b"=")
        if not equals or not entry.endswith(b"\n"):
            raise ArchiveError("The archive has a damaged extended header.")
        if key.startswith(b"GNU.sparse"):
            raise ArchiveError("The archive holds a sparse file; only plain files.")
        if key in {b"path", b"size"}:
            values[key.decode()] = _text(value)
    return values
