"""What a policy is evaluated in: the race of its training, or another one."""

from __future__ import annotations

import pytest

from shared.errors import LapwingError, SettingsError
from tests.trainer.autopilot import Autopilot
from trainer.evaluation.conditions import own_conditions, race_settings
from trainer.evaluation.plan import EvaluationPlan
from trainer.simulator import SimulatorSettings
from trainer.simulator.race import BarrierSettings, BotSettings, BoxSettings, RaceSettings
from trainer.tracks import load_track

TRAINED = RaceSettings(
    boxes=BoxSettings(count=3, min_distance_m=2.5),
    bots=BotSettings(count=2, speed_mps=(0.3, 0.5)),
    barriers=BarrierSettings(count=4),
    cars_per_world=2,
)


def race(trained: RaceSettings = TRAINED, **wanted: object) -> RaceSettings:
    return race_settings(trained, top_speed_mps=2.0, **wanted)  # type: ignore[arg-type]


def test_without_another_word_it_is_the_race_of_the_training_but_alone() -> None:
    assert race() == TRAINED.changed(cars_per_world=1)


def test_each_race_keeps_what_the_training_had_of_it_and_leaves_the_rest_out() -> None:
    assert (race(race="time_trial").boxes.count, race(race="time_trial").bots.count) == (0, 0)
    avoidance, overtaking = race(race="object_avoidance"), race(race="head_to_bot")
    assert (avoidance.boxes, avoidance.bots.count) == (TRAINED.boxes, 0)
    assert (overtaking.bots, overtaking.boxes.count) == (TRAINED.bots, 0)
    mixed = race(race="mixed")
    assert (mixed.boxes, mixed.bots) == (TRAINED.boxes, TRAINED.bots)
    assert {one.barriers for one in (avoidance, overtaking)} == {TRAINED.barriers}


def test_what_was_never_trained_gets_defaults_that_suit_the_model() -> None:
    empty = RaceSettings()
    assert race(empty, race="object_avoidance").boxes == BoxSettings(count=6)
    bots = race(empty, race="head_to_bot").bots
    assert (bots.count, bots.lane_change, bots.speed_mps) == (4, True, (0.8, 1.2))
    slow = race_settings(empty, top_speed_mps=0.4, race="head_to_bot").bots
    assert slow.speed_mps == pytest.approx((0.2, 0.24)), "no bot is slower than a bot can be"


def test_counts_and_speeds_go_over_everything() -> None:
    wanted = race(race="head_to_bot", boxes=1, bots=3, bot_speed_mps=(0.5, 0.9))
    assert (wanted.boxes.count, wanted.bots.count, wanted.bots.speed_mps) == (1, 3, (0.5, 0.9))
    fixed = RaceSettings(boxes=BoxSettings(count=2, positions=("0.2,1", "0.6,-1")))
    assert race(fixed, boxes=2).boxes.positions == ("0.2,1", "0.6,-1")
    assert race(fixed, boxes=3).boxes.positions == (), "three boxes cannot stand in two places"


def test_impossible_races_are_refused_in_a_sentence() -> None:
    for wanted, words in (
        ({"bot_speed_mps": (0.3, 0.6)}, "there are no bots"),
        ({"bots": 2, "bot_speed_mps": (3.0, 2.0)}, r"bots.speed_mps.* within 0.2 to 4 m/s"),
        ({"boxes": 21}, r"boxes.count"),
    ):
        with pytest.raises(LapwingError, match=words):
            race(RaceSettings(), **wanted)


def test_settings_of_the_simulator_can_be_overridden_but_not_what_an_option_decides() -> None:
    policy = Autopilot().policy
    _, simulator, _, _ = own_conditions(policy, ["simulator.race.boxes.count=2", "simulator.camera.height_m=0.3"])
    assert (simulator.race.boxes.count, simulator.camera.height_m) == (2, 0.3)
    for override, words in (
        ("seed=3", "the settings of the simulator"),
        ("simulator.randomisation.preset=strong", "--world decides"),
        ("simulator.rules.laps=2", "--laps"),
        ("simulator.race.cars_per_world=2", "lapwing race"),
        ("simulator.race.boxes.cuont=2", "count"),
    ):
        with pytest.raises(LapwingError, match=words):
            own_conditions(policy, [override])


def test_the_same_trials_alone_differ_in_nothing_but_the_objects() -> None:
    plan = EvaluationPlan((load_track("cup"),), seed=3, simulator=SimulatorSettings(race=TRAINED))
    assert plan.has_objects
    solo = plan.solo()
    assert not solo.has_objects
    assert solo.settings() == plan.settings().changed(race=RaceSettings(barriers=TRAINED.barriers))
    assert (solo.seed, solo.trials, solo.tracks) == (plan.seed, plan.trials, plan.tracks)


@pytest.mark.parametrize("track", ["straight", "lapwing_loop"])
def test_boxes_that_do_not_fit_on_a_track_are_refused(track: str) -> None:
    crowded = SimulatorSettings.model_validate({"race": {"boxes": {"count": 9}}})
    with pytest.raises(SettingsError, match=f"9 boxes .* do not fit on track {track}"):
        EvaluationPlan((load_track("cup"), load_track(track)), simulator=crowded)
    EvaluationPlan((load_track("cup"),), simulator=crowded)
