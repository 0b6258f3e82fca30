"""`lapwing-car doctor`: look at every device, and say what to do."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from shared.errors import HardwareError, LapwingError, LinkError
from shared.sensors import SENSORS
from vehicle.car_options import car_options
from vehicle.hardware.finding import JOIN, Finding, Verdict, failed
from vehicle.hardware.this_car import Car

if TYPE_CHECKING:
    from vehicle.drive.api import DriveReport

WORDS = {"good": "ok", "note": "-", "warning": "warning", "problem": "PROBLEM"}
COLOURS = {"good": "green", "note": "bright_black", "warning": "yellow", "problem": "red"}
READINGS = frozenset(spec.reading for spec in SENSORS.values())
WORD_WIDTH, NAME_WIDTH, WIDEST = 9, 13, 100


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@car_options
def command(car: Car, as_json: bool) -> None:
    """Look at every device and say what to do. Exit code 1: something keeps the car from driving."""
    findings = []
    logging.disable()  # what is not well is a finding
    is_colourful = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = min(WIDEST, shutil.get_terminal_size((80, 24)).columns)
    try:
        for finding in examine(car):
            findings.append(finding)
            if not as_json:
                click.echo(told(finding, width, is_colourful), color=is_colourful)
    finally:
        logging.disable(logging.NOTSET)
    problems = list(dict.fromkeys(finding.name for finding in findings if finding.verdict == "problem"))
    if as_json:
        report = {"can_drive": not problems, "findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(report, indent=2))
    if problems:
        raise HardwareError(f"The car cannot drive: {', '.join(problems)}. Do what stands there, then ask again.")
    if not as_json:
        click.echo("The car can drive.")


def examine(car: Car) -> Iterator[Finding]:
    """Devices, model, computer. What belongs to the drive is asked of the drive, where one runs."""
    from vehicle.hardware.doctor import Doctor
    from vehicle.hardware.doctor_computer import examine_computer
    from vehicle.hardware.doctor_sensors import examine_sensors

    yield from Doctor(car).examine()
    drive = _drive(car)
    if drive is None:
        yield from examine_sensors(car)
        yield _model(car)
    elif isinstance(drive, Finding):
        yield drive
        yield from examine_sensors(car, in_use=READINGS)
    else:
        yield from _driving(drive)
        yield from examine_sensors(car, in_use=_in_use(drive))
    yield from examine_computer(car)


def _drive(car: Car) -> DriveReport | Finding | None:
    """How the drive stands, or why it does not say; None where none runs."""
    from vehicle.drive.client import DriveClient

    try:
        client = DriveClient(car.folder.drive)
    except LinkError as error:
        is_forbidden = isinstance(error.__cause__, PermissionError)
        return Finding("drive", Verdict.WARNING, "This user may not ask it.", JOIN) if is_forbidden else None
    with contextlib.closing(client):
        try:
            return client.state()
        except LinkError as error:
            return failed("drive", error)


def _in_use(drive: DriveReport) -> set[str]:
    """What it has open of the sensors."""
    sensors = () if drive.model is None else drive.model.sensors
    return {"camera", *(SENSORS[name].reading for name in sensors)}


def _driving(drive: DriveReport) -> Iterator[Finding]:
    for missing in drive.missing:
        yield failed("drive", missing)
    if not drive.missing:
        yield Finding("drive", Verdict.GOOD, "It runs, and its camera gives pictures.")
    if drive.model is not None:
        found = f"{drive.model.name} on {drive.model.engine}, at most {drive.model.top_speed_mps:g} m/s."
        yield Finding("model", Verdict.GOOD, found)


def _model(car: Car) -> Finding:
    from vehicle.drive.process import load_model, open_pilot

    try:
        archive = load_model(car, None)
        pilot = open_pilot(car, archive)
    except LapwingError as error:
        return failed("model", error)
    found = f"{archive.name} on {pilot.engine.name}, at most {pilot.top_speed_mps:g} m/s."
    return Finding("model", Verdict.GOOD, found)


def told(finding: Finding, width: int, is_colourful: bool) -> str:
    """The lines of one finding: verdict, name, what was found, and below it what to do."""
    word = f"{WORDS[finding.verdict]:<{WORD_WIDTH}}"
    head = f"{finding.name:<{NAME_WIDTH}} "
    indent = " " * (WORD_WIDTH + len(head))
    room = max(20, width - len(indent) - 1)
    lines = textwrap.wrap(finding.found, room, break_long_words=False)
    lines += textwrap.wrap(f"-> {finding.advice}", room, subsequent_indent="   ", break_long_words=False) * bool(
        finding.advice
    )
    if is_colourful:
        word = click.style(word, fg=COLOURS[finding.verdict], bold=finding.verdict == "problem")
    return word + head + f"\n{indent}".join(lines)
