"""How late the wheels follow, from a slalom at a wall."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.steering_lag import HALF_S, RUN_UP_S, SLALOM_S, fit_slalom, side_at

STEP_S = 0.001
SCANS_S = np.arange(0.03, SLALOM_S, 0.13)


def headings_deg(
    lag_s: float,
    *,
    dead_s: float = 0.0,
    left_deg: float = 10.0,
    right_deg: float = 10.0,
    off_deg: float = 0.0,
    speed_mps: float = 0.6,
    noise_deg: float = 0.0,
) -> NDArray[np.float64]:
    """Of a car that follows first-order after a dead time, at the moments of its LiDAR's scans."""
    times_s = np.arange(0.0, SLALOM_S, STEP_S)
    wheels_deg, heading_rad = 0.0, 0.0
    headings = np.empty_like(times_s)
    for index, at_s in enumerate(times_s):
        side = side_at(at_s - dead_s)
        wanted_deg = off_deg + side * (left_deg if side > 0 else right_deg)
        wheels_deg += (wanted_deg - wheels_deg) * STEP_S / lag_s
        speed_now_mps = speed_mps * (1.0 - math.exp(-at_s / 0.25))
        heading_rad += speed_now_mps / 0.164 * math.tan(math.radians(wheels_deg)) * STEP_S
        headings[index] = math.degrees(heading_rad)
    noise = np.random.default_rng(5).normal(0.0, noise_deg, len(SCANS_S))
    return np.asarray(np.interp(SCANS_S, times_s, headings) + noise, np.float64)


def test_a_slalom_begins_straight_ahead_and_ends_as_it_began() -> None:
    sides = [side_at(at_s) for at_s in np.arange(0.0, SLALOM_S + 0.5, 0.01)]
    assert set(sides[: round(RUN_UP_S / 0.01)]) == {0.0}
    assert set(sides[round(SLALOM_S / 0.01) + 1 :]) == {0.0}
    assert side_at(RUN_UP_S + 0.25 * HALF_S) == 1.0
    assert side_at(RUN_UP_S + 0.75 * HALF_S) == -1.0
    assert sum(sides) * 0.01 == pytest.approx(-0.5 * HALF_S, abs=0.02)


@pytest.mark.parametrize("lag_s", [0.05, 0.1, 0.2])
def test_the_lag_is_found_within_a_tenth_or_ten_milliseconds(lag_s: float) -> None:
    # A wall 3 m away by 40 points that are a centimetre off tells the heading to 0.15 degrees.
    fit = fit_slalom(SCANS_S, headings_deg(lag_s, noise_deg=0.2))
    assert fit is not None
    assert fit.lag_s == pytest.approx(lag_s, rel=0.1, abs=0.01)
    assert fit.swing_deg == pytest.approx(math.degrees(0.6 / 0.164 * math.tan(math.radians(10.0))) * HALF_S, rel=0.1)
    assert fit.misfit_deg < 1.0


def test_dead_time_and_time_constant_count_together() -> None:
    for lag_s, dead_s in ((0.06, 0.05), (0.06, 0.1), (0.15, 0.05)):
        fit = fit_slalom(SCANS_S, headings_deg(lag_s, dead_s=dead_s, noise_deg=0.2))
        assert fit is not None
        assert fit.lag_s == pytest.approx(lag_s + dead_s, abs=0.015)


def test_a_slalom_that_ended_before_its_last_turns_tells_nothing() -> None:
    many_s = np.arange(0.0, RUN_UP_S, 0.01)
    assert fit_slalom(many_s, np.zeros(len(many_s))) is None


def test_wheels_that_turn_further_to_one_side_or_are_never_straight_do_not_matter() -> None:
    crooked = fit_slalom(SCANS_S, headings_deg(0.1, left_deg=12.0, right_deg=9.0, off_deg=1.5))
    assert crooked is not None
    assert crooked.lag_s == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    "seen_deg",
    [
        headings_deg(0.1)[:8],
        np.zeros(len(SCANS_S)),
        np.full(len(SCANS_S), np.nan),
        -headings_deg(0.1),
        headings_deg(0.1, speed_mps=0.05),
        headings_deg(0.1, noise_deg=10.0),
        headings_deg(1.5),
    ],
    ids=["cut short", "standing", "nothing seen", "the other way", "too slow", "noise", "much too late"],
)
def test_a_slalom_that_tells_nothing_is_none(seen_deg: NDArray[np.float64]) -> None:
    assert fit_slalom(SCANS_S[: len(seen_deg)], seen_deg) is None
