"""From runs to a speed map: hand-worked lines, lags, monotone curves, and errors that are told."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.speed_map import SpeedRun, Throttle, fit_speed_map, run_between_marks, run_from_distances
from shared.errors import CalibrationError

THROTTLE = Throttle(start_s=10.0, end_s=11.5, offset_us=100.0, dead_band_us=20.0, rate_us_per_s=400.0)


def drive_at_wall(
    speed_mps: float, lag_s: float, times_s: NDArray[np.float64], dead_s: float = 0.0
) -> NDArray[np.float64]:
    """Distance to a wall 5 m away, integrated in steps of a millisecond."""
    grid_s = np.arange(9.0, 12.0, 0.001)
    target = np.clip(((grid_s - dead_s - 10.0) * 400.0 - 20.0) / 80.0, 0.0, 1.0) * speed_mps
    speeds = np.zeros_like(grid_s)
    for index in range(1, len(grid_s)):
        speeds[index] = speeds[index - 1] + (target[index] - speeds[index - 1]) * 0.001 / lag_s
    return np.interp(times_s, grid_s, 5.0 - np.cumsum(speeds) * 0.001)


@pytest.mark.parametrize(("speed_mps", "lag_s"), [(0.4, 0.1), (1.5, 0.25), (3.0, 0.4)])
def test_the_settled_speed_is_found_although_the_run_ends_early(speed_mps: float, lag_s: float) -> None:
    times_s = np.arange(9.8, 11.6, 0.1)
    run = run_from_distances(times_s, drive_at_wall(speed_mps, lag_s, times_s), THROTTLE)
    assert run is not None
    assert run.speed_mps == pytest.approx(speed_mps, rel=0.01)
    assert run.lag_s == pytest.approx(lag_s, abs=0.03)
    assert run.offset_us == 100.0


@pytest.mark.parametrize("dead_s", [0.05, 0.12, 0.2])
def test_a_car_that_hears_the_pulse_late_is_not_taken_for_a_faster_one(dead_s: float) -> None:
    times_s = np.arange(9.8, 11.6, 0.1)
    distances_m = drive_at_wall(1.5, 0.2, times_s, dead_s) + np.random.default_rng(5).normal(0.0, 0.003, len(times_s))
    run = run_from_distances(times_s, distances_m, THROTTLE)
    assert run is not None
    assert run.speed_mps == pytest.approx(1.5, rel=0.03)
    assert run.lag_s == pytest.approx(0.2 + dead_s, abs=0.04)


def test_noise_is_told_as_an_error_that_holds() -> None:
    times_s = np.arange(9.8, 11.6, 0.1)
    exact_m = drive_at_wall(1.0, 0.2, times_s)
    rng = np.random.default_rng(5)
    runs = [run_from_distances(times_s, exact_m + rng.normal(0.0, 0.01, len(times_s)), THROTTLE) for _ in range(40)]
    off_mps = [abs(run.speed_mps - 1.0) for run in runs if run is not None]
    told_mps = [run.error_mps for run in runs if run is not None]
    assert len(off_mps) == 40
    assert 0.002 < np.mean(told_mps) < 0.06
    assert np.mean(off_mps) < 0.05


def test_a_car_that_stands_or_that_was_hardly_seen_gives_no_run() -> None:
    times_s = np.arange(9.8, 11.6, 0.1)
    assert run_from_distances(times_s, np.full(len(times_s), 3.0), THROTTLE) is None
    assert run_from_distances(times_s[:6], drive_at_wall(1.0, 0.2, times_s[:6]), THROTTLE) is None
    assert run_from_distances(times_s, np.full(len(times_s), np.nan), THROTTLE) is None


def test_two_marks_and_a_stopwatch_are_a_speed() -> None:
    run = run_between_marks(50.0, 2.0, 4.0)
    assert run.speed_mps == 0.5
    assert run.error_mps == pytest.approx(0.5 * 0.1 / 4.0)
    for distance_m, time_s in ((0.0, 1.0), (1.0, 0.0), (1.0, -1.0), (np.nan, 1.0), (1.0, np.inf)):
        with pytest.raises(CalibrationError):
            run_between_marks(50.0, distance_m, time_s)


def runs(*pairs: tuple[float, float]) -> list[SpeedRun]:
    return [SpeedRun(offset_us, speed_mps, 0.01, 0.2) for offset_us, speed_mps in pairs]


def test_the_dead_band_is_where_the_lowest_stretch_reaches_zero() -> None:
    # 1 m/s for 50 us: 40 us gives 0.5, so it begins at 15 us.
    found = fit_speed_map(runs((40.0, 0.5), (90.0, 1.5), (140.0, 2.5)), first_motion_us=17.0)
    assert found.dead_band_us == pytest.approx(15.0)
    assert found.speed_mps(65.0) == pytest.approx(1.0)
    assert found.offset_us(2.0) == pytest.approx(115.0)
    assert found.speed_mps(1000.0) == 2.5
    assert found.error_mps == pytest.approx(0.01)
    assert found.lag_s == 0.2


def test_a_run_that_falls_is_pooled_with_its_neighbour_and_the_error_tells() -> None:
    found = fit_speed_map(runs((40.0, 0.5), (60.0, 1.2), (80.0, 1.0), (100.0, 2.0)), first_motion_us=10.0)
    assert found.offsets_us[1:] == (40.0, 60.0, 100.0)
    assert found.speeds_mps[1:] == pytest.approx((0.5, 1.1, 2.0))
    assert found.error_mps > 0.05
    assert list(found.speeds_mps) == sorted(found.speeds_mps)


def test_runs_at_one_pulse_count_together() -> None:
    found = fit_speed_map(runs((40.0, 0.4), (40.0, 0.6), (90.0, 1.5)), first_motion_us=10.0)
    assert found.speed_mps(40.0) == pytest.approx(0.5)


def test_too_few_runs_or_runs_without_sense_are_refused() -> None:
    with pytest.raises(CalibrationError, match="2 or more"):
        fit_speed_map(runs((40.0, 0.5)), 10.0)
    with pytest.raises(CalibrationError, match="faster"):
        fit_speed_map(runs((40.0, 1.5), (90.0, 0.5)), 10.0)


@pytest.mark.parametrize("polarity", [1, -1])
def test_the_points_of_a_profile_end_at_the_limit(polarity: int) -> None:
    found = fit_speed_map(runs((40.0, 0.5), (90.0, 1.5), (140.0, 2.5)), first_motion_us=17.0)
    points = found.points(1500.0, polarity, 1500.0 + polarity * 115.0)
    assert [abs(point.pulse_us - 1500.0) for point in points] == pytest.approx([15.0, 40.0, 90.0, 115.0])
    assert [point.speed_mps for point in points] == pytest.approx([0.0, 0.5, 1.5, 2.0])
