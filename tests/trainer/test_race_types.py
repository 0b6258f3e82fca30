"""A race type brings settings along; what is written wins, and what cannot be is refused with a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from shared.errors import SettingsError
from shared.settings import dump_settings, load_settings
from trainer.config import TrainingSettings
from trainer.race_types import RACES, RaceType


def settings_of(*overrides: str) -> TrainingSettings:
    return load_settings(TrainingSettings, None, overrides)


def test_every_race_type_can_be_chosen_and_has_its_defaults() -> None:
    assert get_args(RaceType) == tuple(RACES)


def test_a_time_trial_is_as_if_nothing_was_written() -> None:
    assert settings_of("race=time_trial") == settings_of() == TrainingSettings()
    assert settings_of().simulator.race.object_count == 0


def test_object_avoidance_puts_six_boxes_on_the_road_and_takes_the_reward_for_it() -> None:
    settings = settings_of("race=object_avoidance")
    boxes = settings.simulator.race.boxes
    assert (boxes.count, boxes.placement, boxes.min_distance_m) == (6, "random", 2.0)
    assert settings.reward == "avoid_objects_smoothly"


def test_head_to_bot_has_four_bots_that_change_lanes() -> None:
    bots = settings_of("race=head_to_bot").simulator.race.bots
    assert (bots.count, bots.lane_change) == (4, True)


def test_head_to_head_drives_against_a_copy_of_itself_and_one_car_of_two_learns() -> None:
    settings = settings_of("race=head_to_head")
    assert settings.simulator.race.cars_per_world == 2
    assert settings.opponents.models == ("self",)
    assert (settings.worlds, settings.learners) == (32, 32)


def test_cars_that_learn_together_need_no_opponents() -> None:
    settings = settings_of("race=head_to_head", "opponents.learn_together=true")
    assert settings.opponents.models == ()
    assert (settings.worlds, settings.learners) == (32, 64)


@pytest.mark.parametrize(
    ("written", "boxes", "reward"),
    [
        (("simulator.race.boxes.count=3",), 3, "avoid_objects_smoothly"),
        (("reward=follow_center_line",), 6, "follow_center_line"),
        (('simulator.race.boxes.positions=["0.2,1", "0.6,-1"]',), 2, "avoid_objects_smoothly"),
    ],
)
def test_what_is_written_wins(written: tuple[str, ...], boxes: int, reward: str) -> None:
    settings = settings_of("race=object_avoidance", *written)
    assert settings.simulator.race.boxes.count == boxes
    assert settings.reward == reward
    assert settings.simulator.race.boxes.min_distance_m == 2.0


@pytest.mark.parametrize("race", RACES)
def test_what_a_run_keeps_is_read_back_as_it_was(race: str, tmp_path: Path) -> None:
    settings = settings_of(f"race={race}", "simulator.race.grid_gap_m=1")
    file = tmp_path / "settings.toml"
    file.write_text(dump_settings(settings))
    assert load_settings(TrainingSettings, file) == settings


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (("race=object_avoidence",), "Did you mean 'object_avoidance'"),
        (("race=head_to_head", "cars=63"), "make it 62"),
        (("simulator.race.cars_per_world=2",), "nobody drives the other cars"),
        (('opponents.models=["self"]',), "cars_per_world of 2 or more"),
        (('opponents.models=["self"]', "opponents.learn_together=true", "race=head_to_head"), "leave one out"),
        (("race=object_avoidance", "curriculum.enabled=true", "curriculum.start_boxes=7"), "start_boxes is 7"),
        (("race=head_to_head", "opponents.learn_together=true", "curriculum.enabled=true",
          "curriculum.start_width_factor=2"), "leave curriculum.start_width_factor at 1"),
        (("curriculum.enabled=true",), "has nothing to make easier"),
        (("generated.length_m=[5, 20]",), "within 8 to 200"),
        (("generated.width_m=[0.6, 4]",), "within 0.56 to 3"),
        (("generated.tightness=[0.5, 1.5]",), "within 0 to 1"),
        (("generated.width_m=[1.0, 0.6]",), r"wanted \[low, high\]"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_sentence(written: tuple[str, ...], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        settings_of(*written)


def test_among_things_on_the_road_a_policy_explores_for_longer() -> None:
    alone = settings_of().hyperparameters.beta_entropy
    races = [race for race in RACES if race != "time_trial"]
    assert all(settings_of(f"race={race}").hyperparameters.beta_entropy > 2 * alone for race in races)


def test_among_bots_a_policy_learns_in_smaller_steps_that_it_leads_itself() -> None:
    alone, among_bots = settings_of().hyperparameters, settings_of("race=head_to_bot").hyperparameters
    assert alone.target_kl == 0 < among_bots.target_kl
    assert among_bots.lr < alone.lr
    assert settings_of("race=head_to_bot", "hyperparameters.target_kl=0").hyperparameters.target_kl == 0


@pytest.mark.parametrize("race", RACES)
def test_continuous_actions_learn_in_smaller_steps_that_their_policy_leads(race: str) -> None:
    alone = settings_of().hyperparameters
    continuous = settings_of(f"race={race}", "car.actions.kind=continuous").hyperparameters
    assert continuous.lr <= alone.lr / 2
    assert continuous.target_kl > 0
    written = settings_of(f"race={race}", "car.actions.kind=continuous", "hyperparameters.lr=0.0007")
    assert written.hyperparameters.lr == 0.0007


def test_a_preset_is_whole_whatever_the_race() -> None:
    preset = settings_of("hyperparameters.preset=deepracer").hyperparameters
    raced = settings_of("race=mixed", "car.actions.kind=continuous", "hyperparameters.preset=deepracer")
    assert raced.hyperparameters == preset
