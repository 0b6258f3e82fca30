"""Every key of params against the meaning DeepRacer documents for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from trainer.rewards.batch import COLUMNS, roads_of
from trainer.rewards.params import ADDED_KEYS, PARAMETERS, ParamsBuilder
from trainer.simulator.things import Kind
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
    ("contacts", {}, 0, 0),
    ("overtakes", {}, 0, 0),
    ("overtaken", {}, 0, 0),
]

# On the square of 16 m the car is 1 m behind the first corner, on its first side. Objects 1 and 3 are boxes in front
# and behind, 0 and 2 cars that drive.
OBJECTS: list[dict[str, float]] = [
    {"KIND": Kind.BOT_CAR, "X_M": 4.2, "Y_M": 2.0, "HEADING_RAD": math.pi / 2, "SPEED_MPS": 0.5,
     "ARC_M": 6.0, "LATERAL_M": -0.2, "GAP_M": 5.0},
    {"KIND": Kind.BOX, "X_M": 2.0, "Y_M": 0.25, "HEADING_RAD": -3.0, "ARC_M": 2.0, "LATERAL_M": 0.25, "GAP_M": 1.0,
     "IN_CAMERA": 1},
    {"KIND": Kind.LEARNED_CAR, "X_M": 0.0, "Y_M": 2.0, "HEADING_RAD": 1.5 * math.pi, "SPEED_MPS": 1.5,
     "ARC_M": 14.0, "LATERAL_M": 0.0, "GAP_M": -3.0},
    {"KIND": Kind.BOX, "X_M": 0.5, "Y_M": -0.1, "ARC_M": 0.5, "LATERAL_M": -0.1, "GAP_M": -0.5},
]  # fmt: skip
OBJECTS_TABLE: list[tuple[str, Any]] = [
    ("closest_objects", [3, 1]),
    ("objects_location", [(4.2, 2.0), (2.0, 0.25), (0.0, 2.0), (0.5, -0.1)]),
    ("objects_left_of_center", [False, True, False, False]),
    ("objects_distance", [6.0, 2.0, 14.0, 0.5]),
    ("objects_distance_from_center", [0.2, 0.25, 0.0, 0.1]),
    ("objects_heading", [90.0, math.degrees(-3.0), -90.0, 0.0]),
    ("objects_speed", [0.5, 0.0, 1.5, 0.0]),
    ("object_in_camera", True),
]

Row = Callable[..., list[float]]
Thing = Callable[..., list[float]]


@pytest.fixture(scope="module")
def builder(track: Track) -> ParamsBuilder:
    return ParamsBuilder(COLUMNS, roads_of([track]))


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
    builder = ParamsBuilder(COLUMNS, roads_of([track, finer]))
    assert len(builder.build(row(TRACK_INDEX=0), 0.0)["waypoints"]) == 6
    assert len(builder.build(row(TRACK_INDEX=1), 0.0)["waypoints"]) == 33


def among(builder: ParamsBuilder, row: Row, thing: Thing, *objects: dict[str, float], **car: float) -> dict[str, Any]:
    """What a reward function is given with these objects on the road."""
    return builder.build(row(**car) + [number for one in objects for number in thing(**one)], 0.0)


@pytest.mark.parametrize(("key", "expected"), OBJECTS_TABLE)
def test_a_key_about_objects_means_what_is_documented(
    builder: ParamsBuilder, row: Row, thing: Thing, key: str, expected: Any
) -> None:
    value = among(builder, row, thing, *OBJECTS)[key]
    assert value == (pytest.approx(expected) if key == "objects_heading" else expected)
    kinds = {type(number) for number in value} if isinstance(value, list) else {type(value)}
    assert kinds <= {bool, int, float, tuple}


def test_every_key_about_objects_is_in_the_table_and_has_a_value_for_each_of_them(
    builder: ParamsBuilder, row: Row, thing: Thing
) -> None:
    about_objects = {key for key in PARAMETERS if "object" in key}
    assert about_objects == {key for key, _ in OBJECTS_TABLE}
    params = among(builder, row, thing, *OBJECTS)
    assert {len(params[key]) for key in about_objects if key.startswith("objects_")} == {len(OBJECTS)}


# gaps along the centre line of 16 m, the indices of the objects behind and ahead
CLOSEST: list[tuple[list[float], list[int]]] = [
    ([2.0], [0, 0]),
    ([-2.0], [0, 0]),
    ([2.0, 5.0], [1, 0]),  # both ahead: the farther one is also the nearer one behind, once round
    ([-2.0, -5.0], [0, 1]),
    ([-1.0, 3.0, 1.0, -3.0], [0, 2]),
    ([7.9, -7.9], [1, 0]),
    ([0.0, -1.0], [1, 0]),  # level with the front counts as ahead
    ([2.0, 2.0], [1, 0]),  # side by side
    ([2.0, 2.0, -1.0, -1.0], [2, 0]),
]


@pytest.mark.parametrize(("gaps_m", "expected"), CLOSEST)
def test_the_closest_objects_are_found_along_the_road_and_across_the_start_line(
    builder: ParamsBuilder, row: Row, thing: Thing, gaps_m: list[float], expected: list[int]
) -> None:
    params = among(builder, row, thing, *({"GAP_M": gap, "ARC_M": (15.0 + gap) % 16} for gap in gaps_m), ARC_M=15.0)
    assert params["closest_objects"] == expected


def test_objects_that_do_not_take_part_are_not_there(builder: ParamsBuilder, row: Row, thing: Thing) -> None:
    nothing = {"KIND": Kind.NOTHING, "GAP_M": 0.1, "IN_CAMERA": 1}
    params = among(builder, row, thing, nothing, OBJECTS[2], nothing, OBJECTS[1])
    assert params["objects_distance"] == [14.0, 2.0]
    assert params["closest_objects"] == [0, 1]
    assert params["object_in_camera"] is True
    empty = among(builder, row, thing, nothing, nothing)
    assert empty == builder.build(row(), 0.0)


def test_the_object_in_the_camera_is_the_next_one_ahead_and_no_other(
    builder: ParamsBuilder, row: Row, thing: Thing
) -> None:
    near, far, behind = {"GAP_M": 1.0}, {"GAP_M": 2.0, "IN_CAMERA": 1}, {"GAP_M": -1.0, "IN_CAMERA": 1}
    assert among(builder, row, thing, behind, far, near)["object_in_camera"] is False
    assert among(builder, row, thing, behind, far, {**near, "IN_CAMERA": 1})["object_in_camera"] is True


def test_a_car_that_drives_the_other_way_round_has_its_own_left_and_its_own_first_waypoint(
    builder: ParamsBuilder, row: Row, thing: Thing
) -> None:
    # A box 0.3 m inside the first side is left of those who drive the square its own way, and right of the others.
    box = {"X_M": 2.0, "Y_M": 0.3}
    with_it = among(builder, row, thing, {**box, "ARC_M": 2.0, "LATERAL_M": 0.3})
    against = among(builder, row, thing, {**box, "ARC_M": 14.0, "LATERAL_M": -0.3}, IS_REVERSED=1, ARC_M=13.0)
    assert with_it["objects_location"] == against["objects_location"]
    assert (with_it["objects_left_of_center"], against["objects_left_of_center"]) == ([True], [False])
    assert (with_it["objects_distance"], against["objects_distance"]) == ([2.0], [14.0])


def test_what_happened_between_cars_is_counted(builder: ParamsBuilder, row: Row, thing: Thing) -> None:
    params = among(builder, row, thing, {}, CONTACTS=3, OVERTAKES=2, OVERTAKEN=1, IS_CRASHED=1)
    assert (params["contacts"], params["overtakes"], params["overtaken"]) == (3, 2, 1)
    assert params["is_crashed"] is True


def test_the_lists_of_objects_are_fresh_in_every_call(builder: ParamsBuilder, row: Row, thing: Thing) -> None:
    untouched = among(builder, row, thing, *OBJECTS)
    spoilt = among(builder, row, thing, *OBJECTS)
    for value in spoilt.values():
        if isinstance(value, list):
            value.clear()
    assert among(builder, row, thing, *OBJECTS) == untouched
