"""The car is looked over before its wheels are lifted, and nobody goes on while something is wrong with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from calibration.profile_file import shipped_profile
from calibration.wizard.draft import Draft
from calibration.wizard.events import Checked
from shared.errors import HardwareError
from tests.vehicle.board_thread import switched_on
from tests.vehicle.test_calibrating import Person
from vehicle.calibrating import looking_over
from vehicle.calibrating.looking_over import LookingOver, checked
from vehicle.calibrating.session import CalibrationSession
from vehicle.config import CarConfig
from vehicle.hardware.doctor import Doctor
from vehicle.hardware.finding import Finding, Verdict
from vehicle.hardware.this_car import Car
from vehicle.runtime_folder import RuntimeFolder

EMPTY = Finding("battery", Verdict.PROBLEM, "6.1 V, empty: the car does not drive.", "Charge it.")
HOT = Finding("computer", Verdict.WARNING, "It is too hot.", "Give it a fan or a rest.")
GOOD = Finding("servo board", Verdict.GOOD, "It answers.")


class Looked:
    """Checks that find what the test says; remembers whether they were told to end."""

    def __init__(self) -> None:
        self.newest, self.begun, self.ended = looking_over.FIRST, 0, 0

    def begin(self) -> None:
        self.begun += 1

    def end(self) -> None:
        self.ended += 1


def test_what_is_wrong_and_what_is_worth_knowing_are_told_and_the_calibration_is_not() -> None:
    uncalibrated = Finding("calibration", Verdict.PROBLEM, "This car was not calibrated yet.")
    assert checked([uncalibrated, EMPTY, HOT, GOOD]) == Checked(
        ("battery: 6.1 V, empty: the car does not drive. Charge it.",),
        ("computer: It is too hot. Give it a fan or a rest.",),
    )


def test_nobody_goes_on_before_the_car_was_looked_over_and_found_good(clock: Any) -> None:
    person, looked = Person(clock, Draft.starting_from(shipped_profile("rc_car"))), Looked()
    person.session = CalibrationSession(person.session.state.draft, person, clock, checks=looked)
    for newest, note in ((looking_over.FIRST, "looked over"), (Checked(("It is empty.",)), "It is empty.")):
        looked.newest = newest
        person.does(2.2, "confirm")
        person.taps("next")
        assert person.session.state.draft.step == "preflight"
        assert note in person.session.state.note
        assert note in str(person.session.view().values)
    looked.newest = Checked((), ("It is hot.",))
    person.does(2.2, "confirm")
    assert person.session.view().values == {"note 1": "It is hot."}
    assert (person.links, looked.ended) == ([], 0)
    person.taps("next")
    person.does(0.02)
    assert (len(person.links), looked.ended) == (1, 1)
    assert person.session.state.draft.step == "steering"


def test_it_is_looked_at_again_until_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking_over, "AGAIN_S", 0.0)
    answers: list[list[Finding]] = [[EMPTY], [GOOD]]
    found: list[Checked] = []
    done = threading.Event()

    def look() -> Iterator[Finding]:
        found.append(checks.newest)
        if len(found) == 2:
            raise HardwareError("The bus is taken.")
        yield from answers.pop(0)
        if not answers:
            done.set()

    checks = LookingOver(look)
    checks.begin()
    checks.begin()
    assert done.wait(5.0)
    checks.end()
    assert checks.newest == Checked()
    assert found == [looking_over.FIRST, checked([EMPTY]), Checked(("The bus is taken.",))]


def test_an_emulated_car_is_good_as_soon_as_its_board_is_on(folder: RuntimeFolder, tmp_path: Path) -> None:
    car = Car(CarConfig(calibrations=tmp_path / "calibrations"), folder, emulated=True)
    doctor = Doctor(car, sleep=lambda _: None)
    assert "servo board" in checked(doctor.examine()).problems[0]
    with switched_on(folder):
        assert checked(doctor.examine()).problems == ()
