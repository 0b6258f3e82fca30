"""A race that does not fit on its roads is refused with how much would."""

from __future__ import annotations

import pytest

from shared.errors import SettingsError
from shared.settings import load_settings
from trainer.config import TrainingSettings
from trainer.training.room import check_race_fits


def check(*overrides: str) -> None:
    check_race_fits(load_settings(TrainingSettings, None, overrides))


@pytest.mark.parametrize("race", ["time_trial", "object_avoidance", "head_to_bot", "head_to_head", "mixed"])
def test_every_race_fits_on_the_default_track_as_it_is(race: str) -> None:
    check(f"race={race}")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (("simulator.race.boxes.count=20",), "20 boxes at least 2 m apart do not fit on track lapwing_loop"),
        (("simulator.race.boxes.min_distance_m=10",), "room for 2"),
        (("race=head_to_bot", "simulator.race.bots.min_distance_m=6"), r"4 bots .* room for 3"),
        (('tracks=["cup", "straight"]',), "track straight, which is 5.7 m long"),
        (('tracks=["generated"]', "generated.length_m=[8, 30]"), "the shortest generated track"),
        (('simulator.race.boxes.positions=["0.5,1", "0.51,1"]',), "stand in each other"),
        (("race=head_to_head", "simulator.race.cars_per_world=4", "simulator.race.grid_gap_m=4"), "A start grid of 4"),
    ],
)
def test_what_does_not_fit_is_a_sentence(overrides: tuple[str, ...], words: str) -> None:
    race = () if any(override.startswith("race=") for override in overrides) else ("race=object_avoidance",)
    with pytest.raises(SettingsError, match=words):
        check(*race, *overrides)


def test_boxes_in_one_place_of_different_lanes_are_two_boxes() -> None:
    check("race=object_avoidance", 'simulator.race.boxes.positions=["0.5,1", "0.51,-1"]')
