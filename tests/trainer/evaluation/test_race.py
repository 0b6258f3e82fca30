"""Races of models: order, penalties, heats, the clock, and the same result from the same seed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.actions import DEFAULT_ACTION_SPACE
from shared.errors import LapwingError
from shared.model_metadata import CameraView
from tests.trainer.evaluation.racers import Racers, other
from trainer.evaluation.entrants import names_apart
from trainer.evaluation.penalties import Penalties
from trainer.evaluation.race import hold_race
from trainer.evaluation.race_plan import RacePlan, race_world
from trainer.evaluation.race_results import RaceResult
from trainer.simulator import SimulatorSettings
from trainer.tracks import load_track

CUP = load_track("cup")
TURNS_OFF = {"asleep_s": {0: (2.0, 4.0), 1: (2.0, 4.0)}}
FAST, SLOW = {"speed_mps": 1.6, "lateral_m": 0.25}, {"speed_mps": 1.2, "lateral_m": -0.25}


def race(racers: Racers, **plan: Any) -> RaceResult:
    return hold_race(racers.entrants, RacePlan(CUP, **{"laps": 1, **plan}), [racers])


def places(result: RaceResult) -> list[str]:
    return [standing.entrant for standing in result.standings]


def test_the_faster_one_wins_wherever_it_starts() -> None:
    racers = Racers(slow=SLOW, fast=FAST)
    result = race(racers, rounds=2)
    assert places(result) == ["fast", "slow"]
    assert racers.grids[0] == racers.grids[1][::-1], "the grid turns between the rounds"
    winner, loser = result.standings
    assert (winner.laps_complete, winner.laps_wanted) == (2, 2)
    assert winner.time_s == pytest.approx(2 * winner.best_lap_s, rel=0.05)
    assert winner.time_s < loser.time_s
    assert winner.overtake_count >= 1, "it was in front once and behind once"


def test_leaving_the_road_costs_a_pause_and_not_the_race() -> None:
    def penalised(pause_s: float) -> RaceResult:
        return race(Racers(steady=SLOW, careless={**FAST, **TURNS_OFF}), penalties=Penalties(pause_s, 5.0))

    (heat,) = penalised(9.0).heats
    steady, careless = heat.standings
    assert (steady.entrant, careless.entrant) == ("steady", "careless")
    assert (steady.off_track_count, careless.off_track_count) == (0, 1)
    assert careless.is_finished
    cheaper = penalised(2.0).standings[0]
    assert cheaper.entrant == "careless", "it is faster, and a short pause does not cost it the race"
    assert careless.time_s - cheaper.time_s == pytest.approx(7.0, abs=0.3)


def test_who_does_not_finish_is_ranked_by_how_far_it_came() -> None:
    result = race(Racers(slow=SLOW, fast=FAST), laps=5, time_limit_s=8.0)
    assert places(result) == ["fast", "slow"]
    assert {drive.status for drive in result.heats[0].rounds[0]} == {"time_up"}
    assert [standing.laps_complete for standing in result.standings] == [0, 0]
    assert 30 < result.standings[1].unfinished_percent < result.standings[0].unfinished_percent < 70


def test_heats_lead_to_a_final_and_everybody_is_ranked() -> None:
    speeds = {f"car{i}": {"speed_mps": 1.0 + 0.1 * i, "lateral_m": 0.3 - 0.15 * i} for i in range(5)}
    racers = Racers(**speeds)
    result = race(racers, heat_size=2, time_limit_s=2.0)
    stages = [[heat for heat in result.heats if heat.stage == stage] for stage in (1, 2, 3)]
    assert [len(heats) for heats in stages] == [3, 2, 1]
    assert [heat.is_final for heat in result.heats] == [False] * 5 + [True]
    passes = [heat for heat in result.heats if not heat.rounds]
    assert {len(heat.standings) for heat in passes} == {1}, "who meets nobody goes on without driving"
    assert sorted(places(result)) == sorted(speeds)
    assert result.winner == stages[2][0].standings[0].entrant
    assert racers.titles[-1] == "Final"
    for heat in result.heats[:-1]:
        assert heat.advancing == (len(heat.standings) + 1) // 2


def test_against_the_clock_everybody_is_alone_and_one_model_is_enough() -> None:
    racers = Racers(slow=SLOW, fast=FAST)
    result = race(racers, against_clock=True, world="light")
    assert places(result) == ["fast", "slow"]
    assert [standing.contact_count for standing in result.standings] == [0, 0]
    assert hold_race(racers.entrants[:1], RacePlan(CUP, laps=1, against_clock=True), [racers]).winner == "slow"


def test_discrete_and_continuous_models_meet() -> None:
    discrete = {**SLOW, "space": DEFAULT_ACTION_SPACE, "speed_mps": 1.0}
    result = race(Racers(smooth=FAST, steps=discrete))
    assert places(result) == ["smooth", "steps"]
    assert all(standing.is_finished for standing in result.standings)


def test_every_model_sees_with_its_own_sensors() -> None:
    racers = Racers(
        mono={**SLOW, "stack_size": 2},
        stereo={**FAST, "sensors": ("STEREO_CAMERAS", "WHEEL_SPEED_AND_YAW_RATE")},
        lidar={**SLOW, "sensors": ("FRONT_FACING_CAMERA", "LIDAR")},
    )
    race(racers, time_limit_s=0.2)
    assert racers.pilots["mono"].saw == {"FRONT_FACING_CAMERA": (1, 2, 120, 160)}
    assert racers.pilots["stereo"].saw == {"STEREO_CAMERAS": (1, 2, 120, 160), "WHEEL_SPEED_AND_YAW_RATE": (1, 2)}
    assert racers.pilots["lidar"].saw == {"FRONT_FACING_CAMERA": (1, 1, 120, 160), "LIDAR": (1, 64)}


def test_lidars_that_scan_differently_cannot_share_a_road() -> None:
    sensors = {"sensors": ("FRONT_FACING_CAMERA", "LIDAR")}
    wide, plain = {**FAST, **sensors, "lidar_config": {"num_values": 32}}, {**SLOW, **sensors}
    with pytest.raises(LapwingError, match="the lidar's rays is 64 for plain and 32 for wide"):
        race(Racers(wide=wide, plain=plain))
    race(Racers(wide=wide, camera_only=SLOW), time_limit_s=0.1)


def test_the_same_seed_gives_the_same_text_on_one_and_on_two_threads() -> None:
    def text(seed: int, threads: int) -> str:
        racers = Racers(a={**FAST, **TURNS_OFF}, b=SLOW, c=SLOW)
        simulator = SimulatorSettings(threads=threads)
        result = race(racers, heat_size=2, world="strong", seed=seed, simulator=simulator, time_limit_s=6.0)
        return json.dumps(result.to_json(), allow_nan=False)

    assert text(1, threads=1) == text(1, threads=2)
    assert text(1, threads=1) != text(2, threads=1)


def test_the_same_model_twice_has_two_names() -> None:
    assert names_apart(["a", "b", "a", "a-2", "a"]) == ("a", "b", "a-2", "a-2-2", "a-3")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"control_rate_hz": 30.0}, "slow and fast cannot share a road: the control rate is 30 Hz for slow and 15 Hz"),
        ({"camera": CameraView(pitch_deg=20.0)}, "the camera's pitch_deg is 20 for slow and 15 for fast"),
    ],
)
def test_models_that_cannot_share_a_road_are_told_to_race_the_clock(metadata: dict[str, Any], words: str) -> None:
    entrants = other(Racers(fast=FAST, slow=SLOW).entrants, "slow", **metadata)
    with pytest.raises(LapwingError, match=words) as refusal:
        hold_race(entrants, RacePlan(CUP))
    assert "--against-clock" in str(refusal.value)


def test_impossible_races_are_refused() -> None:
    racers = Racers(slow=SLOW)
    with pytest.raises(LapwingError, match=r"two models or more\. With one, race each against the clock"):
        hold_race(racers.entrants, RacePlan(CUP))
    for values, words in (
        ({"track": load_track("straight")}, "two ends"),
        ({"heat_size": 1}, "allowed is 2 to 8"),
        ({"laps": 0}, "allowed is 1"),
    ):
        with pytest.raises(LapwingError, match=words):
            RacePlan(**{"track": CUP, **values})  # type: ignore[arg-type]
    with pytest.raises(LapwingError, match="brings its own"):
        race_world(["simulator.camera.height_m=0.2"])
