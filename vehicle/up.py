"""`lapwing-car up`: starts the processes of one car, lets it drive, and brings all to rest."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import LinkError
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.messages import StopRequest
from vehicle.actuator.neutral import rest_on_the_bus
from vehicle.actuator.safety_level import SafetyLevel, advice_on, meaning_of
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.hardware.this_car import Car
from vehicle.processes import ProcessGroup, wait_for

START_TIMEOUT_S = 180.0  # a first start compiles the simulator's kernels, perhaps beside other work
WATCH_S = 0.1
TELL_S = 1.0
LONGEST_ANSWER_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class Drive:
    """What to do: a model (None: the one that drives next), and when it is enough.

    laps: 0 drives until stopped. world: the socket of a world that runs; world_command: starts one.
    record: a drive log to write. mode: as `lapwing-car drive` calls it.
    """

    model: str | None = None
    laps: int = 0
    timeout_s: float = 0.0
    world: Path | None = None
    world_command: str | None = None
    record: Path | None = None
    mode: str = "autonomous"


class ToldOnce:
    """Tells each sentence the first time that it is to be told."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: set[str] = set()

    def __call__(self, *sentences: str) -> None:
        for sentence in sentences:
            if sentence not in self._told:
                self._told.add(sentence)
                self._tell(sentence)


class CarRun:
    """One run of the whole car. options: the command-line options that every process gets."""

    def __init__(self, car: Car, drive: Drive, options: Sequence[str], tell: Callable[[str], None]) -> None:
        self._car = car
        self._drive = drive
        self._options = list(options)
        self._tell = tell
        self._tell_once = ToldOnce(tell)
        self._devices = ProcessGroup(car.folder.path)  # of the emulated car; they end last
        self._processes = ProcessGroup(car.folder.path)

    def run(self, stop: threading.Event) -> None:
        """Until the laps are driven or stop is set. LinkError when the car stopped for another reason."""
        self._car.folder.create()
        actuator: ActuatorClient | None = None
        try:
            actuator = self._start()
            self._watch(actuator, stop)
        finally:
            if actuator is not None:
                _say_stop(actuator)
                actuator.close()
            self._come_to_rest()

    def _come_to_rest(self) -> None:
        """End everything. Where one of them died of a signal, perhaps nobody answered for the board: we do."""
        ended_well = self._processes.end()
        try:
            if not ended_well and (not self._car.emulated or self._car.folder.board_i2c.exists()):
                self._tell(rest_on_the_bus(self._car))
        finally:
            self._devices.end()
        self._tell("Everything is at rest.")

    def _start(self) -> ActuatorClient:
        folder, drive = self._car.folder, self._drive
        if self._car.emulated:
            self._start_emulated_board()
        self._start_verb("guard", [])
        wait_for(folder.guard, self._processes, START_TIMEOUT_S)
        self._start_verb("actuator", [])
        wait_for(folder.actuator, self._processes, START_TIMEOUT_S)
        actuator = ActuatorClient(folder.actuator)
        model = ["--model", drive.model] if drive.model else []
        record = ["--record", str(drive.record)] if drive.record else []
        self._start_verb("drive", [*model, *record, "--arm", "--mode", drive.mode])
        return actuator

    def _start_emulated_board(self) -> None:
        folder, drive = self._car.folder, self._drive
        world = drive.world
        if drive.world_command is not None:
            world = folder.world
            self._devices.start("world", [*_found(drive.world_command), "--socket", str(world)])
        if world is not None:
            wait_for(world, self._devices, START_TIMEOUT_S)
        self._start_verb("board", ["--world", str(world)] if world else [], self._devices)
        wait_for(folder.board_status, self._devices, START_TIMEOUT_S)

    def _start_verb(self, verb: str, arguments: list[str], group: ProcessGroup | None = None) -> None:
        command = [sys.executable, "-m", "vehicle.cli", verb, *self._options, *arguments]
        (group or self._processes).start(verb, command)

    def _watch(self, actuator: ActuatorClient, stop: threading.Event) -> None:
        started_s = told_s = time.monotonic()
        has_driven, laps = False, 0  # the time for the laps begins with the drive, which gives up by itself
        while not stop.wait(WATCH_S):
            self._devices.check()
            self._processes.check()
            status, pose = actuator.status(), self._pose()
            self._tell_once(*about_safety(status))
            if status.phase is Phase.ARMED and not has_driven:
                has_driven, started_s = True, time.monotonic()
                self._tell("The model drives.")
            elif has_driven and status.phase is not Phase.ARMED:
                raise LinkError(f"The car stopped: {status.reason.rstrip('.')}. See {self._car.folder.path}/*.log")
            if pose is not None and pose["laps"] > laps:
                laps = pose["laps"]
                self._tell(f"Lap {laps} complete: {pose['last_lap_time_s']:.2f} s")
                if laps == self._drive.laps:
                    return
            now_s = time.monotonic()
            if now_s - told_s >= TELL_S:
                told_s = now_s
                self._tell(progress(status, pose))
            if has_driven and 0 < self._drive.timeout_s < now_s - started_s:
                raise LinkError(_too_slow(self._drive, laps, pose))

    def _pose(self) -> dict[str, Any] | None:
        """What the world says of the car; None on a real car and where there is no world."""
        return board_status(self._car.folder.board_status)["pose"] if self._car.emulated else None


def world_is_installed() -> bool:
    """Whether the trainer, which brings the world, is installed here too."""
    return shutil.which(_found("lapwing")[0]) is not None


def _found(command_line: str) -> list[str]:
    """The words of a command; a program that is not on the path is looked for beside our own."""
    try:
        words = shlex.split(command_line)
    except ValueError as error:
        raise LinkError(f"--world-command {command_line!r} cannot be read: {error}.") from error
    program = words[0] if words else ""
    beside_us = Path(sys.executable).parent / program
    if shutil.which(program) is None and beside_us.is_file():
        program = str(beside_us)
    return [program, *words[1:]]


def board_status(path: Path, **question: Any) -> dict[str, Any]:
    """Ask the emulated board what it does; see BoardProcess._status."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC) as connection:
        connection.settimeout(2.0)
        try:
            connection.connect(str(path))
            connection.send(json.dumps(question).encode())
            answer: dict[str, Any] = json.loads(connection.recv(LONGEST_ANSWER_BYTES))
        except (OSError, ValueError) as error:
            raise LinkError(f"The emulated board does not answer at {path}.") from error
        return answer


def about_safety(status: ActuatorStatus) -> list[str]:
    """What a person beside the car must know."""
    if not status.safety_level:
        return [*status.warnings]
    known = SafetyLevel(status.safety_level), status.stops_without_pulses_s
    return [f"Safety level {known[0]}. {meaning_of(*known)} {advice_on(*known)}".rstrip(), *status.warnings]


def progress(status: ActuatorStatus, pose: dict[str, Any] | None) -> str:
    """How it goes, in a line. pose: what the world says of the car, where there is one."""
    applied = status.applied
    command = f"{applied.speed_mps:.1f} m/s asked, wheels at {applied.steering_angle_deg:+.0f} degrees"
    if pose is None:
        return f"{status.phase}: {command}"
    place = "picked up beside the road" if pose["is_off_track"] else f"{pose['progress_percent']:.0f} %"
    return f"{status.phase}: lap {pose['laps'] + 1}, {place}, {pose['speed_mps']:.1f} m/s; {command}"


def _too_slow(drive: Drive, laps: int, pose: dict[str, Any] | None) -> str:
    accidents = f", off the track {pose['off_track_count']} times" if pose else ""
    return (
        f"{laps} of {drive.laps} laps were driven in {drive.timeout_s:g} s{accidents}. "
        "Check the calibration, or train the model longer."
    )


def _say_stop(actuator: ActuatorClient) -> None:
    try:
        actuator.ask(StopRequest("the run ended"))
    except LinkError:
        return  # it has ended by itself, and came to rest on its way out
