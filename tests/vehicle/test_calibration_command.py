"""`lapwing-car calibration`: look, undo, export, import and confirm, for one board."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from calibration.profile import CalibrationProfile
from calibration.profile_file import export_profile, read_profile, shipped_profile
from calibration.store import CalibrationStore
from shared.errors import CalibrationError, LapwingError
from vehicle.cli import root
from vehicle.runtime_folder import RuntimeFolder


class Owner:
    """Who types the commands, at the emulated car."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = CalibrationStore(folder / "histories" / "emulated")

    def type(self, *words: str, answer: str = "") -> Result:
        options = ["--emulated", "--runtime", str(self.folder), "--set", f"calibrations={self.folder / 'histories'}"]
        return CliRunner().invoke(root, ["calibration", *words, *options], input=answer)

    def says(self, *words: str, answer: str = "") -> str:
        result = self.type(*words, answer=answer)
        assert result.exception is None, result.exception
        return result.output

    def current(self) -> CalibrationProfile:
        stored = self.store.current()
        assert stored is not None
        return stored.profile


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path)


def test_a_car_without_history_says_how_to_begin(owner: Owner) -> None:
    assert "lapwing-car calibrate" in owner.says("history")


def test_what_was_imported_is_in_force_but_cannot_arm(owner: Owner) -> None:
    file = owner.folder / "calibration.json"
    block = {"min": 1_200_000, "mid": 1_450_000, "max": 1_700_000, "polarity": 1}
    file.write_text(json.dumps({"Calibration": {"Servo": block, "Motor": block, "version": 1}}))
    assert "not confirmed" in owner.says("import", str(file))
    assert not owner.current().confirmed_on_board
    assert "not confirmed" in owner.says("history")


def test_only_who_says_that_the_wheels_obey_confirms(owner: Owner) -> None:
    file = owner.folder / "car.json"
    profile = shipped_profile("rc_car")
    throttle = profile.throttle.changed(stops_without_pulses_s="holds")
    file.write_text(export_profile(profile.changed(throttle=throttle)))
    owner.says("import", str(file))
    assert "without pulses: goes on turning" in owner.type("confirm", answer="no\n").output
    assert isinstance(owner.type("confirm", answer="yes\n").exception, LapwingError)
    assert not owner.current().confirmed_on_board
    owner.says("confirm", answer="The wheels obey\n")
    assert owner.current().is_confirmed_for("emulated")
    assert owner.current().throttle.stops_without_pulses_s == "holds"


def test_undo_puts_back_what_was_before(owner: Owner) -> None:
    for name in ("rc_car", "deepracer"):
        file = owner.folder / f"{name}.json"
        file.write_text(export_profile(shipped_profile(name)))
        owner.says("import", str(file))
    owner.says("undo")
    assert owner.current() == shipped_profile("rc_car")
    assert len(owner.store.history()) == 3


def test_while_the_car_is_being_calibrated_nothing_else_comes_into_force(owner: Owner) -> None:
    file = owner.folder / "car.json"
    file.write_text(export_profile(shipped_profile("rc_car")))
    for _ in range(2):
        owner.says("import", str(file))
    RuntimeFolder(owner.folder).calibrating.write_text(export_profile(shipped_profile("deepracer")))
    for words in (("import", str(file)), ("undo",), ("confirm",)):
        with pytest.raises(CalibrationError, match="being calibrated"):
            raise owner.type(*words, answer="the wheels obey\n").exception  # type: ignore[misc]
    assert len(owner.store.history()) == 2
    assert not owner.current().confirmed_on_board


def test_export_writes_what_is_in_force(owner: Owner) -> None:
    file = owner.folder / "out.json"
    owner.says("export", str(file))
    assert read_profile(file.read_text(), source="out.json", needs_hash=True) == shipped_profile("emulated")
