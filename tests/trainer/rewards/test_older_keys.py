"""Keys of DeepRacer's head-to-bot prototype: there in files that name them, and only there."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from trainer.rewards.batch import COLUMNS, Rewards, roads_of
from trainer.rewards.older_keys import NO_OBJECT_M, OLDER_KEYS, add_older_keys, older_keys_in
from trainer.rewards.params import PARAMETERS, ParamsBuilder
from trainer.simulator.things import Kind
from trainer.tracks import Track

# The car stands at (1, 0) and faces along x. One bot is 0.3 m to the left 1 m ahead of it, one right behind it.
AHEAD = {"KIND": Kind.BOT_CAR, "X_M": 2.0, "Y_M": 0.3, "ARC_M": 2.0, "LATERAL_M": 0.3, "GAP_M": 1.0, "IN_CAMERA": 1}
BEHIND = {"KIND": Kind.BOT_CAR, "X_M": 0.5, "Y_M": 0.0, "ARC_M": 0.5, "LATERAL_M": 0.0, "GAP_M": -0.5}
ROUND = {"KIND": Kind.BOT_CAR, "X_M": 0.0, "Y_M": 1.0, "ARC_M": 15.0, "LATERAL_M": 0.0, "GAP_M": -2.0}
TURNED = {**BEHIND, "HEADING_RAD": math.pi / 2}
TABLE: list[tuple[str, list[dict[str, float]], dict[str, float], Any]] = [
    ("bot_car_progress", [AHEAD, BEHIND, ROUND], {}, [1.0, -0.5, -2.0]),
    ("bot_car_progress", [], {}, []),
    ("bot_car_lane_match", [AHEAD], {"LATERAL_M": 0.1}, True),
    ("bot_car_lane_match", [AHEAD], {"LATERAL_M": -0.1}, False),
    ("bot_car_lane_match", [BEHIND, AHEAD], {"LATERAL_M": 0.1}, True),
    ("bot_car_lane_match", [], {}, False),
    ("flag_unsafe", [AHEAD], {}, True),
    ("flag_unsafe", [AHEAD], {"HEADING_RAD": -0.5}, False),
    ("flag_unsafe", [BEHIND, AHEAD], {"HEADING_RAD": 2.0}, True),
    ("flag_unsafe", [TURNED, AHEAD], {}, False),
    ("flag_unsafe", [], {}, False),
    ("dist_closest_bot", [AHEAD], {}, math.hypot(1.0, 0.3)),
    ("dist_closest_bot", [AHEAD, BEHIND], {}, 0.5),
    ("dist_closest_bot", [], {}, NO_OBJECT_M),
    ("is_bot_in_camera", [AHEAD], {}, True),
    ("is_bot_in_camera", [BEHIND], {}, False),
]


@pytest.mark.parametrize(("key", "objects", "car", "expected"), TABLE)
def test_an_older_key_means_what_it_did(
    track: Track,
    row: Callable[..., list[float]],
    thing: Callable[..., list[float]],
    key: str,
    objects: list[dict[str, float]],
    car: dict[str, float],
    expected: Any,
) -> None:
    numbers = row(**car) + [number for one in objects for number in thing(**one)]
    params = ParamsBuilder(COLUMNS, roads_of([track])).build(numbers, 0.0)
    add_older_keys(params, (key,))
    assert params[key] == (pytest.approx(expected) if isinstance(expected, (float, list)) else expected)
    assert type(params[key]) is type(expected)


def test_what_is_behind_stays_behind_on_a_road_with_two_ends() -> None:
    far_on = {"projection_distance": 5.0, "objects_distance": [0.5, 5.5], "track_length": 6.0}
    for waypoints, expected in (([(0.0, 0.0), (6.0, 0.0)], [-4.5, 0.5]), ([(0.0, 0.0), (0.0, 0.0)], [1.5, 0.5])):
        params: dict[str, Any] = {**far_on, "waypoints": waypoints}
        add_older_keys(params, ("bot_car_progress",))
        assert params["bot_car_progress"] == pytest.approx(expected)


def test_the_table_has_a_row_for_every_older_key_and_none_hides_a_newer_one() -> None:
    assert {key for key, *_ in TABLE} == set(OLDER_KEYS)
    assert not set(OLDER_KEYS) & set(PARAMETERS)


def test_a_file_gets_the_older_keys_it_names_and_no_others() -> None:
    text = "def reward_function(params):\n    '''As flag_unsafe did.'''\n    return params['dist_closest_bot']"
    assert older_keys_in(ast.parse(text)) == ("dist_closest_bot",)


@pytest.mark.parametrize("isolated", [True, False])
def test_a_file_of_the_prototype_runs_as_it_is(
    opened: Callable[..., Rewards],
    rows: Callable[..., np.ndarray],
    thing: Callable[..., list[float]],
    isolated: bool,
) -> None:
    rewards = opened(
        """
        def reward_function(params):
            near = params["dist_closest_bot"] < 0.8
            return params.get("bot_car_lane_match") + 10 * near + ("flag_unsafe_" in params)
        """,
        cars=1,
        isolated=isolated,
        objects=1,
    )
    beside = thing(KIND=Kind.BOT_CAR, X_M=0.5, LATERAL_M=0.1, GAP_M=0.5)
    assert rewards.compute(np.hstack((rows(1, LATERAL_M=0.2), [beside]))).tolist() == [11.0]
