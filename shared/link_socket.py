"""Carriers of the board-world link: a Unix stream socket between processes, a pair of queues within one."""

from __future__ import annotations

import os
import socket
import stat
import time
from collections import deque
from pathlib import Path
from typing import Protocol, TypeVar

from shared.errors import LinkError
from shared.world_link import Hello, Message, MessageReader, PulseReport, WorldFrame, encode

_RECEIVE_BYTES = 1 << 20
_HELLO_TIMEOUT_S = 5.0
_SEND_TIMEOUT_S = 2.0
QUEUE_LIMIT = 4096  # messages nobody reads: more of them is a mistake of the program, not a slow reader


MessageT = TypeVar("MessageT", Hello, PulseReport, WorldFrame)


class LinkEnd(Protocol):
    """One end of a link. After close(), or when the other end is gone, send and receive raise LinkError."""

    @property
    def peer(self) -> Hello: ...

    def send(self, message: Message) -> None: ...

    def receive(self, timeout_s: float = 0.0) -> Message | None:
        """The oldest message not yet received, or None when none came within timeout_s."""

    def close(self) -> None: ...


class SocketLink:
    """A link over a connected stream socket; both sides are introduced when the constructor returns."""

    def __init__(self, connection: socket.socket, hello: Hello) -> None:
        self._socket = connection
        self._reader = MessageReader()
        self._waiting: deque[Message] = deque()
        try:
            self.send(hello)
            answer = self.receive(_HELLO_TIMEOUT_S)
            if not isinstance(answer, Hello):
                raise LinkError("The other side of the link did not introduce itself in time. Restart it.")
            if answer.role == hello.role:
                raise LinkError(f"Both sides of the link are a {hello.role}. Check which socket path is whose.")
        except BaseException:
            connection.close()
            raise
        self.peer = answer

    def fileno(self) -> int:
        """For selectors. Readable means bytes, not always a message; drain receive() until it gives None."""
        return self._socket.fileno()

    def send(self, message: Message) -> None:
        """Send the whole message; LinkError when the other side is gone or has stopped reading."""
        try:
            self._socket.settimeout(_SEND_TIMEOUT_S)
            self._socket.sendall(encode(message))
        except TimeoutError:
            raise LinkError("The other side of the link has stopped reading. Restart it.") from None
        except OSError as error:
            if isinstance(error, LinkError):
                raise
            raise LinkError(f"The other side of the link is gone ({error.strerror or error}).") from error

    def receive(self, timeout_s: float = 0.0) -> Message | None:
        deadline_s = time.monotonic() + timeout_s
        while not self._waiting:
            remaining_s = deadline_s - time.monotonic()
            data = self._read(max(remaining_s, 0.0))
            if data is None:
                if remaining_s <= 0.0:
                    return None
                continue
            self._waiting.extend(self._reader.feed(data))
        return self._waiting.popleft()

    def _read(self, timeout_s: float) -> bytes | None:
        try:
            self._socket.settimeout(timeout_s)
            data = self._socket.recv(_RECEIVE_BYTES)
        except (TimeoutError, BlockingIOError):
            return None
        except OSError as error:
            raise LinkError(f"The other side of the link is gone ({error.strerror or error}).") from error
        if not data:
            raise LinkError("The other side of the link has closed it.")
        return data

    def close(self) -> None:
        self._socket.close()


class LinkServer:
    """Waits at a socket path for the other side. Only this user may connect; a stale socket is replaced."""

    def __init__(self, path: Path, hello: Hello) -> None:
        self._path, self._hello = path, hello
        _remove_stale(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.bind(str(path))
            os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
            self._socket.listen(1)
        except OSError as error:
            self._socket.close()
            raise LinkError(f"Cannot open the link at {path}: {error.strerror or error}.") from error

    def accept(self, timeout_s: float) -> SocketLink | None:
        """The next connection, introduced, or None when nobody came within timeout_s."""
        try:
            self._socket.settimeout(timeout_s)
            connection, _ = self._socket.accept()
        except (TimeoutError, BlockingIOError):
            return None
        except OSError as error:
            raise LinkError(f"The link at {self._path} is closed ({error.strerror or error}).") from error
        return SocketLink(connection, self._hello)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()
        self._path.unlink(missing_ok=True)


def connect(path: Path, hello: Hello, timeout_s: float = 5.0) -> SocketLink:
    """Join the link at a socket path, waiting up to timeout_s for it to appear."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            connection.connect(str(path))
            return SocketLink(connection, hello)
        except LinkError:
            raise
        except OSError as error:
            connection.close()
            if time.monotonic() >= deadline_s:
                reason = error.strerror or error
                raise LinkError(f"Nobody answers at {path} ({reason}). Start: lapwing world") from error
            time.sleep(0.02)


def _remove_stale(path: Path) -> None:
    """Take away a socket whose owner died; refuse when it is alive or when the path is something else."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise LinkError(f"{path} exists and is not a socket. Choose another path.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise LinkError(f"Another program already waits at {path}. Stop it, or choose another path.")


class QueueLink:
    """One end of an in-process link: in order, at once, on any clock. Messages are passed, not copied."""

    def __init__(self, peer: Hello, inbox: deque[Message], outbox: deque[Message]) -> None:
        self.peer = peer
        self._inbox, self._outbox = inbox, outbox
        self._closed = False

    def send(self, message: Message) -> None:
        if self._closed or len(self._outbox) >= QUEUE_LIMIT:
            raise LinkError("The link is closed, or its other end has stopped reading.")
        self._outbox.append(message)

    def receive(self, timeout_s: float = 0.0) -> Message | None:
        """The oldest message or None, at once: within one process nothing comes while one waits."""
        if self._closed:
            raise LinkError("The link is closed.")
        return self._inbox.popleft() if self._inbox else None

    def close(self) -> None:
        self._closed = True


def link_pair(board: Hello | None = None, world: Hello | None = None) -> tuple[QueueLink, QueueLink]:
    """(the board's end, the world's end) of a link inside this process."""
    to_world: deque[Message] = deque()
    to_board: deque[Message] = deque()
    return (
        QueueLink(world or Hello("world"), inbox=to_board, outbox=to_world),
        QueueLink(board or Hello("board"), inbox=to_world, outbox=to_board),
    )


def newest(link: LinkEnd, kind: type[MessageT]) -> MessageT | None:
    """Drain the link and return its newest message of one kind: of pictures, older ones are of no use."""
    found: MessageT | None = None
    while (message := link.receive()) is not None:
        if isinstance(message, kind):
            found = message
    return found
