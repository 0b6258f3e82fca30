"""The real processes of an emulated car, for tests and benchmarks that do them harm."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from shared.actions import Action
from shared.errors import LinkError
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.lease import LONGEST_TTL_S, Lease, Pulses
from vehicle.actuator.messages import ArmRequest
from vehicle.actuator.mode import Mode, driver_of
from vehicle.actuator.state import Phase
from vehicle.processes import Process, ProcessGroup, wait_for
from vehicle.runtime_folder import RuntimeFolder
from vehicle.up import board_status

START_S = 30.0
THROTTLE = 0
NEUTRAL_US = 1500.0  # of the emulated car
NEAR_US = 3.0  # a step of the chip is 4.88 us
RENEW_S = 0.020


class Stack:
    """Board, guard and actuator as processes; the client is a connection of the test's own."""

    def __init__(
        self,
        folder: RuntimeFolder,
        actuator_program: Sequence[str] = ("-m", "vehicle.cli"),
        board_options: Sequence[str] = (),
        settings: Sequence[str] = (),
    ) -> None:
        """actuator_program: what Python runs in place of lapwing-car for the actuator; board_options: for the board.

        settings: of the car, KEY=VALUE.
        """
        self.folder = folder
        self.processes = ProcessGroup(folder.path)
        self._actuator_program = actuator_program
        self._settings = [word for setting in settings for word in ("--set", setting)]
        self.client: Any = None
        self.board = self._start("board", folder, *board_options)
        wait_for(folder.board_status, self.processes, START_S)
        self.start_guard()
        self.start_actuator()

    def start_guard(self) -> None:
        """The first one, or one more after the last is gone."""
        self.guard = self._start("guard", self.folder)
        wait_for(self.folder.guard, ProcessGroup(self.folder.path), START_S)

    def start_actuator(self) -> None:
        """The first one, or one more after the last was killed."""
        self.actuator = self._start("actuator", self.folder, program=self._actuator_program)
        # The name of a killed one may still be there, with nobody behind it.
        if self.client is not None:
            self.client.close()
        self.client = self.wait(self._connected)

    def start_verb(self, verb: str, *arguments: str) -> Process:
        """One more process of the car."""
        return self._start(verb, self.folder, *arguments)

    def wait(self, condition: Callable[[], Any], timeout_s: float = START_S) -> Any:
        """Until the condition holds; what it gave."""
        deadline_s = time.monotonic() + timeout_s
        while not (result := condition()):
            if time.monotonic() > deadline_s:
                words = {path.stem: path.read_text()[-500:] for path in self.folder.path.glob("*.log")}
                raise AssertionError(f"it did not happen within {timeout_s:g} s; last words: {words}")
            time.sleep(0.005)
        return result

    def throttle_since(self, moment_s: float) -> list[tuple[float, float | None]]:
        """(seconds after the moment, width) of every throttle change after it, in the board's own log."""
        pulses = board_status(self.folder.board_status, since_s=moment_s)["pulses"]
        return [(p["start_s"] - moment_s, p["width_us"]) for p in pulses if p["channel"] == THROTTLE]

    def stopped_after_s(self, moment_s: float) -> float:
        """How long after the moment the first neutral pulse, or silence, began. Waits for it."""
        return float(self.wait(lambda: [after_s for after_s, us in self.throttle_since(moment_s) if is_rest(us)])[0])

    def _connected(self) -> ActuatorClient | None:
        with suppress(LinkError):
            client = ActuatorClient(self.folder.actuator)
            try:
                client.status()
                return client
            except LinkError:
                client.close()
        return None

    def _start(
        self, verb: str, folder: RuntimeFolder, *arguments: str, program: Sequence[str] = ("-m", "vehicle.cli")
    ) -> Process:
        drives = f"record.folder={folder.path / 'drives'}"  # not where a person keeps theirs
        options = ["--emulated", "--runtime", str(folder.path), "--set", drives, *self._settings]
        return self.processes.start(verb, [sys.executable, *program, verb, *options, *arguments])

    def end(self) -> None:
        """Everything."""
        self.client.close()
        self.processes.end()


class LeaseThread:
    """Arms the car and drives it from a thread of its own, as action says, until it is told to stop or refused."""

    def __init__(self, stack: Stack, action: Action | Pulses, mode: Mode = Mode.AUTONOMOUS) -> None:
        self.action = action
        self._client = ActuatorClient(stack.folder.actuator)
        self._driver = driver_of(mode)
        self._stop = threading.Event()
        stack.wait(lambda: self._client.status().phase is Phase.READY)
        answer = self._client.ask(ArmRequest(mode, 3.0))
        assert answer.problem is None, answer.problem
        self._epoch = answer.status.epoch
        self._thread = threading.Thread(target=self._renew, name="lease")
        self._thread.start()

    def end(self) -> None:
        """No more leases."""
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _renew(self) -> None:
        sequence = 0
        with suppress(LinkError):
            while not self._stop.wait(RENEW_S):
                sequence, now_s = sequence + 1, time.monotonic()
                lease = Lease(self._epoch, self._driver, sequence, now_s, LONGEST_TTL_S, self.action, now_s)
                self._client.command(lease)


def is_rest(width_us: float | None) -> bool:
    """Whether a throttle pulse, or none, moves nothing."""
    return width_us is None or abs(width_us - NEUTRAL_US) < NEAR_US
