"""The emulated I2C bus: a wire with chips on it, and a handle that reaches the wire through a Unix socket.

The chips live in the board's process and outlive every master, as on a car. A handle is `I2CBus`, as the real
bus is: nothing above it can tell the difference. Messages: see encode_transaction.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from shared.errors import HardwareError, LinkError
from vehicle.hardware.i2c_bus import I2CBus, ReadSegment, Segment, WriteSegment, claim_file

LONGEST_MESSAGE = 4096
TRANSACTION_TIMEOUT_S = 0.1  # the wire takes 1 ms; the rest is what a busy laptop needs to schedule the board
_SEGMENT = struct.Struct("<BH")  # 1 = read, 0 = write; bytes
_ADDRESS = struct.Struct("<HB")  # address, segments
_RESULT = struct.Struct("<i")  # errno, 0 = done


class Chip(Protocol):
    """A device on the wire."""

    def acknowledges(self, address: int) -> bool: ...
    def write(self, address: int, data: bytes) -> bool: ...
    def read(self, length: int) -> bytes: ...
    def stop(self) -> None: ...


class Wire:
    """SDA and SCL: one transaction at a time, whoever asks."""

    def __init__(self, *chips: Chip) -> None:
        self._chips = chips
        self._lock = threading.Lock()
        self.transactions = 0

    def transfer(self, address: int, segments: Sequence[Segment]) -> bytes:
        """Do one transaction. OSError(EREMOTEIO) where no chip acknowledges, as the kernel reports it."""
        with self._lock:
            self.transactions += 1
            chips = [chip for chip in self._chips if chip.acknowledges(address)]
            if not chips:
                raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
            answer = b""
            try:
                for segment in segments:
                    if isinstance(segment, ReadSegment):
                        answer += chips[0].read(segment.length)
                    elif not _written(chips, address, segment.data):
                        raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
            finally:
                for chip in chips:
                    chip.stop()
            return answer

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """No transaction meanwhile: for whoever looks at the chips from another thread."""
        with self._lock:
            yield


def _written(chips: Sequence[Chip], address: int, data: bytes) -> bool:
    """Every chip hears the bytes, also after one that refused them."""
    acknowledged = [chip.write(address, data) for chip in chips]
    return all(acknowledged)


class LocalI2C(I2CBus):
    """A handle on a wire in the same process."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def transfer(self, address: int, segments: Sequence[Segment]) -> bytes:
        """Do one transaction; what all read segments brought, joined."""
        return self._wire.transfer(address, segments)

    def deinit(self) -> None:
        """Nothing to close: the wire belongs to the board."""

    def claim(self) -> None:
        """Nobody else is in this process."""


class SocketI2C(I2CBus):
    """A handle on the wire of a board in another process."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._claim_fd: int | None = None
        self._socket = self._connect()

    def transfer(self, address: int, segments: Sequence[Segment]) -> bytes:
        """Do one transaction; what all read segments brought, joined."""
        if self._socket.fileno() < 0:
            self._socket = self._connect()
        try:
            self._socket.send(encode_transaction(address, segments))
            message = self._socket.recv(LONGEST_MESSAGE)
        except OSError:
            # An answer may still come; read as the answer to another question, it would be a lie.
            self._socket.close()
            raise
        return decode_result(message)

    def deinit(self) -> None:
        """Close the handle; the chips keep what they do."""
        self._socket.close()
        if self._claim_fd is not None:
            os.close(self._claim_fd)
            self._claim_fd = None

    def claim(self) -> None:
        """A file beside the socket carries the lock: the folder belongs to one user alone."""
        descriptor = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            claim_file(descriptor)
        except HardwareError:
            os.close(descriptor)
            raise
        self._claim_fd = descriptor

    def _connect(self) -> socket.socket:
        handle = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        handle.settimeout(TRANSACTION_TIMEOUT_S)
        try:
            handle.connect(str(self._path))
        except OSError as error:
            handle.close()
            raise HardwareError(
                f"No emulated board answers at {self._path}. Start it first: lapwing-car board"
            ) from error
        return handle


def answer_one(connection: socket.socket, wire: Wire) -> bool:
    """Serve one transaction of a handle. False when the handle is closed."""
    try:
        message = connection.recv(LONGEST_MESSAGE)
        if not message:
            return False
        try:
            answer = _RESULT.pack(0) + wire.transfer(*decode_transaction(message))
        except OSError as error:
            answer = _RESULT.pack(error.errno or errno.EIO)
        connection.send(answer)
    except (ConnectionError, BrokenPipeError):
        return False
    return True


def encode_transaction(address: int, segments: Sequence[Segment]) -> bytes:
    """One message: address, then each segment with its kind and length, and the bytes to write."""
    parts = [_ADDRESS.pack(address, len(segments))]
    for segment in segments:
        if isinstance(segment, ReadSegment):
            parts.append(_SEGMENT.pack(1, segment.length))
        else:
            parts.append(_SEGMENT.pack(0, len(segment.data)) + segment.data)
    return b"".join(parts)


def decode_transaction(message: bytes) -> tuple[int, list[Segment]]:
    """The reverse of encode_transaction. LinkError for anything else."""
    try:
        address, count = _ADDRESS.unpack_from(message)
        offset, segments = _ADDRESS.size, list[Segment]()
        for _ in range(count):
            reads, length = _SEGMENT.unpack_from(message, offset)
            offset += _SEGMENT.size
            if reads:
                segments.append(ReadSegment(length))
                continue
            segments.append(WriteSegment(message[offset : offset + length]))
            offset += length
    except struct.error as error:
        raise LinkError("A message on the emulated I2C bus is cut short.") from error
    if offset != len(message):
        raise LinkError("A message on the emulated I2C bus has the wrong length.")
    return address, segments


def decode_result(message: bytes) -> bytes:
    """The bytes read, or the OSError that the wire reported."""
    if len(message) < _RESULT.size:
        raise OSError(errno.EREMOTEIO, "The emulated board closed its bus.")
    (error_number,) = _RESULT.unpack_from(message)
    if error_number:
        raise OSError(error_number, os.strerror(error_number))
    return message[_RESULT.size :]
