"""Calibrations of other programs: what their owners found comes over, and nobody has to trust it unseen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calibration.foreign_files import import_any
from calibration.profile import CalibrationProfile
from calibration.profile_file import export_profile, shipped_profile
from shared.errors import LapwingError

STOCK_SERVO = {"min": 1_200_000, "mid": 1_450_000, "max": 1_700_000, "polarity": 1}
STOCK_MOTOR = {"min": 1_311_000, "mid": 1_446_000, "max": 1_603_500, "polarity": -1}


def deepracer(servo: dict[str, Any] | None = None, motor: dict[str, Any] | None = None) -> CalibrationProfile:
    blocks = {"Servo": {**STOCK_SERVO, **(servo or {})}, "Motor": {**STOCK_MOTOR, **(motor or {})}, "version": 1}
    return import_any(json.dumps({"Calibration": blocks}).encode(), source="calibration.json")


def donkeycar(text: str) -> CalibrationProfile:
    return import_any(text.encode(), source="myconfig.py")


def steering_us(profile: CalibrationProfile) -> tuple[float, float, float]:
    return profile.steering.left_us, profile.steering.centre_us, profile.steering.right_us


def throttle_us(profile: CalibrationProfile) -> tuple[float, float, float]:
    return profile.throttle.reverse_us, profile.throttle.neutral_us, profile.throttle.forward_us


def test_deepracers_stock_file_is_our_starting_profile() -> None:
    imported, shipped = deepracer(), shipped_profile("deepracer")
    assert imported.steering == shipped.steering
    assert imported.throttle == shipped.throttle


def test_the_limits_that_deepracers_wizard_swapped_are_those_its_owner_found() -> None:
    # Found: left limit 20 (1500 + 200), right limit 30 (1500 - 300). Stored: min -20 (1300), max +30 (1800).
    profile = deepracer({"min": 1_300_000, "max": 1_800_000})
    assert steering_us(profile) == (1700.0, 1450.0, 1200.0)


def test_a_deepracer_servo_that_turns_the_other_way_keeps_its_polarity() -> None:
    profile = deepracer({"min": 1_300_000, "max": 1_800_000, "polarity": -1})
    assert steering_us(profile) == (1200.0, 1450.0, 1700.0)
    assert profile.steering.polarity == -1


def test_a_deepracer_file_that_cannot_be_swapped_is_taken_as_written() -> None:
    profile = deepracer({"min": 1_100_000, "mid": 1_150_000, "max": 1_600_000})
    assert steering_us(profile) == (1600.0, 1150.0, 1100.0)


@pytest.mark.parametrize(("polarity", "expected"), [(-1, (1603.5, 1446.0, 1311.0)), (1, (1311.0, 1446.0, 1603.5))])
def test_deepracers_motor_polarity_says_which_end_is_forward(polarity: int, expected: tuple[float, ...]) -> None:
    assert throttle_us(deepracer(motor={"polarity": polarity})) == expected


@pytest.mark.parametrize(
    "servo",
    [{"mid": 1_800_000}, {"min": "1200000"}, {"polarity": 0}, {"min": True}, {"max": 1.7e6}, {"mid": 1_205_000}],
)
def test_a_deepracer_file_that_contradicts_itself_is_refused(servo: dict[str, Any]) -> None:
    with pytest.raises(LapwingError, match=r"calibration\.json"):
        deepracer(servo)


def test_donkeycars_own_values_are_counts_at_60_hz() -> None:
    profile = donkeycar("STEERING_LEFT_PWM = 460\n")
    assert steering_us(profile) == pytest.approx((1871.7, 1525.8, 1180.0), abs=0.06)
    # 220 counts are 895 us, which no profile holds; the limit is what every servo survives.
    assert throttle_us(profile) == pytest.approx((900.0, 1505.5, 2034.5), abs=0.06)


def test_donkeycars_values_may_stand_in_a_dictionary_and_comments_are_none() -> None:
    text = """
PWM_STEERING_THROTTLE = {
    "PWM_STEERING_PIN": "PCA9685.1:40.1",
    "STEERING_LEFT_PWM": 300,
    "STEERING_RIGHT_PWM": 420,
    # "THROTTLE_FORWARD_PWM": 111,
    "THROTTLE_FORWARD_PWM": 400,
}
# THROTTLE_STOPPED_PWM = 111
THROTTLE_REVERSE_PWM = 330
"""
    profile = donkeycar(text)
    assert profile.steering.polarity == -1
    assert steering_us(profile) == pytest.approx((1220.7, 1464.8, 1709.0), abs=0.06)
    assert throttle_us(profile) == pytest.approx((1342.8, 1505.5, 1627.6), abs=0.06)


def test_a_donkeycar_file_is_read_and_never_run() -> None:
    profile = donkeycar("import os\nos.abort()\nSTEERING_LEFT_PWM = 450\n")
    assert profile.steering.left_us == pytest.approx(1831.1, abs=0.06)


@pytest.mark.parametrize("value", ["400 + 1", "-3", "'460'", "5000", "True", "1e999"])
def test_a_donkeycar_value_that_is_no_count_is_refused(value: str) -> None:
    with pytest.raises(LapwingError, match="STEERING_LEFT_PWM"):
        donkeycar(f"STEERING_LEFT_PWM = {value}\n")


def test_our_own_file_comes_over_unconfirmed() -> None:
    emulated = shipped_profile("emulated")
    imported = import_any(export_profile(emulated).encode(), source="car.json")
    assert imported == emulated.changed(confirmed_on_board=False)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"[]", b"\xff\xfe", b"[" * 100_000, b"{" * 100, b"hello", b'{"Calibration": {}}',
        b'{"Calibration": {"Servo": 1, "Motor": 2}}', b"STEERING_LEFT_PWM = (", b"x" * (2 << 20),
    ],
)  # fmt: skip
def test_what_is_no_calibration_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(LapwingError):
        import_any(content, source="some.file")


@pytest.mark.parametrize("profile", [deepracer(), donkeycar("STEERING_LEFT_PWM = 460\n")])
def test_no_foreign_calibration_is_confirmed(profile: CalibrationProfile) -> None:
    assert not profile.confirmed_on_board
    assert profile.throttle.reverse == "double_tap"
