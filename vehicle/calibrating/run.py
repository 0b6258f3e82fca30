"""`lapwing-car calibrate`: puts wizard, actuator and terminal together, and keeps what comes of it."""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

from calibration.foreign_files import import_any
from calibration.profile import CalibrationProfile
from calibration.profile_file import shipped_profile, shipped_profiles
from calibration.wizard.draft import Draft
from shared.atomic_files import storage_errors, write_atomic
from shared.errors import LinkError, SettingsError
from vehicle.actuator.client import ActuatorClient
from vehicle.calibrating.actuators import OwnActuators, RunningActuator
from vehicle.calibrating.late_lidar import LateLidar
from vehicle.calibrating.looking_over import LookingOver
from vehicle.calibrating.session import CalibrationSession
from vehicle.calibrating.terminal import Terminal
from vehicle.hardware.assembly import open_lidar
from vehicle.hardware.doctor import Doctor
from vehicle.hardware.this_car import Car, board_id, calibration_store, profile_in_force, starting_profile
from vehicle.processes import ProcessGroup, wait_for
from vehicle.up import board_status, world_is_installed

# A car stays what it is while it is measured: the world draws no other one each time it is put back.
WORLD_WORDS = ("lapwing", "world", "--track", "straight", "--free-floor", "--world", "off")
STANDING_MPS = 0.01
START_TIMEOUT_S = 180.0  # a first start compiles the simulator's kernels, perhaps beside other work


def calibrate(
    car: Car,
    start: str | None,
    options: Callable[[Car], Sequence[str]],
    tell: Callable[[str], None],
    stop: threading.Event,
    *,
    fresh: bool = False,
    world: Path | None = None,
) -> None:
    """Run the wizard in this terminal. CalibrationError or LinkError where that cannot be."""
    if not sys.stdin.isatty():
        raise LinkError("The wizard needs a terminal. Over SSH: ssh -t CAR lapwing-car calibrate")
    car.folder.create()
    draft = first_draft(car, start, fresh=fresh)
    with ExitStack() as exits:
        if car.emulated:
            tell("The emulated car is being switched on; the first time, that takes a minute.")
            _start_board(car, options(car), world, exits)
        actuators = _actuators(car, options)
        logging.disable()  # the screen is the wizard's; what is not well stands there
        exits.callback(logging.disable, logging.NOTSET)
        lidar = LateLidar(lambda: open_lidar(car, draft.base))
        exits.callback(lidar.close)
        checks = LookingOver(Doctor(car).examine)
        exits.callback(checks.end)
        onlooker = _Onlooker(car)
        session = CalibrationSession(
            draft,
            actuators,
            time.monotonic,
            keep=lambda kept: keep_draft(car, kept),
            newest_scan=lidar.latest,
            checks=checks,
        )
        try:
            terminal = Terminal(session, about=lambda: f"{onlooker.sees()} {lidar.problem}".strip())
            over = terminal.run(sys.stdin.fileno(), stop)
            ended = keep(car, session.state.draft) if over == "saved" else session.state.note
        finally:
            taken = actuators.end()
    tell("")
    tell(f"{ended} {taken}" if over == "saved" else ended)


def first_draft(car: Car, start: str | None, *, fresh: bool = False) -> Draft:
    """The draft that was begun from there, or a new one from the profile asked for, in force, or shipped."""
    path, base = draft_path(car), _base(car, start)
    if not fresh and path.exists():
        with storage_errors(path, "read"):
            content = path.read_bytes()
        with suppress(SettingsError, ValueError):
            begun = Draft.model_validate_json(content)
            if start is None or begun.base == base:
                return begun
    return Draft.starting_from(base)


def _base(car: Car, start: str | None) -> CalibrationProfile:
    if start is None:
        return profile_in_force(car) or starting_profile(car)
    if start in shipped_profiles():
        return shipped_profile(start)
    with storage_errors(start, "read"):
        return import_any(Path(start).read_bytes(), source=start)


def keep_draft(car: Car, draft: Draft) -> None:
    """So that a calibration can be gone on with."""
    path = draft_path(car)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, draft.model_dump_json())


def keep(car: Car, draft: Draft) -> str:
    """Put what was found in force, confirmed for this board; a sentence about it."""
    profile = draft.profile(board_id(car))
    saved_at = datetime.now(UTC).isoformat(timespec="seconds")
    stored = calibration_store(car).save(profile, reason="measured with the wizard", saved_at=saved_at)
    draft_path(car).unlink(missing_ok=True)
    sentence = f"Generation {stored.generation} is this car's calibration from now on, confirmed for {board_id(car)}."
    if car.config.calibration is not None:
        sentence += f" But car.toml names another one, {car.config.calibration}: take that line out."
    return sentence


def draft_path(car: Car) -> Path:
    """Where a calibration that was begun waits."""
    return car.config.calibrations.expanduser() / f"{board_id(car)}.draft"


def _actuators(car: Car, options: Callable[[Car], Sequence[str]]) -> OwnActuators | RunningActuator:
    """The actuator that runs already, else our own."""
    try:
        ActuatorClient(car.folder.actuator).close()
    except LinkError:
        return OwnActuators(car, options(car))
    return RunningActuator(car)


def _start_board(car: Car, options: Sequence[str], world: Path | None, exits: ExitStack) -> None:
    """The emulated board, unless it runs; with a floor to drive on, where the simulator is installed."""
    with suppress(LinkError):
        board_status(car.folder.board_status)
        return
    processes = ProcessGroup(car.folder.path)
    exits.callback(processes.end)
    if world is None and world_is_installed():
        world = car.folder.world
        program = Path(sys.executable).with_name(WORLD_WORDS[0])
        words = [str(program) if program.exists() else WORLD_WORDS[0], *WORLD_WORDS[1:]]
        processes.start("world", [*words, "--socket", str(world)])
        wait_for(world, processes, START_TIMEOUT_S)
    joined = ["--world", str(world)] if world is not None else []
    processes.start("board", [sys.executable, "-m", "vehicle.cli", "board", *options, *joined])
    wait_for(car.folder.board_status, processes, START_TIMEOUT_S)


class _Onlooker:
    """Nobody can look at an emulated car: what there would be to see of it is said instead, for a tape measure too."""

    def __init__(self, car: Car) -> None:
        self._car = car
        self._stood_m = (0.0, 0.0)

    def sees(self) -> str:
        """A sentence; nothing of a car that is there to be looked at."""
        if not self._car.emulated:
            return ""
        pose = board_status(self._car.folder.board_status)["pose"]
        if pose is None:
            return "The emulated car: no world is there to see it in."
        place_m = (pose["x_m"], pose["y_m"])
        if abs(pose["speed_mps"]) < STANDING_MPS:
            self._stood_m = place_m
        wheels = f"wheels at {pose['steering_angle_deg']:+.1f} degrees, {pose['speed_mps']:+.2f} m/s"
        return f"The emulated car: {wheels}, {math.dist(place_m, self._stood_m):.2f} m from where it stood."
