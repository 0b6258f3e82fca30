"""A profile as a file: copied between machines, refused when damaged, never confirmed on arrival."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.profile import CalibrationProfile, CameraPose, LidarPose, SteeringCalibration
from calibration.profile_file import export_profile, import_profile, read_profile, with_hash
from shared.errors import CalibrationError

PROFILE = CalibrationProfile(
    car_id="blue",
    board_id="b1",
    confirmed_on_board=True,
    steering=SteeringCalibration(trim_us=3.5),
    camera=CameraPose(pitch_deg=17.0),
    lidar=LidarPose(),
    note="grün",
)
TEXT = export_profile(PROFILE)


def edited(**changes: Any) -> str:
    values = json.loads(TEXT)
    values.update(changes)
    return json.dumps({key: value for key, value in values.items() if value is not None})


def test_a_profile_is_read_back_equal() -> None:
    assert read_profile(TEXT, source="x") == PROFILE
    assert read_profile(TEXT.encode(), source="x") == PROFILE


def test_an_imported_profile_must_be_confirmed_again() -> None:
    imported = import_profile(TEXT)
    assert not imported.confirmed_on_board
    assert imported.changed(confirmed_on_board=True) == PROFILE


@pytest.mark.parametrize("known", [None, 1.5, "holds"])
def test_what_the_controller_does_without_pulses_goes_along(known: Any) -> None:
    profile = PROFILE.changed(throttle=PROFILE.throttle.changed(stops_without_pulses_s=known))
    assert import_profile(export_profile(profile)).throttle.stops_without_pulses_s == known


def test_a_profile_from_before_anybody_asked_what_happens_without_pulses_is_read() -> None:
    values = json.loads(TEXT)
    del values["profile"]["throttle"]["stops_without_pulses_s"], values["sha256"]
    old = read_profile(with_hash(values), source="x", needs_hash=True)
    assert old == PROFILE
    assert old.throttle.stops_without_pulses_s is None


def test_a_file_written_by_hand_needs_no_hash() -> None:
    assert read_profile(edited(sha256=None), source="x") == PROFILE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("[]", "not a calibration file"),
        ("[" * 100_000, "not JSON"),
        ("{}", "not a calibration file"),
        (" " * (2 << 20), "too large"),
        (edited(kind="tub"), "not a calibration file"),
        (edited(profile=[]), "not a calibration file"),
        (edited(sha256="0" * 64), "does not match its hash"),
        (edited(profile={**json.loads(TEXT)["profile"], "car_id": "red"}), "does not match its hash"),
        (edited(profile={"version": 2}, sha256=None), "newer Lapwing"),
        (edited(profile={"steering": {"left_us": 5000}}, sha256=None), "car.json: steering.left_us = 5000"),
        (edited(profile={"steering": {"leftus": 5000}}, sha256=None), "Did you mean 'left_us'?"),
        (edited(profile={"steering": {"left_us": 1460}}, sha256=None), "the middle one must lie between"),
    ],
)
def test_a_file_that_is_not_a_sound_profile_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CalibrationError) as caught:
        read_profile(text, source="car.json")
    assert reason in str(caught.value)


def test_every_changed_digit_is_noticed() -> None:
    for position, character in enumerate(TEXT):
        if character.isdigit():
            damaged = TEXT[:position] + str((int(character) + 1) % 10) + TEXT[position + 1 :]
            with pytest.raises(CalibrationError):
                read_profile(damaged, source="x")


@settings(max_examples=200)
@given(data=st.data())
def test_scribbled_over_files_are_refused_or_equal(data: st.DataObject) -> None:
    content = bytearray(TEXT.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        profile = read_profile(bytes(content), source="x")
    except CalibrationError:
        return
    assert profile == PROFILE
