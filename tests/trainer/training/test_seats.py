"""Who learns in which world, and which cars begin anew together."""

from __future__ import annotations

import numpy as np
import pytest

from shared.settings import load_settings
from trainer.config import TrainingSettings
from trainer.training.seats import Seats, training_seats, trial_seats


def settings_of(*overrides: str) -> TrainingSettings:
    return load_settings(TrainingSettings, None, ["race=head_to_head", "cars=8", *overrides])


def mask(count: int, *rows: int) -> np.ndarray:
    return np.isin(np.arange(count), rows)


def test_alone_every_car_is_a_world_and_learns() -> None:
    seats = training_seats(TrainingSettings(cars=3))
    assert seats.world_index.tolist() == [0, 1, 2]
    assert seats.ours.tolist() == [0, 1, 2]
    assert len(seats.others) == 0


def test_against_opponents_one_car_a_world_learns_on_every_place_of_the_grid_in_turn() -> None:
    seats = training_seats(settings_of())
    assert seats.world_index.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert seats.ours.tolist() == [0, 3, 4, 7]
    assert seats.others.tolist() == [1, 2, 5, 6]


def test_together_all_cars_learn_and_in_trials_one_of_them_is_judged() -> None:
    settings = settings_of("opponents.learn_together=true", "evaluation.trials=3")
    assert training_seats(settings).ours.tolist() == list(range(8))
    assert trial_seats(settings).ours.tolist() == [0, 3, 4]


def test_a_race_begins_anew_as_one_when_the_learning_car_is_done() -> None:
    seats = training_seats(settings_of())
    rows = seats.restarting(mask(4, 1), over=mask(8))
    assert np.flatnonzero(rows).tolist() == [2, 3]
    assert np.flatnonzero(seats.whole_worlds(rows)).tolist() == [1]


def test_an_opponent_that_is_out_of_it_begins_anew_alone() -> None:
    seats = training_seats(settings_of())
    rows = seats.restarting(mask(4), over=mask(8, 1, 6))
    assert np.flatnonzero(rows).tolist() == [1, 6]
    assert not seats.whole_worlds(rows).any()


def test_cars_that_learn_together_begin_anew_each_for_itself() -> None:
    seats = training_seats(settings_of("opponents.learn_together=true"))
    rows = seats.restarting(mask(8, 2, 4, 5), over=mask(8, 2, 4, 5))
    assert np.flatnonzero(rows).tolist() == [2, 4, 5]
    assert np.flatnonzero(seats.whole_worlds(rows)).tolist() == [2]


@pytest.mark.parametrize("race", ["time_trial", "head_to_head"])
def test_ours_are_taken_without_a_copy_where_all_are_ours(race: str) -> None:
    seats = training_seats(load_settings(TrainingSettings, None, [f"race={race}", "cars=4"]))
    values = np.arange(4.0)
    mine = seats.mine(values)
    assert (mine is values) == (race == "time_trial")
    assert mine.tolist() == seats.ours.tolist()


def test_a_seat_belongs_to_one_side() -> None:
    seats: Seats = training_seats(settings_of("simulator.race.cars_per_world=4", "cars=64"))
    assert sorted([*seats.ours, *seats.others]) == list(range(64))
    assert seats.worlds == 16
