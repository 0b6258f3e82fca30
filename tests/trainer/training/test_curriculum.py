"""The level grows with success, means what the settings say, and goes on where it was."""

from __future__ import annotations

from typing import Any

import pytest

from trainer.race_types import CurriculumSettings
from trainer.simulator.race import BotSettings, BoxSettings, RaceSettings
from trainer.training.curriculum import WIDTHS, Curriculum, Difficulty

RACE = RaceSettings(boxes=BoxSettings(count=6), bots=BotSettings(count=4))
WHOLE = Difficulty(boxes=6, bots=4, bot_speed_scale=1.0, width=0)


def curriculum(**settings: Any) -> Curriculum:
    return Curriculum(CurriculumSettings.model_validate({"enabled": True, "episodes": 4, **settings}), RACE)


def test_without_a_curriculum_the_race_is_whole_from_the_start() -> None:
    off = curriculum(enabled=False, start_width_factor=2.0)
    off.episodes_ended([0.0] * 100)
    assert off.difficulty() == WHOLE
    assert off.width_factors() == (1.0,)


def test_it_begins_as_easy_as_it_is_told() -> None:
    easy = curriculum(start_boxes=1, start_bots=2, start_bot_speed_scale=0.4, start_width_factor=1.6)
    assert easy.difficulty() == Difficulty(boxes=1, bots=2, bot_speed_scale=0.4, width=WIDTHS - 1)
    assert easy.width_factors() == pytest.approx((1.0, 1.2, 1.4, 1.6))


def test_the_level_grows_when_enough_recent_episodes_got_far_enough() -> None:
    growing = curriculum(grow_at_success=0.6, step=0.25)
    growing.episodes_ended([60.0, 60.0, 60.0])
    assert growing.level == 0.0  # three of four
    growing.episodes_ended([60.0])
    assert growing.level == 0.25


def test_failures_leave_the_window_after_so_many_episodes() -> None:
    growing = curriculum(grow_at_success=0.9, step=0.5)
    growing.episodes_ended([0.0, 0.0, 100.0, 100.0, 100.0])
    assert growing.level == 0.0
    growing.episodes_ended([100.0])
    assert growing.level == 0.5


def test_every_level_has_to_be_earned_anew() -> None:
    growing = curriculum(grow_at_success=0.5, step=0.4)
    growing.episodes_ended([100.0] * 7)
    assert growing.level == 0.4
    growing.episodes_ended([100.0])
    assert growing.level == 0.8
    growing.episodes_ended([100.0] * 4)
    assert growing.level == 1.0
    assert growing.difficulty() == WHOLE


def test_on_the_way_there_are_more_boxes_faster_bots_and_narrower_roads() -> None:
    growing = curriculum(grow_at_success=0.1, step=0.1, start_bots=0, start_width_factor=2.0)
    seen = [growing.difficulty()]
    for _ in range(10):
        growing.episodes_ended([100.0] * 4)
        seen.append(growing.difficulty())
    for name, sign in (("boxes", 1), ("bots", 1), ("bot_speed_scale", 1), ("width", -1)):
        values = [sign * getattr(difficulty, name) for difficulty in seen]
        assert values == sorted(values)
    assert [difficulty.width for difficulty in seen[:4]] == [3, 3, 3, 3]
    assert seen[-2].width == 1
    assert seen[-1] == WHOLE


def test_it_goes_on_where_it_was() -> None:
    one, other = curriculum(grow_at_success=0.5), curriculum(grow_at_success=0.5)
    one.episodes_ended([100.0] * 6)
    other.restore(one.state())
    for each in (one, other):
        each.episodes_ended([100.0, 100.0])
    assert one.level == other.level == 0.2
    assert one.state()["recent"].tolist() == other.state()["recent"].tolist()
