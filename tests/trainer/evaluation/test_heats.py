"""Heats and elimination: who meets whom, and who goes on."""

from __future__ import annotations

import pytest

from trainer.evaluation.heats import draw_heats, places_that_advance, start_order


@pytest.mark.parametrize("entrants", [2, 3, 4, 5, 7, 9, 16, 33])
@pytest.mark.parametrize("heat_size", [2, 3, 4, 8])
def test_everybody_is_dealt_once_into_heats_of_even_size(entrants: int, heat_size: int) -> None:
    heats = draw_heats(range(entrants), heat_size, seed=5, stage=0)
    assert sorted(place for heat in heats for place in heat) == list(range(entrants))
    sizes = [len(heat) for heat in heats]
    assert max(sizes) <= heat_size
    assert max(sizes) - min(sizes) <= 1


def test_the_draw_follows_the_seed_and_the_stage() -> None:
    draws = {draw_heats(range(9), 4, seed=seed, stage=stage) for seed in (0, 1) for stage in (0, 1)}
    assert len(draws) == 4
    assert draw_heats(range(9), 4, seed=1, stage=1) in draws


@pytest.mark.parametrize(("size", "through"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (8, 4)])
def test_the_better_half_goes_on(size: int, through: int) -> None:
    assert places_that_advance(size) == through


def test_the_grid_turns_from_round_to_round() -> None:
    assert [start_order((7, 3), index) for index in range(3)] == [(7, 3), (3, 7), (7, 3)]
    fronts = [start_order((4, 1, 2), index)[0] for index in range(3)]
    assert sorted(fronts) == [1, 2, 4], "in as many rounds as there are cars everybody starts in front once"


@pytest.mark.parametrize(
    ("entrants", "heat_size", "stages"), [(2, 2, 1), (4, 4, 1), (3, 2, 2), (8, 2, 3), (5, 4, 2), (64, 2, 6), (64, 8, 4)]
)
def test_stages_until_the_final(entrants: int, heat_size: int, stages: int) -> None:
    remaining, driven = entrants, 0
    while True:
        heats = draw_heats(range(remaining), heat_size, seed=0, stage=driven)
        driven += 1
        if len(heats) == 1:
            break
        remaining = sum(places_that_advance(len(heat)) for heat in heats)
    assert driven == stages
