"""`lapwing-car calibration`: the history of this car's calibration: look, undo, export, import, confirm."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from calibration.foreign_files import import_any
from calibration.profile import CalibrationProfile, without_pulses
from calibration.profile_file import export_profile
from shared.atomic_files import storage_errors, write_atomic
from shared.errors import CalibrationError
from vehicle.actuator.renewal import check_may_change, put_in_force
from vehicle.car_options import car_options, tell
from vehicle.hardware.this_car import Car, board_id, calibration_store, profile_in_force

FILE = click.Path(dir_okay=False, path_type=Path)
PROMISE = "the wheels obey"


@click.group()
def command() -> None:
    """What this car's calibration is and was. `lapwing-car calibrate` measures it."""


@command.command()
@car_options
def history(car: Car) -> None:
    """Every calibration that was in force, oldest first."""
    store = calibration_store(car)
    current = store.current()
    for stored in store.history():
        mark = "*" if current is not None and stored.generation == current.generation else " "
        standing = "confirmed" if stored.profile.is_confirmed_for(board_id(car)) else "not confirmed"
        sha256 = stored.profile.sha256()[:12]
        tell(f"{mark} {stored.generation}  {stored.saved_at}  {standing}  {stored.reason}  {sha256}")
    for generation in store.damaged():
        tell(f"! {generation}  damaged, and not used")
    if current is None:
        tell("This car was not calibrated yet. Lift its wheels and type: lapwing-car calibrate")


@command.command()
@car_options
def undo(car: Car) -> None:
    """Put back what was in force before; again, and it goes further back."""
    _check_may_change(car)
    stored = calibration_store(car).undo(saved_at=_now())
    tell(f"Generation {stored.generation}: {stored.reason}. {put_in_force(car.folder.actuator)}")


@command.command("export")
@click.argument("file", type=FILE)
@car_options
def export_(car: Car, file: Path) -> None:
    """Write the calibration in force into FILE, for another computer or for `lapwing train --calibration`."""
    write_atomic(file, export_profile(_in_force(car)))
    tell(f"Written: {file}")


@command.command("import")
@click.argument("file", type=FILE)
@car_options
def import_(car: Car, file: Path) -> None:
    """Take a calibration over: ours, DeepRacer's calibration.json or donkeycar's myconfig.py."""
    with storage_errors(file, "read"):
        content = file.read_bytes()
    profile = import_any(content, source=str(file))
    _check_may_change(car)
    stored = calibration_store(car).save(profile, reason=f"imported from {file.name}", saved_at=_now())
    tell(
        f"Generation {stored.generation} is in force, and not confirmed on this board: the car cannot be armed with it "
        f"yet. {put_in_force(car.folder.actuator)} "
        "Lift the wheels, then: lapwing-car calibrate, or lapwing-car calibration confirm"
    )


@command.command()
@car_options
def confirm(car: Car) -> None:
    """Say that you saw this car's wheels obey the calibration in force. Without that it cannot be armed."""
    profile = _in_force(car)
    for sentence in _summary(profile):
        tell(sentence)
    said = click.prompt(
        f"If you saw it on this car, with its wheels lifted, type: {PROMISE}", default="", show_default=False
    )
    if said.strip().lower() != PROMISE:
        raise CalibrationError("Not confirmed; nothing was changed. To see the wheels move: lapwing-car calibrate")
    _check_may_change(car)
    confirmed = profile.changed(confirmed_on_board=True, board_id=board_id(car))
    stored = calibration_store(car).save(confirmed, reason="confirmed by hand", saved_at=_now())
    tell(f"Generation {stored.generation} is confirmed for {board_id(car)}. {put_in_force(car.folder.actuator)}")


def _summary(profile: CalibrationProfile) -> list[str]:
    steering, throttle = profile.steering, profile.throttle
    return [
        f"Steering: left {steering.left_us:g}, centre {steering.trimmed_centre_us:g}, right {steering.right_us:g} us.",
        f"Throttle: reverse {throttle.reverse_us:g}, neutral {throttle.trimmed_neutral_us:g}, "
        f"forward {throttle.forward_us:g} us.",
        f"The motor without pulses: {without_pulses(throttle.stops_without_pulses_s)}.",
    ]


def _check_may_change(car: Car) -> None:
    """CalibrationError or LinkError while the car would not take another one."""
    if car.folder.calibrating.exists():
        raise CalibrationError(
            "The car is being calibrated, or that was broken off, and takes no other calibration until that has ended. "
            "End it first, with q: lapwing-car calibrate"
        )
    check_may_change(car.folder.actuator)


def _in_force(car: Car) -> CalibrationProfile:
    profile = profile_in_force(car)
    if profile is None:
        raise CalibrationError("This car was not calibrated yet. Lift its wheels and type: lapwing-car calibrate")
    return profile


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
