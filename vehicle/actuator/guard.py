"""The guard process: `python -m vehicle.actuator.guard`, started by `lapwing-car guard` with all it needs to know.

Standard library only, a handle of its own on the bus, and a higher priority than the actuator's: it must be able
to act when nothing else can. See guard_core.py for what it does; here are the socket, the shared page, the hold on
the owner's process, and the time.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import select
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from shared.errors import LapwingError
from vehicle.actuator.guard_core import LOOK_S, GuardCore, OutputEnable
from vehicle.actuator.guard_link import (
    LONGEST_MESSAGE_BYTES,
    PROTOCOL_VERSION,
    AboutGuard,
    encode_about,
    neutral_in,
)
from vehicle.actuator.guard_page import make_page
from vehicle.actuator.loop_log import logging_beside
from vehicle.actuator.realtime import GUARD_PRIORITY, become_realtime
from vehicle.actuator.safety_level import SafetyLevel, level_of
from vehicle.hardware.guard_board import GuardBoard, open_guard_bus
from vehicle.hardware.output_enable import open_output_enable
from vehicle.runtime_folder import listen, peer_user_id
from vehicle.supervisor import Supervisor

KILL_WAIT_MS = 20

log = logging.getLogger(__name__)


class OwnerProcess:
    """A hold on the owner's process that cannot come to mean another one."""

    def __init__(self, pidfd: int) -> None:
        self._pidfd = pidfd

    def kill(self) -> None:
        """SIGKILL reaches a stopped process too. Its last transaction may take a moment to end."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        gone = select.poll()
        gone.register(self._pidfd, select.POLLIN)
        gone.poll(KILL_WAIT_MS)

    def close(self) -> None:
        """Let go."""
        os.close(self._pidfd)


class GuardServer:
    """Serves one owner after another until it is asked to leave and the car is at rest."""

    def __init__(self, core: GuardCore, about: AboutGuard, path: Path, supervisor: Supervisor | None = None) -> None:
        self._core = core
        self._supervisor = supervisor or Supervisor({})
        self._about = about
        self._path = path
        self._owner: tuple[socket.socket, OwnerProcess] | None = None
        self._is_asked_to_leave = False

    def leave(self, *_: object) -> None:
        """For a signal: end when the car no longer needs a guard."""
        self._is_asked_to_leave = True

    def run(self) -> bool:
        """The loop: look every LOOK_S, and hear who comes and goes in between. Whether the car is at rest."""
        with contextlib.ExitStack() as exits:
            server = exits.enter_context(listen(self._path, socket.SOCK_SEQPACKET))
            exits.callback(self._path.unlink, missing_ok=True)
            waiting = exits.enter_context(selectors.DefaultSelector())
            waiting.register(server, selectors.EVENT_READ)
            next_look_s = time.monotonic()
            while not self._core.is_done(time.monotonic()):
                for key, _ in waiting.select(max(0.0, next_look_s - time.monotonic())):
                    self._hear(server, key.fileobj, waiting)
                now_s = time.monotonic()
                if self._is_asked_to_leave:
                    self._core.leave(now_s)
                if now_s >= next_look_s:
                    self._core.look(now_s)
                    next_look_s = max(next_look_s + LOOK_S, now_s)
                self._tidy(waiting)
                self._supervisor.turned(now_s)
        return self._core.is_at_rest

    def _hear(self, server: socket.socket, connection: object, waiting: selectors.BaseSelector) -> None:
        assert isinstance(connection, socket.socket)
        if connection is server:
            with contextlib.suppress(OSError):
                guest, _ = server.accept()
                guest.setblocking(False)
                waiting.register(guest, selectors.EVENT_READ)
        elif self._owner is not None and connection is self._owner[0]:
            self._core.hung_up(time.monotonic())  # an owner has nothing to say but that
            self._part(waiting)
        else:
            self._receive_guest(connection, waiting)

    def _receive_guest(self, guest: socket.socket, waiting: selectors.BaseSelector) -> None:
        """Take on an owner that introduces itself and that we may kill; anybody else, and a second one, must go."""
        try:
            message, descriptors, _, _ = socket.recv_fds(guest, LONGEST_MESSAGE_BYTES, 1)
            is_ours = os.getuid() in (0, peer_user_id(guest))
        except OSError:
            message, descriptors, is_ours = b"", [], False
        is_welcome = is_ours and self._owner is None and not self._is_asked_to_leave
        if is_welcome and not self._agrees(message):
            # What it would call neutral may move this car. It ends; whoever starts it again knows the calibration.
            log.warning("The actuator has another calibration: this guard ends, to be started again with that one.")
            is_welcome, self._is_asked_to_leave = False, True
        if len(descriptors) != 1 or not message or not is_welcome:
            for descriptor in descriptors:
                os.close(descriptor)
            waiting.unregister(guest)
            guest.close()
            return
        owner = OwnerProcess(descriptors[0])
        memory, page = make_page()
        try:
            socket.send_fds(guest, [encode_about(self._about)], [memory])
        except OSError:
            owner.close()
            waiting.unregister(guest)
            guest.close()
            return
        finally:
            os.close(memory)
        self._owner = (guest, owner)
        self._core.take_on(owner, page, time.monotonic())

    def _agrees(self, hello: bytes) -> bool:
        """Whether an owner calls the same pulse neutral, and wants it at the same moment."""
        try:
            return neutral_in(hello) == (self._about.neutral_ticks, self._about.neutral_first)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return True  # no owner at all: turned away for that, or known by its silence

    def _tidy(self, waiting: selectors.BaseSelector) -> None:
        """Part with an owner that the core no longer watches, and log what happened."""
        if self._owner is not None and not self._core.is_watching:
            self._part(waiting)
        for event in self._core.events:
            log.info("%s", event)
        self._core.events.clear()

    def _part(self, waiting: selectors.BaseSelector) -> None:
        assert self._owner is not None
        connection, owner = self._owner
        self._owner = None
        waiting.unregister(connection)
        connection.close()
        owner.close()


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when it was asked to end and the car is at rest, 1 when it is not or there is no board."""
    parser = argparse.ArgumentParser(prog="vehicle.actuator.guard", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--bus", required=True, help="i2c:1, or emulated:SOCKET")
    parser.add_argument("--address", type=int, required=True)
    parser.add_argument("--prescale", type=int, required=True)
    parser.add_argument("--neutral-ticks", type=int, required=True)
    parser.add_argument("--output-enable", default="none", help="none, line:CHIP:LINE or dead_man:CHIP:LINE")
    parser.add_argument("--neutral-first", action="store_true", help="the speed controller holds its last pulse")
    options = parser.parse_args(arguments)
    try:
        board = GuardBoard(
            open_guard_bus(options.bus),
            address=options.address,
            prescale=options.prescale,
            neutral_ticks=options.neutral_ticks,
        )
        line = open_output_enable(options.output_enable)
        with logging_beside():
            return _serve(board, line, level_of(options.output_enable.partition(":")[0]), options)
    except LapwingError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


def _serve(board: GuardBoard, line: OutputEnable, level: SafetyLevel, options: argparse.Namespace) -> int:
    warning = become_realtime(GUARD_PRIORITY)
    if warning is not None:
        log.warning("%s", warning)
    warnings = () if warning is None else (warning,)
    about = AboutGuard(PROTOCOL_VERSION, options.neutral_ticks, level, warnings, options.neutral_first)
    core = GuardCore(board, line, time.monotonic(), neutral_first=options.neutral_first)
    server = GuardServer(core, about, options.socket, Supervisor())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, server.leave)
    if server.run():
        return 0
    log.error("The servo board does not hear: the car was not brought to rest. Switch the motor off.")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
