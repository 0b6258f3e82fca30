"""What a supervisor hears of a loop: ready with the first turn, then a ping as often as it needs one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from vehicle.supervisor import Supervisor

SAID = b"READY=1\nWATCHDOG=1"


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


def said_to(listener: socket.socket) -> list[bytes]:
    said = []
    while True:
        try:
            said.append(listener.recv(100))
        except BlockingIOError:
            return said


def supervisor(listener: socket.socket, **environment: str) -> Supervisor:
    return Supervisor({"NOTIFY_SOCKET": listener.getsockname(), **environment})


def test_nothing_is_said_before_a_turn_and_pings_come_four_times_within_the_timeout(listener: socket.socket) -> None:
    watched = supervisor(listener, WATCHDOG_USEC="1000000", WATCHDOG_PID=str(os.getpid()))
    assert said_to(listener) == []
    for turn in range(100):  # two seconds
        watched.turned(50.0 + 0.02 * turn)
    assert said_to(listener) == [SAID] * 8  # at the first turn after every quarter of a second
    watched.close()
    watched.turned(100.0)
    assert said_to(listener) == []


@pytest.mark.parametrize("environment", [{}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}])
def test_where_no_watchdog_is_meant_for_this_process_only_readiness_is_told(
    listener: socket.socket, environment: dict[str, str]
) -> None:
    watched = supervisor(listener, **environment)
    for turn in range(100):
        watched.turned(float(turn))
    assert said_to(listener) == [SAID]
    watched.close()


def test_an_abstract_address_is_understood() -> None:
    name = f"lapwing-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        watched = Supervisor({"NOTIFY_SOCKET": f"@{name}"})
        watched.turned(0.0)
        assert listener.recv(100) == SAID
        watched.close()


def test_nobody_to_hear_it_and_a_listener_that_does_not_read_are_no_trouble(
    listener: socket.socket, tmp_path: Path
) -> None:
    Supervisor({}).turned(0.0)
    gone = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    gone.turned(0.0)
    gone.close()
    deaf = supervisor(listener, WATCHDOG_USEC="4")
    for turn in range(2000):  # more than the kernel keeps
        deaf.turned(float(turn))
    deaf.close()
