"""The server's loop on a clock that moves when told: when the registers are written, whoever says what."""

from __future__ import annotations

import contextlib
import itertools
import selectors
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from shared.actions import Action
from tests.vehicle.actuator.rig import LIMITS, NEUTRAL_US, StraightPulses
from vehicle.actuator.core import LATCH_AFTER_S, TURN_S, ActuatorCore
from vehicle.actuator.guard_watch import SameProcess
from vehicle.actuator.lease import LONGEST_TTL_S, Driver, Lease
from vehicle.actuator.messages import (
    LONGEST_MESSAGE_BYTES,
    Answer,
    ArmRequest,
    Request,
    StatusRequest,
    decode_answer,
    encode_request,
)
from vehicle.actuator.mode import Mode
from vehicle.actuator.server import MOST_CONNECTIONS, ActuatorServer
from vehicle.actuator.state import STOP_HOLD_S, Phase
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C
from vehicle.hardware.i2c_bus import Segment, WriteSegment
from vehicle.hardware.pca9685 import Pca9685Board, tick_us_at
from vehicle.runtime_folder import RuntimeFolder

BLOCK_BYTES, ALL_OFF = 9, bytes((0xFD, 0x10))  # a register and both pulses; silence
READY_S = 1.1
STEP_S = 0.001
LOOK_S = 0.00001
MESSAGE_S = 0.0002  # what one message costs the loop here
AT_ONCE_S = 2 * MESSAGE_S + 1e-9
FORWARD = Action(10.0, 1.0)


class TimedBus(LocalI2C):
    """Remembers when which throttle was written; None: every output was switched off."""

    def __init__(self, board: EmulatedBoard, clock: Any) -> None:
        super().__init__(board.wire)
        self._clock = clock
        self.throttles: list[tuple[float, float | None]] = []

    def transfer(self, address: int, segments: Sequence[Segment]) -> bytes:
        message = segments[0].data if isinstance(segments[0], WriteSegment) else b""
        if len(message) == BLOCK_BYTES:
            self.throttles.append((self._clock(), (message[3] | message[4] << 8) * tick_us_at(25e6)))
        elif message == ALL_OFF:
            self.throttles.append((self._clock(), None))
        return super().transfer(address, segments)


class Guest:
    """A connection that never waits for its answers."""

    def __init__(self, path: Any) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.connect(str(path))
        self._socket.setblocking(False)
        self.newest: Answer | None = None

    def say(self, message: Request | bytes) -> None:
        with contextlib.suppress(BlockingIOError):
            self._socket.send(message if isinstance(message, bytes) else encode_request(message))

    def hear(self) -> Answer | None:
        """The newest answer."""
        with contextlib.suppress(OSError):
            while message := self._socket.recv(LONGEST_MESSAGE_BYTES):
                self.newest = decode_answer(message)
        return self.newest

    def close(self) -> None:
        self._socket.close()


class Loop:
    """A server whose loop runs in this thread. What a test has to say, it says while the loop waits."""

    def __init__(self, folder: RuntimeFolder, board: EmulatedBoard, clock: Any) -> None:
        self.clock, self.path, self.bus = clock, folder.actuator, TimedBus(board, clock)
        epochs = itertools.count(1001)
        self.core = ActuatorCore(
            Pca9685Board(self.bus, sleep=clock.sleep),
            StraightPulses(),
            LIMITS,
            new_epoch=lambda: next(epochs),
            guard=SameProcess(),
        )
        self.stop = threading.Event()
        self.script: Callable[[], None] = lambda: None
        self.sequence = 0
        self.guests: list[Guest] = []
        loop = self

        class Selector(selectors.DefaultSelector):  # type: ignore[misc]
            """Time passes while nobody says anything, and with every message."""

            def select(self, timeout: float | None = None) -> Any:
                until_s = clock() + (timeout or 0.0)
                loop.script()
                while not (ready := super().select(0)) and clock() < until_s:
                    clock.sleep(min(STEP_S, until_s - clock()))
                    loop.script()
                clock.sleep(max(MESSAGE_S * len(ready), LOOK_S))
                return ready

        self.server = ActuatorServer(self.core, self.path, clock=clock, sleep=clock.sleep, selector=Selector)

    def run(self, until_s: float, script: Callable[[], None] = lambda: None) -> None:
        """The whole life of the server, as far as until_s after its beginning."""
        end_s = self.clock() + until_s

        def checked() -> None:
            script()
            if self.clock() >= end_s:
                self.stop.set()

        self.script = checked
        self.server.run(self.stop)

    def guest(self) -> Guest:
        """One more connection."""
        self.guests.append(Guest(self.path))
        return self.guests[-1]

    def lease(self, action: Action = FORWARD, **changes: Any) -> Lease:
        self.sequence += 1
        now_s = self.clock()
        lease = Lease(
            self.core.state.epoch, Driver.AUTONOMOUS, self.sequence, now_s, LONGEST_TTL_S, action, rests_on_s=now_s
        )
        return replace(lease, **changes)

    def first_after(self, moment_s: float, throttle_us: float) -> float:
        """How long after a moment this throttle was first written."""
        return next(
            at_s - moment_s
            for at_s, us in self.bus.throttles
            if at_s > moment_s and us is not None and abs(us - throttle_us) < 3
        )


@pytest.fixture
def loop(folder: RuntimeFolder, board: EmulatedBoard, clock: Any) -> Iterator[Loop]:
    loop = Loop(folder, board, clock)
    yield loop
    for guest in loop.guests:
        guest.close()


class Drive:
    """A script: connects, arms when the car is ready, renews the lease every 20 ms, and says one thing at its time."""

    def __init__(self, loop: Loop, say: Callable[[Drive], None], at_s: float) -> None:
        self._loop, self._say, self._at_s = loop, say, loop.clock() + at_s
        self.guest: Guest | None = None
        self.said_at_s = 0.0
        self._renewed_at_s = 0.0

    def __call__(self) -> None:
        loop, now_s = self._loop, self._loop.clock()
        self.guest = self.guest or loop.guest()
        if self.said_at_s:
            return
        if now_s >= self._at_s:
            self.said_at_s = now_s
            self._say(self)
        elif loop.core.state.phase is Phase.READY:
            self.guest.say(ArmRequest(Mode.AUTONOMOUS, 1.0))
        elif loop.core.state.phase is Phase.ARMED and now_s - self._renewed_at_s >= TURN_S:
            self._renewed_at_s = now_s
            self.guest.say(loop.lease())


def ask_everything_at_once(loop: Loop) -> Callable[[], None]:
    def script() -> None:
        if len(loop.guests) < MOST_CONNECTIONS - 1:
            loop.guest()  # one at a time: nobody takes them in while the test runs
        for guest in loop.guests:
            guest.hear()
            guest.say(StatusRequest())

    return script


@pytest.mark.parametrize("flooded", [False, True])
def test_the_registers_are_written_every_20_ms_whether_nobody_speaks_or_all_at_once(loop: Loop, flooded: bool) -> None:
    begun_s = loop.clock()
    loop.run(READY_S, ask_everything_at_once(loop) if flooded else lambda: None)
    moments_s = [at_s for at_s, throttle_us in loop.bus.throttles if throttle_us and at_s <= begun_s + READY_S]
    longest_s = max(later_s - earlier_s for earlier_s, later_s in pairwise(moments_s))
    assert TURN_S - 1e-9 <= longest_s <= TURN_S + (MOST_CONNECTIONS + 1) * MESSAGE_S
    assert len(moments_s) >= READY_S / TURN_S  # one that came late does not delay those after it


@pytest.mark.parametrize(
    ("name", "say", "throttle_us"),
    [
        ("changed", lambda drive, loop: drive.guest.say(loop.lease(Action(10.0, 0.5))), 1550.0),
        ("not finite", lambda drive, loop: drive.guest.say(loop.lease(Action(float("nan"), 1.0))), NEUTRAL_US),
        ("repeated", lambda drive, loop: drive.guest.say(loop.lease(sequence=loop.sequence - 1)), NEUTRAL_US),
        ("old picture", lambda drive, loop: drive.guest.say(loop.lease(rests_on_s=loop.clock() - 0.18)), NEUTRAL_US),
        ("no message", lambda drive, loop: drive.guest.say(b"forward, please"), NEUTRAL_US),
        ("hung up", lambda drive, loop: drive.guest.close(), NEUTRAL_US),
    ],
)
@pytest.mark.parametrize("after_turn_s", [0.003, 0.011])
def test_what_changes_the_pulses_is_written_at_once_and_not_with_the_next_turn(
    loop: Loop, name: str, say: Any, throttle_us: float, after_turn_s: float
) -> None:
    drive = Drive(loop, lambda drive: say(drive, loop), 1.5 + after_turn_s)
    loop.run(1.8, drive)
    assert loop.first_after(drive.said_at_s, throttle_us) <= AT_ONCE_S, name


def test_a_lease_that_runs_out_is_ended_at_that_moment(loop: Loop) -> None:
    drive = Drive(loop, lambda drive: drive.guest.say(loop.lease(ttl_s=0.033)), 1.5)  # type: ignore[union-attr]
    loop.run(1.8, drive)
    assert loop.first_after(drive.said_at_s, NEUTRAL_US) == pytest.approx(0.033, abs=0.0005)


def test_half_a_second_of_silence_is_the_end_of_the_drive(loop: Loop) -> None:
    drive = Drive(loop, lambda drive: None, 1.5)
    phases: list[tuple[float, Phase]] = []

    def script() -> None:
        drive()
        phases.append((loop.clock(), loop.core.state.phase))

    loop.run(2.5, script)
    ended_at_s = next(at_s for at_s, phase in phases if phase is Phase.STOPPING)
    assert LATCH_AFTER_S - 2 * TURN_S <= ended_at_s - drive.said_at_s <= LATCH_AFTER_S + LONGEST_TTL_S + TURN_S
    assert Phase.ARMED not in {phase for at_s, phase in phases if at_s > ended_at_s}


def test_who_asks_to_arm_an_armed_car_is_refused_and_does_not_get_its_wheel(loop: Loop) -> None:
    answers: list[Answer | None] = []
    thieves: list[Guest] = []

    def steal(drive: Drive) -> None:
        thieves.append(loop.guest())
        thieves[0].say(ArmRequest(Mode.MANUAL, 1.0))

    drive = Drive(loop, steal, 1.5)

    def script() -> None:
        drive()
        if thieves:
            answers.append(thieves[0].hear())
            assert drive.guest is not None
            drive.guest.hear()
            drive.guest.say(loop.lease(Action(-10.0, 1.0)))
            thieves[0].say(loop.lease(Action(20.0, 1.0)))

    loop.run(1.7, script)
    assert drive.guest is not None
    first = next(answer for answer in answers if answer is not None)
    assert "armed already" in (first.problem or "")
    assert drive.guest.newest is not None
    assert (drive.guest.newest.problem, drive.guest.newest.status.applied) == (None, Action(-10.0, 1.0))
    assert "Another connection" in (thieves[0].newest.problem or "" if thieves[0].newest else "")


def test_the_way_out_is_ten_pulses_of_neutral_and_then_silence(loop: Loop) -> None:
    drive = Drive(loop, lambda drive: loop.stop.set(), 1.5)
    loop.run(9.0, drive)
    ended = [(at_s - drive.said_at_s, us) for at_s, us in loop.bus.throttles if at_s >= drive.said_at_s]
    *neutral, (off_after_s, off) = [entry for entry in ended if entry[1] is None or abs(entry[1] - NEUTRAL_US) < 3]
    assert off is None
    assert off_after_s - neutral[0][0] == pytest.approx(STOP_HOLD_S)
    assert neutral[0][0] <= TURN_S
    assert len(neutral) == round(STOP_HOLD_S / TURN_S)
