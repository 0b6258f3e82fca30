"""What the examples for races pay: more for clean driving than for every other habit, and no habit to farm."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.rewards.scripted import IN_PROCESS, Drive, Other, rewards_of, worth
from trainer.rewards.batch import Rewards
from trainer.rewards.catalogue import open_rewards
from trainer.rewards.situations import STEP_S
from trainer.simulator.state import EpisodeStatus
from trainer.simulator.things import Kind
from trainer.tracks import Track, load_track

STEPS = 91  # six seconds
START_M, BOX_M, LANE_M = 2.0, 5.0, 0.27  # along the centre line; the box stands in the right lane
SPEED_MPS, BOT_MPS = 1.0, 0.5
TIMES = np.arange(STEPS) * STEP_S

Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def cup() -> Track:
    return load_track("cup")


def ahead(speed_mps: float = SPEED_MPS) -> Floats:
    """Places along the centre line at a steady speed."""
    return START_M + speed_mps * TIMES


def over_to_the_left(arc_m: Floats, from_m: float, to_m: float, aside_m: float = LANE_M) -> Floats:
    """From the right lane to the left one between two places, and back behind them, in half a metre each."""
    out = np.clip((arc_m - from_m) / 0.8 + 0.5, 0, 1)
    back = np.clip((arc_m - to_m) / 0.8 + 0.5, 0, 1)
    smooth = lambda x: x * x * (3 - 2 * x)  # noqa: E731
    return -LANE_M + (LANE_M + aside_m) * (smooth(out) - smooth(back))


def in_right_lane() -> Floats:
    return np.full(STEPS, -LANE_M)


def to_and_fro(around_m: float, reach_m: float) -> Floats:
    """Up to a place, and then forwards and backwards around it for ever."""
    arc_m = ahead()
    late = arc_m > around_m
    arc_m[late] = around_m + reach_m * np.sin(SPEED_MPS / reach_m * (TIMES[late] - TIMES[late][0]))
    return arc_m


def among_boxes(track: Track) -> dict[str, Drive]:
    """Habits with a box in the way; "clean" is the one that is wanted."""
    box = (Other(Kind.BOX, BOX_M, -LANE_M),)
    arc_m, right = ahead(), in_right_lane()
    clean = over_to_the_left(arc_m, BOX_M - 1.0, BOX_M + 1.0)
    crashed, off, still = EpisodeStatus.CRASHED, EpisodeStatus.OFF_TRACK, EpisodeStatus.IMMOBILIZED
    stop_m = np.minimum(arc_m, BOX_M - 0.4)
    fro_m = to_and_fro(BOX_M - 0.8, 0.3)
    passing_m = to_and_fro(BOX_M + 0.3, 0.7)
    turned_rad = np.cumsum(np.full(STEPS, 0.5))
    off_m = np.where(arc_m < BOX_M - 1.5, -LANE_M, -LANE_M - 0.6 * (arc_m - (BOX_M - 1.5)))
    narrow = over_to_the_left(arc_m, BOX_M - 0.55, BOX_M + 0.55, aside_m=LANE_M - 0.22)
    return {
        "clean": Drive(track, arc_m, clean, box),
        "with little room": Drive(track, arc_m, narrow, box),
        "crash": Drive(track, arc_m, right, box, crashed, BOX_M - 0.2),
        "crash, slowly": Drive(track, ahead(0.6), right, box, crashed, BOX_M - 0.2),
        "off the track": Drive(track, arc_m, off_m, box, off, BOX_M - 0.4),
        "stop before it": Drive(track, stop_m, right, box, still),
        "stand from the start": Drive(track, np.full(STEPS, START_M), right, box, still),
        "to and fro before it": Drive(track, fro_m, right, box),
        "to and fro past it": Drive(track, passing_m, over_to_the_left(passing_m, BOX_M - 1.0, 99.0), box),
        "spin": Drive(track, np.full(STEPS, START_M), right, box, heading_rad=turned_rad),
        "slowly past it": Drive(track, ahead(0.5), over_to_the_left(ahead(0.5), BOX_M - 1.0, BOX_M + 1.0), box),
        "in curves past it": Drive(track, arc_m, clean + 0.1 * np.sin(TIMES * 8), box),
    }


def among_bots(track: Track) -> dict[str, Drive]:
    """Habits behind a slower bot; "clean" is the one that is wanted."""
    bot_m = START_M + 1.2 + BOT_MPS * TIMES
    bot = (Other(Kind.BOT_CAR, bot_m, -LANE_M),)
    arc_m, right = ahead(), in_right_lane()
    met_m = START_M + 1.2 * SPEED_MPS / (SPEED_MPS - BOT_MPS)  # where the two would be level
    clean = over_to_the_left(arc_m, met_m - 1.4, met_m + 1.4)
    level = arc_m > bot_m
    around_m = np.where(level, bot_m + 0.25 * np.sin(2 * (TIMES - TIMES[level][0])), arc_m)
    still, off = EpisodeStatus.IMMOBILIZED, EpisodeStatus.OFF_TRACK
    stand_m, turned_rad = np.full(STEPS, START_M), np.cumsum(np.full(STEPS, 0.5))
    return {
        "clean": Drive(track, arc_m, clean, bot),
        "crash": Drive(track, arc_m, right, bot, EpisodeStatus.CRASHED, met_m - 0.3),
        "follow": Drive(track, np.minimum(arc_m, bot_m - 0.3), right, bot),
        "overtake again and again": Drive(track, around_m, over_to_the_left(arc_m, met_m - 1.4, 99.0), bot),
        "stand": Drive(track, stand_m, right, bot, still),
        "spin": Drive(track, stand_m, right, bot, heading_rad=turned_rad),
        "off the track": Drive(track, arc_m, right - 0.6 * (arc_m - START_M), bot, off, START_M + 1.0),
    }


HABITS = {"avoid_objects_smoothly": among_boxes, "race_bots": among_bots}
CONSOLE = {
    "avoid_objects": (among_boxes, ("crash", "off the track", "stop before it", "slowly past it")),
    "overtake_bots": (among_bots, ("crash", "follow", "stand", "spin", "off the track")),
}


@pytest.mark.parametrize("discount", [0.95, 0.99, 1.0])
@pytest.mark.parametrize("example", HABITS)
def test_clean_driving_is_worth_more_than_any_other_habit(cup: Track, example: str, discount: float) -> None:
    worths = {habit: worth(example, drive, discount) for habit, drive in HABITS[example](cup).items()}
    clean = worths.pop("clean")
    assert {habit: value for habit, value in worths.items() if value > clean - 0.5} == {}


@pytest.mark.parametrize("example", CONSOLE)
def test_the_rewards_in_the_manner_of_deepracer_prefer_it_too(cup: Track, example: str) -> None:
    habits, worse = CONSOLE[example]
    drives = habits(cup)
    clean = worth(example, drives["clean"])
    assert {habit: value for habit in worse if (value := worth(example, drives[habit])) > 0.9 * clean} == {}


@pytest.mark.parametrize("example", HABITS)
def test_rewards_are_of_a_size_that_learns_well(cup: Track, example: str) -> None:
    rewards = {habit: rewards_of(example, drive) for habit, drive in HABITS[example](cup).items()}
    assert 0.5 < rewards["clean"].mean() < 1.2
    assert all(-60.0 <= values.min() <= values.max() <= 10.0 for values in rewards.values())
    assert 0 > rewards["crash"][-1] > rewards["off the track"][-1]


def test_danger_is_felt_a_second_before_a_crash_and_grows(cup: Track) -> None:
    rewards = rewards_of("avoid_objects_smoothly", among_boxes(cup)["crash"])
    assert rewards[:-25] == pytest.approx(0.85, abs=0.1)
    assert (np.diff(rewards[-17:]) < 0.02).all()
    assert rewards[-17] - rewards[-2] > 1.5


@pytest.mark.parametrize("example", HABITS)
def test_what_stands_at_the_beginning_of_an_open_road_is_not_ahead_at_its_end(example: str) -> None:
    road = load_track("straight")
    arc_m = road.length_m - 0.1 - 0.8 * (TIMES[-1] - TIMES)
    behind = (Other(Kind.BOX, 0.2, -LANE_M),)
    alone, past_it = (rewards_of(example, Drive(road, arc_m, in_right_lane(), others)) for others in ((), behind))
    np.testing.assert_array_equal(past_it, alone)


def test_following_at_the_same_speed_costs_nothing_however_close(cup: Track) -> None:
    rewards = rewards_of("race_bots", among_bots(cup)["follow"])
    assert rewards[-20:] == pytest.approx(BOT_MPS / SPEED_MPS - 0.15, abs=0.1)


def test_waiting_behind_two_bots_that_block_the_road_beats_running_into_them(cup: Track) -> None:
    bot_m = START_M + 1.2 + BOT_MPS * TIMES
    wall = tuple(Other(Kind.BOT_CAR, bot_m, side * LANE_M) for side in (-1, 1))
    met_m = START_M + 1.2 * SPEED_MPS / (SPEED_MPS - BOT_MPS)
    waits = Drive(cup, np.minimum(ahead(), bot_m - 0.3), in_right_lane(), wall)
    between = Drive(cup, ahead(), 0 * TIMES, wall, EpisodeStatus.CRASHED, met_m - 0.2)
    assert worth("race_bots", waits) > worth("race_bots", between) + 5


def test_being_passed_takes_back_what_passing_paid_and_the_line_pays_nothing(cup: Track) -> None:
    over_the_line_m = cup.length_m - 1.0 + SPEED_MPS * TIMES
    rewards = rewards_of("race_bots", Drive(cup, over_the_line_m, in_right_lane()))
    assert rewards == pytest.approx(0.85, abs=0.1)
    around = rewards_of("race_bots", among_bots(cup)["overtake again and again"])
    assert (around > 3).sum() == (around < -2).sum() + 1 >= 2


@pytest.mark.parametrize("example", HABITS)
def test_a_complete_lap_is_rewarded_once(cup: Track, example: str) -> None:
    steps = int(cup.length_m / SPEED_MPS / STEP_S) + 3
    arc_m = START_M + SPEED_MPS * STEP_S * np.arange(steps)
    lap = Drive(cup, arc_m, 0 * arc_m, (), EpisodeStatus.LAP_COMPLETE, START_M + cup.length_m)
    rewards = rewards_of(example, lap)
    assert rewards[-1] == 10.0
    assert rewards[:-1].max() < 1.2
    assert rewards[:-1].sum() == pytest.approx(15 * cup.length_m, rel=0.02)


@pytest.mark.parametrize("example", HABITS)
def test_a_new_episode_and_a_missed_step_pay_for_nothing_that_was_not_driven(cup: Track, example: str) -> None:
    rows = among_boxes(cup)["clean"].rows()
    with open_rewards(example, [cup], cars=1, seed=0, settings=IN_PROCESS, objects=1) as rewards:
        first = [rewards.compute(row[None])[0] for row in rows[1:30]]
        again = [rewards.compute(row[None])[0] for row in rows[1:30]]
        after_a_gap = rewards.compute(rows[60][None])[0]
    assert first == again
    assert after_a_gap < 0.1


@pytest.mark.parametrize("example", HABITS)
def test_what_an_example_remembers_is_saved_with_the_run(cup: Track, example: str) -> None:
    rows = HABITS[example](cup)["clean"].rows()[1:]

    def opened() -> Rewards:
        return open_rewards(example, [cup], cars=1, seed=0, settings=IN_PROCESS, objects=1)

    with opened() as whole, opened() as continued:
        rewards = [whole.compute(row[None])[0] for row in rows]
        half = len(rows) // 2
        with opened() as first:
            for row in rows[:half]:
                first.compute(row[None])
            continued.restore(first.snapshot())
            assert first.bit_exact == (True, "")
        assert [continued.compute(row[None])[0] for row in rows[half:]] == rewards[half:]
