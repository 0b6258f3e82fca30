"""Evaluations among boxes and bots: crashes, touches, overtakes, and what counts as getting past."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.trainer.autopilot import Autopilot
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.plan import EvaluationPlan
from trainer.evaluation.results import EvaluationResult, compared_with_solo
from trainer.evaluation.table import print_result
from trainer.runs.simtrace import FIELD
from trainer.simulator import SimulatorSettings
from trainer.simulator.race import BotSettings, BoxSettings, RaceSettings
from trainer.tracks import load_track

CUP = load_track("cup")
INNER, OUTER = 0.27, -0.27  # middles of the lanes of the cup, left positive
ONE_BOX = RaceSettings(boxes=BoxSettings(count=1, positions=("0.25,1",)))
SLOW_BOTS = RaceSettings(bots=BotSettings(count=2, placement="even", speed_mps=(0.2, 0.2)))


def plan(race: RaceSettings, **values: Any) -> EvaluationPlan:
    return EvaluationPlan((CUP,), **{"trials": 1, "simulator": SimulatorSettings(race=race), **values})


def drive(evaluated: EvaluationPlan, **driver: Any) -> EvaluationResult:
    autopilot = Autopilot(**{"speed_mps": 1.5, **driver})
    return evaluate(autopilot.policy, evaluated, spectators=[autopilot], now=lambda: 0.0)


def test_strict_a_crash_ends_the_trial_and_is_counted_as_one() -> None:
    result = drive(plan(ONE_BOX), lateral_m=INNER)
    (trial,) = result.trials
    assert (trial.status, trial.crash_count, trial.contact_count, trial.off_track_count) == ("crashed", 1, 1, 0)
    assert 20 < trial.completion_percent < 25, "the box stands at a quarter of the lap"
    assert result.records[0].crash_count == 1
    assert result.trace[-1, FIELD["crashes"]] == 1
    figures = result.figures()
    assert (figures["crashes"], figures["contacts"], figures["laps_without_touching"]) == (1, 1, 0)


def test_past_the_box_in_the_other_lane_is_a_lap_without_touching() -> None:
    figures = drive(plan(ONE_BOX, world="light", trials=2), lateral_m=OUTER).figures()
    assert (figures["laps_complete"], figures["crashes"], figures["laps_without_touching"]) == (2, 0, 2)


def test_a_crash_costs_its_own_penalty_and_mercy_puts_the_car_past_the_box() -> None:
    stubborn = {"lateral_m": INNER}
    never = drive(plan(ONE_BOX, penalty_s=0.2, crash_penalty_s=0.5, max_resets=5), **stubborn).trials[0]
    assert (never.status, never.crash_count, never.reset_count) == ("crashed", 6, 5)
    spared = drive(plan(ONE_BOX, penalty_s=0.2, crash_penalty_s=0.5, mercy=True), **stubborn).trials[0]
    dearer = drive(plan(ONE_BOX, penalty_s=0.2, crash_penalty_s=2.5, mercy=True), **stubborn).trials[0]
    assert spared.is_complete
    assert spared.crash_count == dearer.crash_count == 3
    assert dearer.lap_times_s[0] - spared.lap_times_s[0] == pytest.approx(3 * 2.0, abs=0.2)


def test_bots_that_are_passed_are_overtakes_of_the_lap_they_were_passed_in() -> None:
    result = drive(plan(SLOW_BOTS, laps=2), speed_mps=1.6, lateral_m=0.0)
    (trial,) = result.trials
    bots_mps, car_mps = 0.2, 1.6
    assert trial.overtake_count == sum(lap.overtake_count for lap in trial.laps)
    if trial.is_complete:
        assert trial.overtake_count == pytest.approx(2 * 2 * (1 - bots_mps / car_mps), abs=1.1)
    assert result.figures()["overtakes"] == trial.overtake_count > 0


def test_laps_are_compared_with_the_same_trials_alone() -> None:
    with_box = plan(ONE_BOX, trials=3, world="light")
    past, alone = drive(with_box, lateral_m=OUTER), drive(with_box.solo(), lateral_m=OUTER)
    assert past.figures()["laps_without_touching_in_time"] is None, "nobody drove alone yet"
    compared = compared_with_solo(past, alone)
    (solo,) = compared.solo
    assert (solo.track, solo.laps_complete, solo.laps_wanted) == ("cup", 3, 3)
    assert solo.lap_s == pytest.approx(past.trials[0].lap_times_s[0], rel=0.05)
    assert compared.figures()["laps_without_touching_in_time"] == 3
    slow = compared_with_solo(drive(with_box, lateral_m=OUTER, speed_mps=0.9), alone)
    assert slow.figures()["laps_without_touching"] == 3
    assert slow.figures()["laps_without_touching_in_time"] == 0, "who crawls past does not count"
    assert json.loads(json.dumps(compared.to_json(), allow_nan=False))["solo"][0]["track"] == "cup"


def test_in_turn_a_trial_has_nothing_the_boxes_or_the_bots_in_its_way() -> None:
    both = RaceSettings(boxes=BoxSettings(count=2), bots=BotSettings(count=1))
    for in_turn, wanted in (
        (True, [(0, 0), (2, 0), (0, 1), (0, 0)] * 2),
        (False, [(2, 1)] * 8),
    ):
        autopilot = Autopilot()
        directions = plan(both, trials=4, directions=(False, True), time_limit_s=0.1, in_turn=in_turn)
        result = evaluate(autopilot.policy, directions, spectators=[autopilot], now=lambda: 0.0)
        active = autopilot.simulator.objects["active"]
        assert list(zip(active[:, :2].sum(axis=1).tolist(), active[:, 2].tolist())) == wanted
        assert result.plan["in_turn"] is in_turn


def test_the_table_speaks_of_objects_only_where_there_are_some(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(drive(plan(ONE_BOX, time_limit_s=0.5)))
    assert "Without touching anything: 0 of 1 laps" in capsys.readouterr().out
    print_result(drive(plan(RaceSettings(), time_limit_s=0.5)))
    assert "touching" not in capsys.readouterr().out
