"""How bots drive: in the middle of lanes, at their speed, changing lanes smoothly, never into what is ahead."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.simulator.made_up import NO_RULES, race_simulator
from trainer.simulator import BotSettings, BoxSettings, Kind, Simulator, StartSettings
from trainer.simulator.contacts import rectangles_overlap
from trainer.tracks import Track

STEP_S = 1 / 15
# Cars drive on through everything, so that nothing but bots matters.
ON = NO_RULES.changed(crashed=False)


def drive(simulator: Simulator, steps: int) -> NDArray[np.void]:
    """(steps + 1, W, K) objects after every step, while the cars stand in the middle of the loop."""
    simulator.reset(start_lateral_m=0.9)
    seen = [simulator.objects.copy()]
    for _ in range(steps):
        simulator.step(0.0, 0.0)
        seen.append(simulator.objects.copy())
    return np.stack(seen)


def moved_m(seen: NDArray[np.void]) -> NDArray[np.float64]:
    """(steps, …) way of every object in every step."""
    return np.hypot(np.diff(seen["x_m"], axis=0), np.diff(seen["y_m"], axis=0))


def overlap(one: np.void, other: np.void) -> bool:
    rectangles = [[item[name] for name in ("x_m", "y_m", "heading_rad", "half_length_m", "half_width_m")]
                  for item in (one, other)]  # fmt: skip
    return bool(rectangles_overlap.py_func(*rectangles[0], *rectangles[1]))


@pytest.mark.parametrize("against", [False, True])
def test_a_bot_keeps_its_speed_and_the_middle_of_its_lane(oval: Track, against: bool) -> None:
    bots = BotSettings(count=2, speed_mps=(0.5, 0.5), placement="even")
    simulator = race_simulator(oval, race={"bots": bots}, rules=ON, start=StartSettings(reversed=against))
    seen = drive(simulator, 450)[:, 0]
    # In the bends too, where the lanes are shorter or longer than the centre line.
    np.testing.assert_allclose(moved_m(seen), 0.5 * STEP_S, rtol=0.1)
    assert moved_m(seen).mean() == pytest.approx(0.5 * STEP_S, rel=0.005)
    np.testing.assert_allclose(seen["speed_mps"], 0.5)
    sides = np.array([-0.2, 0.2]) if against else np.array([0.2, -0.2])
    arc_m, lateral_m = oval.project(np.stack((seen["x_m"], seen["y_m"]), axis=-1))
    np.testing.assert_allclose(lateral_m, np.broadcast_to(sides, lateral_m.shape), atol=0.01)
    forward_m = (np.diff(arc_m, axis=0) + 1.0) % oval.length_m - 1.0
    assert ((forward_m < 0) == against).all()
    ahead = oval.heading_rad(arc_m) + (np.pi if against else 0.0)
    assert np.cos(seen["heading_rad"] - ahead).min() > 0.999


def test_every_bot_draws_its_own_speed(oval: Track) -> None:
    objects = race_simulator(oval, 100, race={"bots": BotSettings(count=3, speed_mps=(0.4, 1.6))}).objects
    speeds = objects["speed_mps"].ravel()
    assert 0.4 <= speeds.min() < 0.45
    assert 1.55 < speeds.max() <= 1.6
    assert len(np.unique(speeds)) == 300


def test_bots_are_apart_at_the_start_and_not_upon_the_car(oval: Track) -> None:
    simulator = race_simulator(oval, 200, race={"bots": BotSettings(count=4, min_distance_m=2.5)})
    arcs_m = np.sort(simulator.objects["arc_m"], axis=1)
    gaps_m = np.diff(np.concatenate((arcs_m, arcs_m[:, :1] + oval.length_m), axis=1), axis=1)
    assert gaps_m.min() >= 2.5 - 1e-9
    assert arcs_m.min() >= 1.0 - 1e-9
    assert arcs_m.max() <= oval.length_m - 1.0 + 1e-9


def test_a_change_of_lanes_is_smooth_and_takes_its_distance(oval: Track) -> None:
    bots = BotSettings(count=1, speed_mps=(0.6, 0.6), lane_change=True, lane_change_distance_m=1.0)
    seen = drive(race_simulator(oval, race={"bots": bots}, rules=ON), 900)[:, 0, 0]
    changing = seen["lane_share"] != seen["lane"]
    begins = np.flatnonzero(~changing[:-1] & changing[1:])
    ends = np.flatnonzero(changing[:-1] & ~changing[1:]) + 1
    assert len(begins) >= 10
    # Between two beginnings lie 3 to 5 s.
    assert (np.diff(begins) * STEP_S).min() >= 3.0 - STEP_S
    assert (np.diff(begins) * STEP_S).max() <= 5.0 + STEP_S
    pairs = list(zip(begins, ends))
    ways_m = [(seen["arc_m"][end] - seen["arc_m"][begin]) % oval.length_m for begin, end in pairs]
    np.testing.assert_allclose(ways_m, 1.0, atol=0.6 * STEP_S)
    for begin, end in pairs:
        assert abs(seen["lateral_m"][begin]) == pytest.approx(0.2, abs=1e-3)
        assert seen["lateral_m"][begin] == pytest.approx(-seen["lateral_m"][end], abs=1e-3)
    # Half the road in a metre: at most 1.5 times that steep, and the bot looks where it drives.
    assert np.abs(np.diff(seen["lateral_m"])).max() <= 1.5 * 0.4 * 0.6 * STEP_S * 1.1
    np.testing.assert_allclose(moved_m(seen), 0.6 * STEP_S, rtol=0.1)
    way = np.arctan2(np.diff(seen["y_m"]), np.diff(seen["x_m"]))
    assert np.cos(way - seen["heading_rad"][1:]).min() > 0.99


def test_a_bot_follows_the_slower_one_ahead(oval: Track) -> None:
    bots = BotSettings(count=3, speed_mps=(0.3, 2.0), min_distance_m=1.0)
    simulator = race_simulator(oval, 30, race={"bots": bots}, rules=ON)
    seen = drive(simulator, 600)
    followed = 0
    for world in range(30):
        for k in range(3):
            for other in range(3):
                if k == other or seen["lane"][0, world, k] != seen["lane"][0, world, other]:
                    continue
                gap_m = (seen["arc_m"][:, world, other] - seen["arc_m"][:, world, k]) % oval.length_m
                # A car's length and the follow gap, shorter on the inside of a bend.
                assert gap_m.min() >= 0.28 + 0.15 - 1e-6
                if gap_m[-1] < 0.45:
                    followed += 1
                    assert seen["speed_mps"][-1, world, k] < seen["wanted_speed_mps"][-1, world, k]
    assert followed > 10


def test_bots_that_change_lanes_never_touch_each_other(oval: Track) -> None:
    bots = BotSettings(count=4, speed_mps=(0.3, 2.5), min_distance_m=0.8, lane_change=True)
    seen = drive(race_simulator(oval, 12, race={"bots": bots}, rules=ON), 500)
    assert seen["changes"][-1].sum() > 100
    for moment in seen[::4]:
        for world in moment:
            assert not any(overlap(world[k], world[j]) for k in range(4) for j in range(k))


@pytest.mark.parametrize("against", [False, True])
def test_a_bot_does_not_change_into_a_car_unless_it_is_told_not_to_look(oval: Track, against: bool) -> None:
    begun_beside = []
    for look in (True, False):
        bots = BotSettings(
            count=2, speed_mps=(0.6, 0.6), lane_change=True, lane_change_interval_s=(0.5, 1.0), look_for_cars=look
        )
        simulator = race_simulator(oval, 40, race={"bots": bots}, rules=ON, start=StartSettings(reversed=against))
        simulator.reset(start_lateral_m=0.2)  # every car stands in the left lane
        car_m = np.stack((simulator.cars.x_m, simulator.cars.y_m), axis=-1)
        beside = 0
        for _ in range(300):
            before = simulator.objects.copy()
            simulator.step(0.0, 0.0)
            begins = (simulator.objects["lane"] == 1) & (before["lane"] == -1)
            apart_m = np.hypot(before["x_m"] - car_m[:, :1], before["y_m"] - car_m[:, 1:])
            beside += int((begins & (apart_m < 0.45)).sum())
        begun_beside.append(beside)
    looking, blind = begun_beside
    assert looking == 0
    assert blind > 0


@pytest.mark.parametrize("change", [False, True])
@pytest.mark.parametrize("boxes", [BoxSettings(count=3), BoxSettings(count=6, min_distance_m=0.8)])
def test_bots_drive_round_boxes(oval: Track, boxes: BoxSettings, change: bool) -> None:
    race = {
        "boxes": boxes,
        "bots": BotSettings(count=2, speed_mps=(0.5, 2.0), lane_change=change),
    }
    seen = drive(race_simulator(oval, 12, race=race, rules=ON), 600)
    for moment in seen[::3]:
        for world in moment:
            bots = (boxes.count, boxes.count + 1)
            assert not any(overlap(world[k], world[bot]) for bot in bots for k in range(bot))
    # Nobody stands for good: in the last ten seconds everybody has moved on.
    assert moved_m(seen[-150:])[:, :, boxes.count :].sum(axis=0).min() > 1.0


def test_a_bot_that_leaves_an_open_road_takes_part_no_more(straight: Track) -> None:
    bots = BotSettings(count=1, speed_mps=(2.0, 2.0))
    simulator = race_simulator(straight, race={"bots": bots}, rules=ON)
    assert simulator.object_rows[0, 0, 0] == Kind.BOT_CAR
    drive(simulator, 60)
    assert simulator.objects["active"][0, 0] == 0
    assert (simulator.object_rows[0, 0] == 0.0).all()
    simulator.reset()
    assert simulator.object_rows[0, 0, 0] == Kind.BOT_CAR


def test_bots_stand_while_nobody_drives(oval: Track) -> None:
    race = {"bots": BotSettings(count=2, speed_mps=(1.0, 1.0)), "cars_per_world": 2}
    simulator = race_simulator(oval, 2, race=race)
    simulator.step(0.0, [0.0, 1.0])
    simulator.cars.status[0] = 6
    before = simulator.objects.copy()
    simulator.step(0.0, 0.0)
    assert (moved_m(np.stack((before, simulator.objects))) > 0.05).all()
    simulator.cars.status[1] = 6
    before = simulator.objects.copy()
    simulator.step(0.0, 0.0)
    assert simulator.objects.tobytes() == before.tobytes()
