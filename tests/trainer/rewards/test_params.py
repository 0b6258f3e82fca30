"""Every key of params against the meaning DeepRacer documents for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from trainer.rewards.batch import roads_of
from trainer.rewards.params import ADDED_KEYS, PARAMETERS, ParamsBuilder
from trainer.simulator.measurements import Column
from trainer.tracks import Track

DEEPRACER_KEYS = {
    "all_wheels_on_track", "x", "y", "heading", "distance_from_center", "projection_distance", "progress",
    "steps", "speed", "steering_angle", "track_width", "track_length", "waypoints", "closest_waypoints",
    "is_left_of_center", "is_reversed", "is_crashed", "is_offtrack", "sim_time", "closest_objects",
    "objects_location", "objects_left_of_center", "objects_distance", "objects_distance_from_center",
    "objects_heading", "objects_speed", "object_in_camera",
}  # fmt: skip

# key, what was measured, simulated seconds of the car before this episode, what the reward function must see
TABLE: list[tuple[str, dict[str, float], float, Any]] = [
    ("all_wheels_on_track", {"WHEELS_ON_TRACK": 4}, 0, True),
    ("all_wheels_on_track", {"WHEELS_ON_TRACK": 3}, 0, False),
    ("x", {"X_M": 3.25}, 0, 3.25),
    ("y", {"Y_M": -1.5}, 0, -1.5),
    ("heading", {"HEADING_RAD": math.pi / 2}, 0, 90.0),
    ("heading", {"HEADING_RAD": -math.pi / 2}, 0, -90.0),
    ("heading", {"HEADING_RAD": math.pi}, 0, 180.0),
    ("heading", {"HEADING_RAD": -math.pi}, 0, 180.0),
    ("heading", {"HEADING_RAD": 5 * math.pi / 2}, 0, 90.0),
    ("distance_from_center", {"LATERAL_M": 0.2}, 0, 0.2),
    ("distance_from_center", {"LATERAL_M": -0.2}, 0, 0.2),
    ("projection_distance", {"ARC_M": 7.5}, 0, 7.5),
    ("progress", {"PROGRESS_PERCENT": 42.5}, 0, 42.5),
    ("progress", {"PROGRESS_PERCENT": -3.0}, 0, -3.0),
    ("steps", {"STEPS": 2}, 0, 2),
    ("speed", {"COMMANDED_SPEED_MPS": 1.0, "MEASURED_SPEED_MPS": 0.4}, 0, 1.0),
    ("steering_angle", {"COMMANDED_STEERING_ANGLE_DEG": -30.0, "MEASURED_STEERING_ANGLE_DEG": 2.0}, 0, -30.0),
    ("track_width", {"TRACK_WIDTH_M": 0.76}, 0, 0.76),
    ("track_length", {}, 0, 16.0),
    ("waypoints", {}, 0, [(0.0, 0.0), (2.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0), (0.0, 0.0)]),
    (
        "waypoints",
        {"IS_REVERSED": 1},
        0,
        [(0.0, 0.0), (0.0, 4.0), (4.0, 4.0), (4.0, 0.0), (2.0, 0.0), (0.0, 0.0)],
    ),
    ("closest_waypoints", {"PREVIOUS_WAYPOINT": 3, "NEXT_WAYPOINT": 4}, 0, [3, 4]),
    ("is_left_of_center", {"LATERAL_M": 0.01}, 0, True),
    ("is_left_of_center", {"LATERAL_M": -0.01}, 0, False),
    ("is_reversed", {"IS_REVERSED": 0}, 0, False),
    ("is_reversed", {"IS_REVERSED": 1}, 0, True),
    ("is_crashed", {"IS_CRASHED": 0}, 0, False),
    ("is_crashed", {"IS_CRASHED": 1}, 0, True),
    ("is_offtrack", {"IS_OFF_TRACK": 0, "WHEELS_ON_TRACK": 1}, 0, False),
    ("is_offtrack", {"IS_OFF_TRACK": 1, "WHEELS_ON_TRACK": 0}, 0, True),
    ("sim_time", {"TIME_S": 2.0}, 10.0, 12.0),
    ("closest_objects", {}, 0, [0, 0]),
    ("objects_location", {}, 0, []),
    ("objects_left_of_center", {}, 0, []),
    ("objects_distance", {}, 0, []),
    ("objects_distance_from_center", {}, 0, []),
    ("objects_heading", {}, 0, []),
    ("objects_speed", {}, 0, []),
    ("object_in_camera", {}, 0, False),
    ("measured_speed", {"COMMANDED_SPEED_MPS": 1.0, "MEASURED_SPEED_MPS": 0.4}, 0, 0.4),
    ("measured_steering_angle", {"MEASURED_STEERING_ANGLE_DEG": 2.0}, 0, 2.0),
    ("time", {"TIME_S": 2.0}, 10.0, 2.0),
]

Row = Callable[..., list[float]]


@pytest.fixture(scope="module")
def builder(track: Track) -> ParamsBuilder:
    return ParamsBuilder({column.name: column.value for column in Column}, roads_of([track]))


@pytest.mark.parametrize(("key", "measured", "clock_s", "expected"), TABLE)
def test_a_key_means_what_is_documented(
    builder: ParamsBuilder, row: Row, key: str, measured: dict[str, float], clock_s: float, expected: Any
) -> None:
    value = builder.build(row(**measured), clock_s)[key]
    assert value == (pytest.approx(expected) if isinstance(expected, float) else expected)
    assert type(value) is type(expected)


def test_the_table_has_a_row_for_every_key() -> None:
    assert {key for key, *_ in TABLE} == set(PARAMETERS)


def test_all_27_keys_of_deepracer_are_there_and_what_is_added_is_new(builder: ParamsBuilder, row: Row) -> None:
    assert len(DEEPRACER_KEYS) == 27
    assert set(builder.build(row(), 0.0)) == DEEPRACER_KEYS | set(ADDED_KEYS) == set(PARAMETERS)
    assert not DEEPRACER_KEYS & set(ADDED_KEYS)


def test_nothing_in_params_is_a_numpy_type(builder: ParamsBuilder, row: Row) -> None:
    plain = (bool, int, float, list, tuple)
    params = builder.build(row(), 0.0)
    assert {type(value) for value in params.values()} <= set(plain)
    assert all(type(number) is float for point in params["waypoints"] for number in point)


def test_changing_params_leaves_the_next_ones_untouched(builder: ParamsBuilder, row: Row) -> None:
    untouched = builder.build(row(), 0.0)
    spoilt = builder.build(row(), 0.0)
    for value in spoilt.values():
        if isinstance(value, list):
            value.append("spoilt")
    spoilt.clear()
    assert builder.build(row(), 0.0) == untouched


def test_every_track_of_a_batch_has_its_own_waypoints(track: Track, row: Row) -> None:
    finer = track.resampled(0.5)
    builder = ParamsBuilder({column.name: column.value for column in Column}, roads_of([track, finer]))
    assert len(builder.build(row(TRACK_INDEX=0), 0.0)["waypoints"]) == 6
    assert len(builder.build(row(TRACK_INDEX=1), 0.0)["waypoints"]) == 33
