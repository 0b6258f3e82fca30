"""What a car makes of a command, as its profile says: the same numbers as the pulses, read the other way."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.profile import CalibrationProfile
from calibration.profile_file import shipped_profile
from calibration.response import CarResponse, angle_of_pulse_deg, speed_of_pulse_mps, step_us

LOPSIDED = CalibrationProfile(
    steering={
        "left_us": 1700, "centre_us": 1500, "right_us": 1350,
        "points": [
            {"pulse_us": 1350, "angle_deg": -18},
            {"pulse_us": 1500, "angle_deg": 0},
            {"pulse_us": 1700, "angle_deg": 28},
        ],
    },
    throttle={
        "forward_us": 1650, "neutral_us": 1500, "reverse_us": 1400, "dead_band_us": 20,
        "points": [{"pulse_us": 1520, "speed_mps": 0}, {"pulse_us": 1650, "speed_mps": 2}],
    },
)  # fmt: skip
GRID_DEG, GRID_MPS = 0.7, 0.08  # what one step of the chip is


def test_a_step_of_the_chip_is_its_prescaler_over_its_clock() -> None:
    assert step_us(25_000_000.0) == pytest.approx(4.88)
    assert step_us(26_000_000.0) == pytest.approx(127 / 26)


def test_a_pulse_means_what_was_measured() -> None:
    assert angle_of_pulse_deg(LOPSIDED, 1600.0) == pytest.approx(14.0)
    assert angle_of_pulse_deg(LOPSIDED, 1425.0) == pytest.approx(-9.0)
    assert speed_of_pulse_mps(LOPSIDED, 1585.0) == pytest.approx(1.0)
    assert [speed_of_pulse_mps(LOPSIDED, pulse_us) for pulse_us in (1400.0, 1500.0, 1519.0)] == [0.0, 0.0, 0.0]


def test_without_maps_a_pulse_means_the_share_of_its_side() -> None:
    profile = shipped_profile("deepracer")
    assert angle_of_pulse_deg(profile, 1575.0) == pytest.approx(15.0)
    assert angle_of_pulse_deg(profile, 1200.0) == pytest.approx(-30.0)
    assert angle_of_pulse_deg(profile, 1000.0) == pytest.approx(-30.0)


def test_a_command_within_the_limits_is_followed_to_a_step_of_the_chip() -> None:
    response = CarResponse(LOPSIDED)
    asked_deg, asked_mps = np.linspace(-18, 28, 24), np.linspace(0.1, 2.0, 20)
    assert np.abs(response.angles_deg(asked_deg) - asked_deg).max() < GRID_DEG / 2 + 0.1
    assert np.abs(response.speeds_mps(asked_mps) - asked_mps).max() < GRID_MPS / 2 + 0.01
    assert len(set(response.angles_deg(np.linspace(0.0, 28.0, 1000)))) < 60


def test_beyond_the_limits_it_goes_no_further_and_each_side_has_its_own() -> None:
    response = CarResponse(LOPSIDED)
    assert response.angles_deg([45.0, -45.0]) == pytest.approx([28.0, -18.0], abs=GRID_DEG)
    assert response.speeds_mps([4.0]) == pytest.approx([2.0], abs=GRID_MPS)
    assert response.top_speed_mps == pytest.approx(2.0, abs=GRID_MPS)
    assert response.speeds_mps([0.0, -0.5]) == pytest.approx([0.0, -0.5])


def test_a_car_whose_speed_nobody_measured_drives_as_asked() -> None:
    assert CarResponse(shipped_profile("deepracer")).speeds_mps([0.37, 3.9]) == pytest.approx([0.37, 3.9])
