"""Serves the drive's socket in a thread of its own: many clients, newest only, and none of them delays the loop.

Every client has at most one answer on its way; who does not read it is asked nothing more, and hung up on after a
while. A client that waits for a picture is answered when the loop has decided about the next one.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from shared.errors import LapwingError, LinkError
from vehicle.drive.api import (
    LARGEST_REQUEST_BYTES,
    LENGTHS,
    Answer,
    PictureRequest,
    Request,
    ScanRequest,
    decode_request,
    encode_answer,
    packed,
)
from vehicle.runtime_folder import listen

MOST_CLIENTS = 16
MOST_WAITING_BYTES = 4 * LARGEST_REQUEST_BYTES
SLOW_S = 5.0  # a client that takes this long to read an answer is gone
LOOK_S = 0.25  # how long the thread sleeps at most: waits end and slow clients are found at this rate


class Served(Protocol):
    """Who answers. Called by the server's thread, one request at a time."""

    def answer(self, request: Request) -> tuple[Answer, bytes]:
        """What to say, and what to attach to it. A refusal is an Answer with a problem."""
        ...


@dataclass(slots=True)
class _Client:
    """waits_for: a request that has no answer yet, until waits_until_s. sent_at_s: when the answer was begun."""

    connection: socket.socket
    inbox: bytearray = field(default_factory=bytearray)
    outbox: memoryview = field(default_factory=lambda: memoryview(b""))
    sent_at_s: float = 0.0
    waits_for: PictureRequest | ScanRequest | None = None
    waits_until_s: float = 0.0
    closes: bool = False


class ApiServer:
    """Serves one drive from `start` to `close`. `wake` is the loop's: there is something new."""

    def __init__(self, served: Served, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """LinkError when another drive serves there."""
        self._served = served
        self._path = path
        self._clock = clock
        self._clients: dict[int, _Client] = {}
        self._server = listen(path, socket.SOCK_STREAM)
        self._server.setblocking(False)
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._closed = threading.Event()
        self._waiting = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, name="drive socket", daemon=True)

    def start(self) -> None:
        """From now on clients are answered."""
        self._thread.start()

    def wake(self) -> None:
        """The loop has seen another picture. Never waits."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """Hang up on everybody."""
        self._closed.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join()
        for client in self._clients.values():
            client.connection.close()
        self._waiting.close()
        self._server.close()
        self._path.unlink(missing_ok=True)
        os.close(self._bell)

    def _run(self) -> None:
        self._waiting.register(self._server, selectors.EVENT_READ)
        self._waiting.register(self._bell, selectors.EVENT_READ)
        while not self._closed.is_set():
            self.serve_once(LOOK_S)

    def serve_once(self, timeout_s: float) -> None:
        """Hear what there is, and answer each client at most once."""
        has_more = any(_next_lengths(client) is not None for client in self._clients.values())
        for key, _ in self._waiting.select(0.0 if has_more else timeout_s):
            if key.fileobj is self._server:
                self._admit()
            elif key.fd == self._bell:
                os.eventfd_read(self._bell)
            else:
                self._tend(self._clients[key.fd])
        now_s = self._clock()
        for client in list(self._clients.values()):
            if client.waits_for is not None:
                self._answer_waiting(client, now_s)
            elif client.outbox and now_s - client.sent_at_s > SLOW_S:
                self._drop(client)
            elif (lengths := _next_lengths(client)) is not None:
                self._hear(client, *lengths)

    def _admit(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._server.accept()
            if len(self._clients) >= MOST_CLIENTS:
                connection.close()
                return
            connection.setblocking(False)
            self._clients[connection.fileno()] = _Client(connection)
            self._waiting.register(connection, selectors.EVENT_READ)

    def _drop(self, client: _Client) -> None:
        self._waiting.unregister(client.connection)
        del self._clients[client.connection.fileno()]
        client.connection.close()

    def _tend(self, client: _Client) -> None:
        """Go on sending, or hear more; never both, so that nobody's answers pile up."""
        try:
            if client.outbox:
                self._send(client)
                return
            received = client.connection.recv(LARGEST_REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._drop(client)
            return
        client.inbox += received
        if len(client.inbox) > MOST_WAITING_BYTES:
            self._drop(client)  # it talks without ever listening

    def _hear(self, client: _Client, content_bytes: int, attached_bytes: int) -> None:
        """The next whole request of the inbox."""
        if content_bytes > LARGEST_REQUEST_BYTES or attached_bytes:
            client.closes = True  # where the next message begins, nobody knows
            self._reply(client, Answer(problem="The drive takes requests of at most 16 KiB, with nothing attached."))
            return
        content = bytes(client.inbox[LENGTHS.size : LENGTHS.size + content_bytes])
        del client.inbox[: LENGTHS.size + content_bytes]
        try:
            request = decode_request(content)
        except LinkError as error:
            self._reply(client, Answer(problem=str(error)))
            return
        if isinstance(request, PictureRequest | ScanRequest):
            client.waits_for, client.waits_until_s = request, self._clock() + request.wait_s
            self._answer_waiting(client, self._clock())
            return
        self._reply(client, *self._ask(request))

    def _answer_waiting(self, client: _Client, now_s: float) -> None:
        """Answer whoever waits for something new, when it is there or no longer waited for."""
        assert client.waits_for is not None
        answer, attached = self._ask(client.waits_for)
        has_something = attached or answer.scan is not None or answer.problem
        if has_something or now_s >= client.waits_until_s:
            client.waits_for = None
            self._reply(client, answer, attached)

    def _ask(self, request: Request) -> tuple[Answer, bytes]:
        try:
            return self._served.answer(request)
        except LapwingError as error:  # an edge: whatever is wrong is told to who asked
            return Answer(problem=str(error)), b""

    def _reply(self, client: _Client, answer: Answer, attached: bytes = b"") -> None:
        client.outbox = memoryview(packed(encode_answer(answer), attached))
        client.sent_at_s = self._clock()
        self._send(client)

    def _send(self, client: _Client) -> None:
        try:
            client.outbox = client.outbox[client.connection.send(client.outbox) :]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)
            return
        if client.outbox:
            self._waiting.modify(client.connection, selectors.EVENT_WRITE)
        elif client.closes:
            self._drop(client)
        else:
            self._waiting.modify(client.connection, selectors.EVENT_READ)


def _next_lengths(client: _Client) -> tuple[int, int] | None:
    """Of the request that can be answered now: a whole one, or one that never will be."""
    if client.outbox or client.waits_for is not None or len(client.inbox) < LENGTHS.size:
        return None
    content_bytes, attached_bytes = LENGTHS.unpack_from(client.inbox)
    is_wrong = content_bytes > LARGEST_REQUEST_BYTES or attached_bytes > 0
    is_whole = len(client.inbox) >= LENGTHS.size + content_bytes
    return (content_bytes, attached_bytes) if is_wrong or is_whole else None
