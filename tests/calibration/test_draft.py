"""What a wizard keeps of the calibration that it began with."""

from __future__ import annotations

from typing import Any

import pytest

from calibration.profile import CalibrationProfile
from calibration.response import angle_of_pulse_deg, speed_of_pulse_mps
from calibration.speed_map import SpeedRun
from calibration.steering_map import Circle
from calibration.wizard.draft import Draft, Turn
from calibration.wizard.machine import STEPS, begin
from shared.errors import CalibrationError

MEASURED = CalibrationProfile(
    steering={
        "left_us": 1680, "centre_us": 1500, "right_us": 1340, "trim_us": 4, "lag_s": 0.12, "error_deg": 0.4,
        "points": [
            {"pulse_us": 1340, "angle_deg": -24}, {"pulse_us": 1500, "angle_deg": 0},
            {"pulse_us": 1670, "angle_deg": 26},
        ],
    },
    throttle={
        "forward_us": 1650, "neutral_us": 1500, "reverse_us": 1400, "dead_band_us": 20, "lag_s": 0.3,
        "battery_v": 7.7, "error_mps": 0.03,
        "points": [{"pulse_us": 1530, "speed_mps": 0.2}, {"pulse_us": 1650, "speed_mps": 2.0}],
    },
)  # fmt: skip


def kept(**changes: Any) -> CalibrationProfile:
    return Draft.starting_from(MEASURED).changed(**changes).profile("my-board")


def test_who_measures_nothing_anew_keeps_the_maps_and_lags() -> None:
    profile = kept()
    assert profile.throttle.changed(points=()) == MEASURED.throttle.changed(points=())
    assert profile.steering.lag_s == 0.12
    for pulse_us in (1400.0, 1504.0, 1600.0, 1670.0):
        assert angle_of_pulse_deg(profile, pulse_us) == pytest.approx(angle_of_pulse_deg(MEASURED, pulse_us), abs=0.01)
    for pulse_us in (1520.0, 1530.0, 1600.0, 1650.0):
        assert speed_of_pulse_mps(profile, pulse_us) == pytest.approx(speed_of_pulse_mps(MEASURED, pulse_us), abs=0.01)


def test_a_nearer_limit_cuts_the_maps() -> None:
    profile = kept(forward_reach_us=90.0, left_reach_us=100.0)
    assert profile.throttle.points[-1].pulse_us == 1590.0
    assert profile.throttle.points[-1].speed_mps == pytest.approx(1.1)
    assert profile.steering.points[-1].pulse_us == 1604.0


@pytest.mark.parametrize(
    "change",
    [{"neutral_us": 1504.0}, {"forward_polarity": -1, "neutral_us": 1500.0}, {"dead_band_us": 40.0}],
    ids=["neutral", "direction", "first motion"],
)
def test_another_motor_loses_its_speeds_and_the_person_is_told(change: dict[str, Any]) -> None:
    draft = Draft.starting_from(MEASURED).changed(**change)
    throttle = draft.profile("my-board").throttle
    assert (throttle.points, throttle.error_mps, throttle.lag_s, throttle.battery_v) == ((), None, None, None)
    assert "not kept" in STEPS["review"].values(begin(draft, 0.0))["speed map"]


@pytest.mark.parametrize("change", [{"centre_us": 1510.0}, {"left_polarity": -1}], ids=["centre", "direction"])
def test_another_servo_loses_its_angles_and_the_person_is_told(change: dict[str, Any]) -> None:
    draft = Draft.starting_from(MEASURED).changed(**change)
    assert draft.profile("my-board").steering.points == ()
    assert "not kept" in STEPS["review"].values(begin(draft, 0.0))["steering map"]


def test_what_is_measured_anew_replaces_what_was() -> None:
    runs = (SpeedRun(40.0, 0.5, 0.02, 0.2), SpeedRun(100.0, 1.7, 0.02, 0.2))
    circles = (Circle(1660.0, 20.0, 0.2), Circle(1350.0, -21.0, 0.2))
    profile = kept(runs=runs, circles=circles, battery_v=8.1, steering_lags_s=(0.1, 0.12))
    assert speed_of_pulse_mps(profile, 1600.0) == pytest.approx(1.7)
    assert angle_of_pulse_deg(profile, 1660.0) == pytest.approx(20.0)
    assert (profile.throttle.lag_s, profile.throttle.battery_v, profile.steering.lag_s) == (0.2, 8.1, 0.11)


def test_one_run_alone_is_no_map_and_changes_none() -> None:
    draft = Draft.starting_from(MEASURED).changed(runs=(SpeedRun(40.0, 0.1, 0.02, 0.2),), battery_v=8.1)
    assert draft.profile("my-board").throttle.battery_v == 7.7
    assert STEPS["review"].values(begin(draft, 0.0))["speed map"].startswith("as before")


def test_a_straight_run_moves_a_map_that_was_kept_by_what_it_is_off() -> None:
    turns = (Turn(turned_deg=10.0, driven_m=2.0),)
    straight_deg = Draft.starting_from(MEASURED).changed(turns=turns).straight_deg()
    assert 0.5 < straight_deg < 1.0
    profile = kept(turns=turns)
    assert profile.steering.points
    assert angle_of_pulse_deg(profile, MEASURED.steering.trimmed_centre_us) == pytest.approx(straight_deg, abs=0.02)


def test_circles_that_knew_where_straight_ahead_is_are_not_corrected_a_second_time() -> None:
    # To both sides by as much, about wheels that point a degree to the left at the centre.
    circles = (Circle(1660.0, 21.0, 0.2), Circle(1340.0, -19.0, 0.2))
    turns = (Turn(turned_deg=12.2, driven_m=2.0),)
    first = kept(centre_us=1500.0, circles=circles, turns=turns)
    again = Draft.starting_from(first).changed(turns=turns).profile("my-board")
    assert angle_of_pulse_deg(first, 1500.0) == pytest.approx(1.0, abs=0.02)
    assert again.steering.trim_us == pytest.approx(0.0, abs=0.1)
    unseen = Draft.starting_from(first).profile("my-board")  # nothing was driven: nothing is known anew
    assert (unseen.steering.trim_us, unseen.steering.points) == (0.0, first.steering.points)


@pytest.mark.parametrize("polarity", [1, -1])
def test_a_straight_run_moves_the_centre_where_there_is_no_map(polarity: int) -> None:
    profile = kept(left_polarity=polarity, centre_us=1500.0, turns=(Turn(turned_deg=10.0, driven_m=2.0),))
    assert profile.steering.points == ()
    assert profile.steering.trim_us * polarity < -1.0


def test_circles_to_one_side_are_no_map() -> None:
    with pytest.raises(CalibrationError, match="both sides"):
        kept(circles=(Circle(1660.0, 20.0, 0.2),))
