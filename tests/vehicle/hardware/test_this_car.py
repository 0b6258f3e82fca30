"""Which calibration holds for this car, and why it must not be armed with one that nobody confirmed on its board."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibration.profile import CalibrationProfile
from calibration.profile_file import export_profile, import_profile, shipped_profile
from shared.errors import CalibrationError
from vehicle.config import CarConfig
from vehicle.hardware.this_car import Car, arming_obstacle, board_id, load_profile
from vehicle.runtime_folder import RuntimeFolder


def test_the_emulated_car_comes_with_a_calibration_confirmed_for_its_board(emulated_car: Car) -> None:
    profile = load_profile(emulated_car)
    assert profile == shipped_profile("emulated")
    assert arming_obstacle(emulated_car, profile) is None


def test_a_calibration_from_elsewhere_cannot_arm_before_somebody_saw_the_wheels_obey(
    emulated_car: Car, tmp_path: Path
) -> None:
    path = tmp_path / "other.json"
    path.write_text(export_profile(import_profile(export_profile(shipped_profile("emulated")))))
    car = Car(CarConfig(calibration=path), emulated_car.folder, emulated=True)
    assert "not confirmed" in (arming_obstacle(car, load_profile(car)) or "")


def test_the_emulated_calibration_cannot_arm_a_real_car(folder: RuntimeFolder) -> None:
    car = Car(CarConfig(), folder, emulated=False)
    assert board_id(car) != "emulated"
    assert arming_obstacle(car, shipped_profile("emulated")) is not None
    mine = CalibrationProfile(confirmed_on_board=True, board_id=board_id(car))
    assert arming_obstacle(car, mine) is None


@pytest.mark.parametrize(("settings", "name"), [({}, "rc_car"), ({"starting_profile": "deepracer"}, "deepracer")])
def test_a_new_car_begins_with_a_shipped_profile_and_says_what_comes_next(
    folder: RuntimeFolder, tmp_path: Path, settings: dict[str, str], name: str
) -> None:
    car = Car(CarConfig().changed(calibrations=tmp_path, **settings), folder, emulated=False)
    profile = load_profile(car)
    assert profile == shipped_profile(name)
    assert "lapwing-car calibrate" in (arming_obstacle(car, profile) or "")


def test_whatever_is_being_calibrated_holds_and_cannot_arm(emulated_car: Car) -> None:
    emulated_car.folder.calibrating.write_text(export_profile(shipped_profile("emulated")))
    profile = load_profile(emulated_car)
    assert profile.steering == shipped_profile("emulated").steering
    assert "being calibrated" in (arming_obstacle(emulated_car, profile) or "")


def test_a_calibration_that_is_damaged_is_no_calibration(folder: RuntimeFolder, tmp_path: Path) -> None:
    damaged = tmp_path / "car.json"
    damaged.write_text("{")
    with pytest.raises(CalibrationError, match="damaged"):
        load_profile(Car(CarConfig(calibration=damaged), folder, emulated=False))
