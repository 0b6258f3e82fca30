"""The link between processes and within one: introductions, order, stale sockets, silence and death."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from shared.errors import LinkError
from shared.link_socket import QUEUE_LIMIT, LinkServer, QueueLink, SocketLink, connect, link_pair, newest
from shared.world_link import Hello, PulseReport, WorldFrame, encode

BOARD, WORLD = Hello("board"), Hello("world", {"track": "oval"})
PICTURE = np.full((60, 80, 3), 7, np.uint8)  # three of them fit into a socket nobody reads

Ends = tuple[SocketLink | QueueLink, SocketLink | QueueLink]


def socket_ends(path: Path) -> Ends:
    """(board, world) over a real socket."""
    with closing(LinkServer(path, WORLD)) as server:
        joined: list[SocketLink] = []
        thread = threading.Thread(target=lambda: joined.append(connect(path, BOARD)))
        thread.start()
        world = server.accept(5.0)
        thread.join()
    assert world is not None
    return joined[0], world


@pytest.fixture(params=["socket", "queue"])
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ends]:
    pair: Ends = socket_ends(tmp_path / "world") if request.param == "socket" else link_pair(BOARD, WORLD)
    yield pair
    for end in pair:
        end.close()


def test_both_sides_know_each_other(ends: Ends) -> None:
    board, world = ends
    assert (board.peer, world.peer) == (WORLD, BOARD)


def test_messages_arrive_in_order_and_nothing_is_none(ends: Ends) -> None:
    board, world = ends
    assert world.receive() is None
    for number in range(50):
        board.send(PulseReport(number / 50, 1500.0 + number, None))
    for number in range(50):
        assert world.receive(1.0) == PulseReport(number / 50, 1500.0 + number, None)
    assert world.receive() is None
    assert board.receive() is None


def test_of_pictures_only_the_newest_counts(ends: Ends) -> None:
    board, world = ends
    for sequence in range(3):
        world.send(WorldFrame(sequence / 15, sequence, PICTURE))
    frame = newest(board, WorldFrame)
    assert frame is not None
    assert (frame.sequence, frame.frame_rgb[0, 0, 0]) == (2, 7)
    assert newest(board, WorldFrame) is None


def test_a_closed_link_refuses(ends: Ends) -> None:
    board, _ = ends
    board.close()
    with pytest.raises(LinkError):
        board.send(PulseReport(0.0, None, None))
    with pytest.raises(LinkError):
        board.receive()


def test_the_death_of_the_other_side_is_told(tmp_path: Path) -> None:
    board, world = socket_ends(tmp_path / "world")
    board.send(PulseReport(0.0, 1500.0, None))
    board.close()
    assert world.receive(1.0) == PulseReport(0.0, 1500.0, None)
    with pytest.raises(LinkError, match="closed"):
        world.receive(1.0)
    with pytest.raises(LinkError, match="gone"):
        world.send(PulseReport(0.0, None, None))
    world.close()


def test_nobody_at_the_path_is_told_with_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="Start: lapwing world"):
        connect(tmp_path / "none", BOARD, timeout_s=0.0)


def test_nobody_coming_is_none(tmp_path: Path) -> None:
    with closing(LinkServer(tmp_path / "world", WORLD)) as server:
        assert server.accept(0.0) is None


def test_the_socket_is_only_for_its_user_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "world"
    server = LinkServer(path, WORLD)
    assert path.stat().st_mode & 0o777 == 0o600
    server.close()
    assert not path.exists()
    with pytest.raises(LinkError, match="closed"):
        server.accept(0.0)


def test_a_socket_whose_owner_died_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "world"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with closing(LinkServer(path, WORLD)):
        assert path.is_socket()


def test_a_socket_in_use_and_a_file_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "world"
    with closing(LinkServer(path, WORLD)), pytest.raises(LinkError, match="Another program"):
        LinkServer(path, WORLD)
    (tmp_path / "file").write_text("precious")
    with pytest.raises(LinkError, match="not a socket"):
        LinkServer(tmp_path / "file", WORLD)
    assert (tmp_path / "file").read_text() == "precious"


def test_a_path_that_cannot_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="Cannot open the link"):
        LinkServer(tmp_path / "none" / "world", WORLD)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (encode(WORLD), "Both sides of the link are a world"),
        (encode(PulseReport(0.0, None, None)), "did not introduce itself"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak"),
        (b"", "closed"),
    ],
)
def test_a_wrong_introduction_ends_the_link(answer: bytes, reason: str) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(LinkError, match=reason):
            SocketLink(ours, WORLD)
    assert ours.fileno() == -1


def test_unread_messages_are_bounded_in_one_process() -> None:
    board, _ = link_pair()
    for number in range(QUEUE_LIMIT):
        board.send(PulseReport(float(number), None, None))
    with pytest.raises(LinkError, match="stopped reading"):
        board.send(PulseReport(0.0, None, None))
