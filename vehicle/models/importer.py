"""Asks an importer about an archive: a process that lives for this one, in a sandbox, or a service of the system.

Whatever becomes of the importer, what comes back is an answer or one sentence.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from shared.errors import ArchiveError, LinkError
from vehicle.models.import_messages import ImportAnswer, ImportRequest, read_answer, write_request

TIMEOUT_S = 60.0
_CHUNK_BYTES = 64 << 10
# All that a program needs of the surroundings; a token of the user's is not among it.
_KEPT_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "HOME")
_KEPT_PREFIXES = ("OPENBLAS_", "OMP_")


class Importer(Protocol):
    """Examines an archive. Raises a LapwingError when no answer was to be had."""

    def __call__(self, request: ImportRequest, archive: BinaryIO) -> ImportAnswer: ...


class ProcessImporter:
    """Starts an importer for each archive: on a laptop, and wherever the system runs none."""

    def __init__(self, command: Sequence[str], timeout_s: float = TIMEOUT_S) -> None:
        """command: what Python runs, with its arguments; it speaks on its standard input and output."""
        self._command = [sys.executable, "-m", "vehicle.models.sandbox", sys.executable, *command]
        self._timeout_s = timeout_s

    def __call__(self, request: ImportRequest, archive: BinaryIO) -> ImportAnswer:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs, tempfile.TemporaryFile() as words:
            running = _start(self._command, theirs, words)
            theirs.close()
            try:
                return _converse(ours, request, archive, self._timeout_s)
            except ArchiveError as error:
                ended = _last_words(_ended(running), words)
                raise ArchiveError(f"{error} {ended}" if ended else str(error)) from error
            finally:
                _end(running)


class ServiceImporter:
    """Asks the socket of a service manager that starts an importer, as its own user, for each connection."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        self._path = path
        self._timeout_s = timeout_s

    def __call__(self, request: ImportRequest, archive: BinaryIO) -> ImportAnswer:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connection.connect(str(self._path))
            except OSError as error:
                raise LinkError(f"Nobody examines archives at {self._path} ({error.strerror}).") from error
            return _converse(connection, request, archive, self._timeout_s)


def _converse(connection: socket.socket, request: ImportRequest, archive: BinaryIO, timeout_s: float) -> ImportAnswer:
    until_s = time.monotonic() + timeout_s

    def in_time() -> None:
        connection.settimeout(max(0.01, until_s - time.monotonic()))

    too_long = f"The archive kept its importer busy for more than {timeout_s:g} s, which no model does."
    try:
        in_time()
        _send(connection, request, archive, in_time)
        in_time()
        with connection.makefile("rb") as stream:
            return read_answer(stream)
    except TimeoutError:
        raise ArchiveError(too_long) from None
    except OSError as error:
        raise ArchiveError(f"The importer broke off ({error.strerror}).") from error


def _send(connection: socket.socket, request: ImportRequest, archive: BinaryIO, in_time: Callable[[], None]) -> None:
    """The request and the archive. An importer that has seen enough may answer before the end."""
    try:
        with connection.makefile("wb") as stream:
            write_request(stream, request)
        left_bytes = request.size_bytes
        while left_bytes and (piece := archive.read(min(_CHUNK_BYTES, left_bytes))):
            in_time()
            connection.sendall(piece)
            left_bytes -= len(piece)
        connection.shutdown(socket.SHUT_WR)
    except (BrokenPipeError, ConnectionResetError):
        return


def _start(command: Sequence[str], connection: socket.socket, words: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT_ENVIRONMENT or name.startswith(_KEPT_PREFIXES)
    }
    both = connection.fileno()
    try:
        return subprocess.Popen(command, stdin=both, stdout=both, stderr=words, env=environment, start_new_session=True)
    except OSError as error:
        raise LinkError(f"Cannot start the importer: {error.strerror}.") from error


def _ended(running: subprocess.Popen[bytes]) -> int:
    """The code that it ends with; it has closed its output, so this takes no time, or it is ended."""
    try:
        return running.wait(2.0)
    except subprocess.TimeoutExpired:
        return 0


def _end(running: subprocess.Popen[bytes]) -> None:
    """An answer was given, or none is waited for: nothing of it goes on."""
    if running.poll() is None:
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def _last_words(code: int, words: IO[bytes]) -> str:
    """A sentence about an end that was no answer; empty for an end in good order."""
    if code == 0:
        return ""
    if code < 0:
        return f"The program that reads models was ended by {signal.Signals(-code).name} while it read this one."
    words.seek(0)
    lines = words.read(_CHUNK_BYTES).decode(errors="replace").strip().splitlines()
    return f"It said last: {lines[-1][:200]}" if lines else ""
