"""The actuator process: it alone has the I2C bus.

Messages in over a Unix SEQPACKET socket, a turn every 20 ms.

Single-threaded. Every way out of the loop, an error included, says neutral, waits ten pulses and switches the
pulses off. The way out that Python cannot take, SIGKILL, needs a second process with its own handle on the
bus.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from shared.errors import HardwareError, LinkError
from vehicle.actuator.core import TURN_S, ActuatorCore
from vehicle.actuator.lease import Lease
from vehicle.actuator.messages import (
    LONGEST_MESSAGE_BYTES,
    Answer,
    ArmRequest,
    ClearRequest,
    DevicesRequest,
    RenewRequest,
    Request,
    StopRequest,
    decode_request,
    encode_answer,
)
from vehicle.actuator.slack import Reading, SlackReader
from vehicle.actuator.state import STOP_HOLD_S, Phase, renewal_refusal
from vehicle.actuator.status_light import StatusLight
from vehicle.runtime_folder import listen
from vehicle.supervisor import Supervisor

MOST_CONNECTIONS = 16  # each gets one message in before the next turn: a flood delays it by little
JUST_AFTER_S = 0.0002

log = logging.getLogger(__name__)


class ActuatorServer:
    """Serves one actuator core until `stop` is set, or until somebody asks to begin anew."""

    def __init__(
        self,
        core: ActuatorCore,
        path: Path,
        *,
        slack: SlackReader | None = None,
        devices: Callable[[], Mapping[str, Reading]] | None = None,
        light: StatusLight | None = None,
        supervisor: Supervisor | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        selector: Callable[[], selectors.BaseSelector] = selectors.DefaultSelector,
    ) -> None:
        """slack: what else is on the bus, read between the turns. devices: what to tell of it, and of others.

        light: shows the phase. supervisor: hears of every turn. selector: waits for messages, on the given clock.
        """
        self._core = core
        self._path = path
        self._slack = slack or SlackReader()
        self._devices = devices or (lambda: self._slack.readings)
        self._light = light
        self._supervisor = supervisor or Supervisor({})
        self._clock = clock
        self._sleep = sleep
        self._selector = selector
        self._driver: socket.socket | None = None
        self._phase = Phase.BOOT
        self._is_to_renew = False

    def run(self, stop: threading.Event) -> bool:
        """Until stop is set, or the car is to begin anew. Whether it is."""
        with contextlib.ExitStack() as exits:
            server = exits.enter_context(listen(self._path, socket.SOCK_SEQPACKET))
            exits.callback(self._path.unlink, missing_ok=True)
            waiting = exits.enter_context(self._selector())
            exits.callback(_close_all, waiting)
            waiting.register(server, selectors.EVENT_READ)
            exits.callback(self._come_to_rest)  # runs first: callbacks run in reverse order
            self._core.start(self._clock())
            self._keep_turning(server, waiting, stop)
        return self._is_to_renew and not stop.is_set()

    def _keep_turning(self, server: socket.socket, waiting: selectors.BaseSelector, stop: threading.Event) -> None:
        next_turn_s = self._clock()
        while not (stop.is_set() or self._is_to_renew):
            # A command that ends by itself does not wait for the next regular turn.
            due_s = min(next_turn_s, self._core.lapses_at_s + JUST_AFTER_S)
            self._hear(server, waiting, max(0.0, due_s - self._clock()))
            now_s = self._clock()
            if now_s >= min(next_turn_s, self._core.lapses_at_s + JUST_AFTER_S):
                self._core.turn(now_s)
            if now_s >= next_turn_s:
                next_turn_s = max(next_turn_s + TURN_S, now_s)
            self._use_slack(now_s, next_turn_s)
            self._note_phase()
            self._supervisor.turned(now_s)

    def _use_slack(self, now_s: float, next_turn_s: float) -> None:
        """What can wait: the light and the other devices of the bus."""
        phase = self._core.state.phase
        if self._light is not None:
            self._light.follow(phase, next_turn_s - self._clock())
        self._slack.read_one(now_s, next_turn_s - self._clock(), may_retry=phase is not Phase.ARMED)

    def _hear(self, server: socket.socket, waiting: selectors.BaseSelector, timeout_s: float) -> None:
        """Answer what has come."""
        for key, _ in waiting.select(timeout_s):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            if connection is server:
                _admit(server, waiting)
                continue
            message = _receive(connection)
            if message:
                self._answer(connection, message)
                continue
            waiting.unregister(connection)
            connection.close()
            if connection is self._driver:
                self._driver = None
                self._core.stop("whoever drove is gone", self._clock())
                self._core.turn(self._clock())

    def _answer(self, connection: socket.socket, message: bytes) -> None:
        """Obey, write the pulses at once if that changes them, and say what is so now."""
        try:
            request = decode_request(message)
        except LinkError as error:
            if connection is self._driver:
                self._core.drop_lease("the driver's command was not understood")
                self._core.turn(self._clock())
            _send(connection, Answer(self._core.status(self._clock()), str(error)))
            return
        problem, changed = self._obey(connection, request)
        if changed:
            self._core.turn(self._clock())
        devices = self._devices() if isinstance(request, DevicesRequest) else None
        _send(connection, Answer(self._core.status(self._clock()), problem, devices))

    def _obey(self, connection: socket.socket, request: Request) -> tuple[str | None, bool]:
        """Why a request was refused, and whether it changed what the car should do."""
        now_s = self._clock()
        if isinstance(request, Lease):
            return self._obey_lease(connection, request, now_s)
        if isinstance(request, ArmRequest):
            problem = self._core.arm(request.mode, request.top_speed_mps, now_s)
            if problem is None:
                self._driver = connection
            return problem, problem is None
        if isinstance(request, StopRequest):
            self._core.stop(request.reason, now_s)
            return None, True
        if isinstance(request, RenewRequest):
            problem = renewal_refusal(self._core.state.phase, self._core.state.reason)
            self._is_to_renew = problem is None
            return problem, False
        if isinstance(request, ClearRequest):
            try:
                self._core.clear_fault(now_s)
            except HardwareError as error:
                return str(error), False
        return None, False

    def _obey_lease(self, connection: socket.socket, lease: Lease, now_s: float) -> tuple[str | None, bool]:
        """Only who armed the car drives it. Somebody else's command is not the driver's fault."""
        if connection is not self._driver:
            return "Another connection armed the car, or none did. Arm it over this one to drive.", False
        asked = self._core.asked
        self._core.accept(lease, now_s)
        return None, self._core.asked != asked

    def _come_to_rest(self) -> None:
        """Neutral for ten pulses, then silence.

        Neutral is said every turn, because one write may be lost; silence comes whatever went wrong before.
        """
        try:
            for _ in range(round(STOP_HOLD_S / TURN_S)):
                with contextlib.suppress(OSError):
                    self._core.shut_down(self._clock())
                self._sleep(TURN_S)
        finally:
            with contextlib.suppress(OSError):
                self._core.go_silent(self._clock())

    def _note_phase(self) -> None:
        state = self._core.state
        if state.phase is not self._phase:
            log.info("%s -> %s%s", self._phase, state.phase, f" ({state.reason})" if state.reason else "")
            self._phase = state.phase


def _admit(server: socket.socket, waiting: selectors.BaseSelector) -> None:
    """Take a new connection in, where there is room."""
    with contextlib.suppress(OSError):
        client, _ = server.accept()
        if len(waiting.get_map()) > MOST_CONNECTIONS:
            client.close()
            return
        client.setblocking(False)
        waiting.register(client, selectors.EVENT_READ)


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(LONGEST_MESSAGE_BYTES)
    except OSError:
        return b""


def _send(connection: socket.socket, answer: Answer) -> None:
    """To a client that does not read, nothing is said: the actuator never waits for anybody."""
    with contextlib.suppress(OSError):
        connection.send(encode_answer(answer))


def _close_all(waiting: selectors.BaseSelector) -> None:
    for key in list(waiting.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]
