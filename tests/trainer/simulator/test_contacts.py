"""What touches what, who of two crashed, who is a ghost, and who has passed whom."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.trainer.simulator.made_up import KINEMATIC, NO_RULES, race_simulator, steer_along
from trainer.simulator import (
    BarrierSettings,
    BotSettings,
    BoxSettings,
    Column,
    EpisodeStatus,
    Kind,
    ObjectColumn,
    Simulator,
    StartSettings,
)
from trainer.simulator.contacts import rectangles_overlap
from trainer.tracks import Track

CAR_LENGTH_M = 0.28
IN_THE_LEFT_LANE = BoxSettings(count=1, kinds=("box",), positions=("0.1,1",))


def drive(simulator: Simulator, speed_mps: Any = 1.0, lateral_m: Any = 0.2) -> None:
    """One step beside the centre line, left positive."""
    simulator.step(steer_along(simulator, lateral_m=lateral_m), speed_mps)


@pytest.mark.parametrize(
    ("other", "overlaps"),
    [
        # 2 x 1 m around the origin against another one of 2 x 1 m, (x, y, heading in degrees).
        ((1.9, 0.0, 0), True),
        ((2.1, 0.0, 0), False),
        ((0.0, 0.9, 0), True),
        ((0.0, 1.1, 0), False),
        ((0.0, 1.4, 90), True),
        ((0.0, 1.6, 90), False),
        ((1.4, 0.0, 90), True),
        ((1.6, 0.0, 90), False),
        # Turned by 45 degrees it reaches 1.06 m along each axis: beside it, but not at the corner.
        ((1.9, 0.0, 45), True),
        ((2.1, 0.0, 45), False),
        ((1.5, 1.0, 45), True),
        ((1.5, -1.0, 45), False),
        ((1.5, -0.6, 45), True),
        ((1.9, 1.4, -45), False),
        ((1.6, 1.1, -45), False),
        ((0.0, 0.0, 30), True),
    ],
)
def test_rectangles_overlap_unless_an_axis_parts_them(other: tuple[float, float, float], overlaps: bool) -> None:
    x, y, heading_deg = other
    for turn in (0.0, 0.7):
        cos, sin = math.cos(turn), math.sin(turn)
        mine = (5.0, -3.0, turn, 1.0, 0.5)
        its = (5.0 + x * cos - y * sin, -3.0 + x * sin + y * cos, turn + math.radians(heading_deg), 1.0, 0.5)
        assert rectangles_overlap.py_func(*mine, *its) == overlaps
        assert rectangles_overlap.py_func(*its, *mine) == overlaps


def test_a_car_that_runs_into_a_box_has_crashed(oval: Track) -> None:
    simulator = race_simulator(oval, race={"boxes": IN_THE_LEFT_LANE}, dynamics=KINEMATIC)
    simulator.reset(start_lateral_m=0.2)
    while not simulator.terminated[0]:
        assert simulator.measurements[0, Column.CONTACTS] == 0
        drive(simulator)
    row, object_row = simulator.measurements[0], simulator.object_rows[0, 0]
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.CRASHED
    assert row[Column.IS_CRASHED] == 1.0
    assert row[Column.CONTACTS] == 1
    # The front has just reached the near side of the box, half its length before its middle.
    assert 0.2 - 1 / 15 - 0.03 < object_row[ObjectColumn.GAP_M] <= 0.2 + 0.01


def test_a_car_in_the_other_lane_passes_the_box(oval: Track) -> None:
    simulator = race_simulator(oval, race={"boxes": IN_THE_LEFT_LANE}, dynamics=KINEMATIC)
    simulator.reset(start_lateral_m=-0.2)
    for _ in range(60):
        drive(simulator, lateral_m=-0.2)
    assert not simulator.terminated[0]
    assert simulator.object_rows[0, 0, ObjectColumn.GAP_M] < -1.0
    row = simulator.measurements[0]
    assert [row[Column.CONTACTS], row[Column.OVERTAKES], row[Column.OVERTAKEN]] == [0, 0, 0]


def test_without_the_rule_a_contact_is_counted_once_and_the_car_drives_on(oval: Track) -> None:
    rules = NO_RULES.changed(crashed=False)
    simulator = race_simulator(oval, race={"boxes": IN_THE_LEFT_LANE}, dynamics=KINEMATIC, rules=rules)
    simulator.reset(start_lateral_m=0.2)
    crashed = []
    for _ in range(60):
        drive(simulator)
        crashed.append(simulator.measurements[0, Column.IS_CRASHED])
    assert not simulator.terminated[0]
    assert simulator.measurements[0, Column.CONTACTS] == 1
    assert sum(crashed) == pytest.approx((0.4 + CAR_LENGTH_M) * 15, abs=2)
    assert crashed[-1] == 0.0


def test_a_barrier_beside_the_road_ends_an_episode_that_goes_there(oval: Track) -> None:
    rules = NO_RULES.changed(crashed=True)
    simulator = race_simulator(oval, race={"barriers": BarrierSettings(count=12)}, dynamics=KINEMATIC, rules=rules)
    while not simulator.terminated[0]:
        simulator.step(0.0, 1.0)
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.CRASHED
    assert simulator.cars.lateral_m[0] < -0.4 - 0.2


def put(simulator: Simulator, bot: int, ahead_m: float, lateral_m: float, speed_mps: float) -> None:
    """Stand a bot of the first world at a way ahead of the first car, as if it had driven there."""
    track, item, car = simulator.tracks[0], simulator.objects[0], simulator.cars
    arc_m = (track.project(np.array([car.x_m[0], car.y_m[0]]))[0] + ahead_m) % track.length_m
    item["arc_m"][bot], item["lateral_m"][bot] = arc_m, lateral_m
    item["lane"][bot] = item["lane_share"][bot] = np.sign(lateral_m)
    item["speed_mps"][bot] = item["wanted_speed_mps"][bot] = speed_mps


def test_a_car_that_runs_into_a_bot_from_behind_has_crashed(oval: Track) -> None:
    race = {"bots": BotSettings(count=1, speed_mps=(0.3, 0.3))}
    simulator = race_simulator(oval, race=race, dynamics=KINEMATIC)
    simulator.reset(start_lateral_m=0.2)
    put(simulator, 0, 1.0, 0.2, 0.3)
    while not simulator.terminated[0]:
        drive(simulator)
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.CRASHED
    assert simulator.measurements[0, Column.CONTACTS] == 1
    assert simulator.worlds["bots_wait_until_s"][0] == 0.0


def test_a_bot_that_runs_into_a_car_makes_all_bots_wait_and_the_car_drives_on(oval: Track) -> None:
    race = {"bots": BotSettings(count=2, speed_mps=(0.6, 0.6), pause_s=2.0)}
    simulator = race_simulator(oval, race=race, dynamics=KINEMATIC, rules=NO_RULES)
    simulator.reset(start_lateral_m=0.2)
    put(simulator, 0, -1.0, 0.2, 0.6)
    put(simulator, 1, 5.0, 0.2, 0.6)
    while simulator.measurements[0, Column.CONTACTS] == 0:
        drive(simulator, 0.0)
    assert not simulator.terminated[0]
    assert simulator.measurements[0, Column.IS_CRASHED] == 0.0
    speeds = []
    for _ in range(45):
        drive(simulator, 1.0)
        speeds.append(simulator.object_rows[0, :, ObjectColumn.SPEED_MPS].copy())
    assert (np.array(speeds)[:30] == 0.0).all()
    assert (np.array(speeds)[30:] == 0.6).all()
    assert simulator.measurements[0, Column.CONTACTS] == 1
    assert simulator.measurements[0, Column.OVERTAKEN] == 0


def test_of_two_learned_cars_the_one_behind_has_crashed(oval: Track) -> None:
    simulator = race_simulator(oval, 2, race={"cars_per_world": 2}, dynamics=KINEMATIC)
    simulator.reset(start_fraction=[0.0, 0.1], start_lateral_m=0.2)
    while not simulator.terminated.any():
        drive(simulator, [1.2, 0.4])
    assert [EpisodeStatus(int(status)).name for status in simulator.status] == ["CRASHED", "IN_PROGRESS"]
    assert simulator.measurements[:, Column.CONTACTS].tolist() == [1, 1]
    assert simulator.object_rows[1, 0, ObjectColumn.KIND] == Kind.LEARNED_CAR
    # A car whose episode is over is not there for others from the next step on.
    drive(simulator, 0.4)
    assert (simulator.object_rows[1, 0] == 0.0).all()
    assert simulator.measurements[1, Column.CONTACTS] == 1
    assert not simulator.terminated[1]


def test_a_car_that_was_put_back_is_a_ghost_until_its_pause_is_over_and_it_touches_nothing(oval: Track) -> None:
    race = {"bots": BotSettings(count=1, speed_mps=(0.3, 0.3))}
    simulator = race_simulator(oval, race=race, dynamics=KINEMATIC, rules=NO_RULES)
    drive(simulator, 1.0)
    simulator.put_back([True], 1.0)
    put(simulator, 0, -0.25, float(simulator.cars.lateral_m[0]), 0.3)
    ghosts = []
    for _ in range(60):
        simulator.step(0.0, 0.0)
        ghosts.append(int(simulator.cars.ghost[0]))
    assert simulator.measurements[0, Column.CONTACTS] == 0
    assert simulator.measurements[0, Column.OVERTAKEN] == 1
    # The bot needs 0.25 + 0.28 m at 0.3 m/s to leave it behind; the pause is over before that.
    solid_at_s = ghosts.index(0) / 15
    assert 1.5 < solid_at_s < 2.1
    assert not any(ghosts[ghosts.index(0) :])


def test_ghosts_are_not_touched_by_other_cars(oval: Track) -> None:
    simulator = race_simulator(oval, 2, race={"cars_per_world": 2}, dynamics=KINEMATIC, rules=NO_RULES)
    simulator.reset(start_fraction=[0.0, 0.1], start_lateral_m=0.2)
    drive(simulator, [1.0, 0.0])
    simulator.put_back([False, True], 5.0)
    for _ in range(40):
        drive(simulator, [1.0, 0.0])
    assert not simulator.terminated.any()
    assert simulator.measurements[:, Column.CONTACTS].tolist() == [0, 0]
    assert simulator.measurements[0, Column.OVERTAKES] == 1


@pytest.mark.parametrize("against", [False, True])
def test_cars_that_pass_each_other_count_it(oval: Track, against: bool) -> None:
    race = {"bots": BotSettings(count=1, speed_mps=(0.4, 0.4))}
    start = StartSettings(reversed=against)
    simulator = race_simulator(oval, race=race, dynamics=KINEMATIC, rules=NO_RULES, start=start)
    simulator.reset(start_lateral_m=0.2)
    side = 1 if against else -1
    put(simulator, 0, -0.8 if against else 0.8, 0.2 * side, 0.4)
    simulator.objects["lane"][0, 0] = simulator.objects["lane_share"][0, 0] = -1
    for _ in range(40):
        drive(simulator, 1.0)
    assert simulator.measurements[0, [Column.OVERTAKES, Column.OVERTAKEN, Column.CONTACTS]].tolist() == [1, 0, 0]
    for _ in range(80):
        drive(simulator, 0.0)
    assert simulator.measurements[0, [Column.OVERTAKES, Column.OVERTAKEN, Column.CONTACTS]].tolist() == [1, 1, 0]
    simulator.reset()
    assert simulator.measurements[0, [Column.OVERTAKES, Column.OVERTAKEN]].tolist() == [0, 0]


def test_two_learned_cars_count_the_same_passing_from_both_sides(oval: Track) -> None:
    simulator = race_simulator(oval, 2, race={"cars_per_world": 2}, dynamics=KINEMATIC, rules=NO_RULES)
    simulator.reset(start_fraction=[0.0, 0.1], start_lateral_m=[0.2, -0.2])
    for _ in range(60):
        drive(simulator, [1.2, 0.4], [0.2, -0.2])
    assert simulator.measurements[:, Column.OVERTAKES].tolist() == [1, 0]
    assert simulator.measurements[:, Column.OVERTAKEN].tolist() == [0, 1]
