"""Trials of a policy: laps, penalties, starts, and the figures that come of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shared.actions import DEFAULT_ACTION_SPACE
from shared.errors import LapwingError
from tests.trainer.autopilot import Autopilot
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.plan import EvaluationPlan, plan_starts
from trainer.evaluation.results import EvaluationResult, best_consecutive_mean
from trainer.runs.simtrace import FIELD
from trainer.simulator import EpisodeStatus
from trainer.tracks import Track, load_track

LOOP = load_track("lapwing_loop")
OVAL = load_track("oval")
TURNS_OFF = {0: (3.0, 4.5)}  # the first car's driver holds the wheel to the left for a while


def drive(plan: EvaluationPlan, **driver: object) -> EvaluationResult:
    autopilot = Autopilot(**driver)  # type: ignore[arg-type]
    return evaluate(autopilot.policy, plan, spectators=[autopilot], now=lambda: 0.0)


def plan(tracks: Track | tuple[Track, ...] = LOOP, **values: object) -> EvaluationPlan:
    return EvaluationPlan(tracks if isinstance(tracks, tuple) else (tracks,), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("space", [DEFAULT_ACTION_SPACE, None], ids=["discrete", "continuous"])
def test_a_good_driver_completes_every_lap(space: object) -> None:
    result = drive(plan(trials=3, world="light"), **({"space": space} if space else {}))
    figures = result.figures()
    assert (figures["laps_complete"], figures["completion_percent"], figures["off_tracks"]) == (3, 100.0, 0)
    # 17.7 m at 1 m/s, and some time to get going.
    assert 16.0 < figures["best_lap_s"] <= figures["mean_lap_s"] <= figures["slowest_lap_s"] < 20.0


def test_strict_the_first_mistake_ends_the_trial() -> None:
    result = drive(plan(trials=2), asleep_s=TURNS_OFF)
    failed, fine = result.trials
    assert (failed.status, failed.off_track_count, failed.reset_count, failed.lap_times_s) == (
        "off_track",
        1,
        0,
        (),
    )
    assert 5.0 < failed.completion_percent < 50.0
    assert fine.is_complete
    assert result.completion_percent == pytest.approx((failed.completion_percent + 100.0) / 2)


def test_with_penalties_the_car_is_put_back_and_the_pause_is_part_of_its_lap_time() -> None:
    failed, fine = drive(plan(trials=2, penalty_s=2.0), asleep_s=TURNS_OFF).trials
    assert failed.is_complete
    assert (failed.off_track_count, failed.reset_count) == (1, 1)
    assert (fine.off_track_count, fine.reset_count) == (0, 0)
    assert failed.lap_times_s[0] - fine.lap_times_s[0] > 2.0


def test_while_it_stands_the_trace_says_pause_and_for_how_long() -> None:
    result = drive(plan(trials=1, penalty_s=2.0), asleep_s=TURNS_OFF)
    rows = result.trace[result.trace[:, FIELD["status"]] == int(EpisodeStatus.PAUSE)]
    assert len(rows) == 29  # 2 s at 15 Hz, less the step at whose end it may drive again
    pauses_s = rows[:, FIELD["pause_s"]]
    assert (np.diff(pauses_s) < 0).all()
    assert 1.8 < pauses_s[0] <= 2.0
    assert np.ptp(rows[:, FIELD["x_m"]]) < 1e-9


def test_a_driver_that_never_learns_runs_out_of_resets() -> None:
    result = drive(plan(trials=1, penalty_s=0.5, max_resets=3), asleep_s={0: (0.0, 1e9)})
    (trial,) = result.trials
    assert (trial.status, trial.off_track_count, trial.reset_count) == ("off_track", 4, 3)


def test_a_car_that_stands_still_is_put_back_without_penalty_until_its_time_is_up() -> None:
    result = drive(plan(trials=1, penalty_s=2.0, time_limit_s=4.5), speed_mps=0.0)
    (trial,) = result.trials
    assert trial.status == "time_up"
    assert trial.laps[0].immobilized_count == 4  # every 15 steps; a pause would have eaten the time
    assert trial.completion_percent == pytest.approx(0.0, abs=0.1)
    assert trial.laps[0].end_s == pytest.approx(4.5, abs=1 / 15)


def test_laps_follow_one_another_and_the_best_three_in_a_row_are_told() -> None:
    result = drive(plan(OVAL, trials=1, laps=4), speed_mps=1.5)
    (trial,) = result.trials
    times = trial.lap_times_s
    assert len(times) == 4
    assert times[0] > times[1]  # the first begins at standstill
    # The line is crossed within a step, so the laps add up to the trial but for that step.
    assert sum(times) == pytest.approx(trial.laps[-1].end_s, abs=1 / 15)
    assert result.best_consecutive_mean_s == pytest.approx(min(np.mean(times[:3]), np.mean(times[1:])))
    assert [lap.start_s for lap in trial.laps[1:]] == [lap.end_s for lap in trial.laps[:-1]]


@pytest.mark.parametrize(("times", "expected"), [((), None), ((5, 4), None), ((5, 4, 3), 4.0), ((9, 3, 3, 3, 9), 3.0)])
def test_the_mean_of_three_laps_in_a_row(times: tuple[float, ...], expected: float | None) -> None:
    assert best_consecutive_mean(times) == expected


def test_the_same_plan_gives_the_same_result_and_another_seed_another() -> None:
    def text(seed: int) -> str:
        result = drive(plan(trials=2, starts=2, world="strong", seed=seed))
        return json.dumps(result.to_json()) + result.trace.tobytes().hex()

    first = text(1)
    assert first == text(1)
    assert first != text(2)


def test_starts_vary_along_and_across_the_track_and_stay_on_it() -> None:
    starts = plan_starts(plan(trials=12, starts=6, directions=(False, True)))
    assert len(starts) == 24
    assert len(np.unique(starts.fraction)) == 6
    assert np.array_equal(np.sort(np.floor(np.unique(starts.fraction) * 6)), np.arange(6))
    assert np.array_equal(starts.fraction[:6], starts.fraction[6:12])
    left_m, right_m = LOOP.half_widths_m(starts.fraction * LOOP.length_m)
    assert (np.abs(starts.lateral_m) <= 0.5 * np.minimum(left_m, right_m) + 1e-9).all()
    assert len(np.unique(np.round(starts.lateral_m, 6))) == 6
    assert len(np.unique(starts.seeds)) == 24, "every trial has a world of its own"


def test_one_start_is_the_start_line() -> None:
    result = drive(plan(trials=2))
    assert [trial.start_fraction for trial in result.trials] == [0.0, 0.0]
    assert [trial.start_lateral_m for trial in result.trials] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_both_directions_and_several_tracks_are_driven_in_one_batch() -> None:
    result = drive(plan((LOOP, OVAL), trials=1, directions=(False, True)))
    driven = [(trial.track, trial.is_reversed) for trial in result.trials]
    assert driven == [("lapwing_loop", False), ("lapwing_loop", True), ("oval", False), ("oval", True)]
    assert result.laps_complete == 4


def test_worlds_differ_in_what_the_camera_sees() -> None:
    seen: dict[str, np.ndarray] = {}

    class Looker(Autopilot):
        def begin(self, simulator: object, rows: np.ndarray) -> None:
            super().begin(simulator, rows)  # type: ignore[arg-type]
            seen[self.world] = self.simulator.camera.copy()  # type: ignore[attr-defined, union-attr]

    for world in ("clean", "light", "strong"):
        looker = Looker()
        looker.world = world  # type: ignore[attr-defined]
        evaluate(looker.policy, plan(trials=2, world=world, time_limit_s=0.1), spectators=[looker])
    assert np.array_equal(seen["clean"][0], seen["clean"][1])
    assert not np.array_equal(seen["light"][0], seen["light"][1])
    assert not np.array_equal(seen["light"], seen["strong"])


def test_records_and_trace_are_what_the_run_folder_takes() -> None:
    result = drive(plan(OVAL, trials=2, laps=2, penalty_s=1.0), speed_mps=1.5, asleep_s={0: (1.5, 2.5)})
    assert [record.episode for record in result.records] == [0, 1, 2, 3]
    assert [record.trial for record in result.records] == [1, 2, 3, 4]
    assert {record.status for record in result.records} == {"lap_complete"}
    assert sum(record.off_track_count for record in result.records) == 1
    for record in result.records:
        rows = result.trace[result.trace[:, FIELD["episode"]] == record.episode]
        assert rows[-1, FIELD["done"]] == 1.0
        assert rows[-1, FIELD["progress_percent"]] == 100.0
        assert rows[-1, FIELD["status"]] == int(EpisodeStatus.LAP_COMPLETE)
        assert (np.diff(rows[:, FIELD["steps"]]) == 1).all()
        assert rows[-1, FIELD["time_s"]] == pytest.approx(record.end_s)


@pytest.mark.parametrize(
    ("sees", "shapes"),
    [
        ({"stack_size": 3}, {"FRONT_FACING_CAMERA": (2, 3, 120, 160)}),
        (
            {"sensors": ("LIDAR", "STEREO_CAMERAS"), "lidar_config": {"num_values": 32}},
            {"LIDAR": (2, 32), "STEREO_CAMERAS": (2, 2, 120, 160)},
        ),
    ],
)
def test_what_a_model_sees_with_reaches_it(sees: dict, shapes: dict) -> None:
    driver = Autopilot(**sees)
    evaluate(driver.policy, plan(trials=2, time_limit_s=0.5), spectators=[driver])
    assert driver.saw == shapes


@pytest.mark.parametrize(
    ("values", "words"),
    [({"trials": 0}, "trials is 0"), ({"laps": 2000}, "1 to 1000"), ({"directions": ()}, "direction")],
)
def test_an_impossible_plan_is_refused(values: dict, words: str) -> None:
    with pytest.raises(LapwingError, match=words):
        plan(**values)


def test_a_road_with_two_ends_is_driven_once() -> None:
    with pytest.raises(LapwingError, match="two ends"):
        plan(load_track("straight"), laps=2)
    assert drive(plan(load_track("straight"), trials=1)).laps_complete == 1


def test_the_json_has_no_nan_and_reads_back(tmp_path: Path) -> None:
    result = drive(plan(trials=1, time_limit_s=1.0))
    values = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert values["figures"]["best_lap_s"] is None
    assert values["plan"]["tracks"] == ["lapwing_loop"]
