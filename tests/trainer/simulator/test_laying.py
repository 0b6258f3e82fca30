"""Where boxes and bots stand at the start of an episode: apart, in lanes, away from cars, from the owner's seed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.simulator.made_up import NO_RULES, oval_track, race_simulator, steer_along
from trainer.simulator import (
    BotSettings,
    BoxSettings,
    Kind,
    RandomisationSettings,
    Simulator,
    SimulatorSettings,
    StartSettings,
)
from trainer.tracks import Track

FRONT_M = 0.14  # of the car, ahead of its middle
BOX_M = 0.4


def gaps_m(arcs_m: NDArray[np.float64], length_m: float) -> NDArray[np.float64]:
    """(..., n) ways along a loop from each place to the next one."""
    ordered = np.sort(arcs_m, axis=-1)
    return np.diff(np.concatenate((ordered, ordered[..., :1] + length_m), axis=-1), axis=-1)


def ahead_of_start_m(simulator: Simulator, track: Track) -> NDArray[np.float64]:
    """(N, K) ways from each car's origin to the objects of its world, as it drives, 0 to the track's length."""
    cars, objects = simulator.cars, simulator.objects
    own_m = track.project(np.stack((cars.x_m, cars.y_m), axis=-1))[0]
    return ((objects["arc_m"] - own_m[:, None]) * cars.direction[:, None]) % track.length_m


@pytest.mark.parametrize("against", [False, True])
def test_random_boxes_are_truly_apart_and_leave_the_start_free(oval: Track, against: bool) -> None:
    start = StartSettings(reversed=against)
    boxes = BoxSettings(count=6, min_distance_m=2.0, start_gap_m=1.5)
    simulator = race_simulator(oval, 200, race={"boxes": boxes}, start=start)
    for _ in range(3):
        simulator.reset()
        assert simulator.objects["active"].all()
        assert gaps_m(simulator.objects["arc_m"], oval.length_m).min() >= 2.0 - 1e-9
        ahead_m = ahead_of_start_m(simulator, oval)
        assert ahead_m.min() >= FRONT_M + 1.5 + BOX_M / 2 - 0.02
        assert ahead_m.max() <= oval.length_m - 1.0 + 0.02


def test_random_boxes_stand_everywhere_they_may(oval: Track) -> None:
    simulator = race_simulator(oval, 600, race={"boxes": BoxSettings(count=2, min_distance_m=1.0)})
    low_m, high_m = FRONT_M + 1.5 + BOX_M / 2, oval.length_m - 1.0
    shares = (ahead_of_start_m(simulator, oval) - low_m) / (high_m - low_m)
    counts, _ = np.histogram(shares, bins=10, range=(0.0, 1.0))
    assert counts.sum() == 1200
    assert counts.min() > 80
    assert counts.max() < 165


def test_as_many_boxes_as_fit_still_find_places(oval: Track) -> None:
    # 13.54 m less 2.84 m around the start: 8 boxes 1.5 m apart have 0.2 m to spare.
    simulator = race_simulator(oval, 50, race={"boxes": BoxSettings(count=8, min_distance_m=1.5)})
    assert simulator.objects["active"].all()
    assert gaps_m(simulator.objects["arc_m"], oval.length_m).min() >= 1.5 - 1e-9


def test_random_boxes_lie_in_a_lane_a_little_beside_its_middle_and_a_little_turned(oval: Track) -> None:
    boxes = BoxSettings(count=4, lateral_jitter=0.2, turned_deg=10)
    objects = race_simulator(oval, 200, race={"boxes": boxes}).objects
    beside_m = np.abs(objects["lateral_m"]) - 0.2
    assert np.abs(beside_m).max() <= 0.2 * 0.4 + 1e-9
    assert np.ptp(beside_m) > 0.14
    assert 0.4 < (objects["lane"] == 1).mean() < 0.6
    assert (np.sign(objects["lateral_m"]) == objects["lane"]).all()
    turned = np.degrees(objects["heading_rad"] - oval.heading_rad(objects["arc_m"]))
    turned = (turned + 180.0) % 360.0 - 180.0
    assert np.abs(turned).max() < 10.5
    assert np.ptp(turned) > 18.0
    places = np.stack((objects["x_m"], objects["y_m"]), axis=-1)
    arc_m, lateral_m = oval.project(places)
    np.testing.assert_allclose(lateral_m, objects["lateral_m"], atol=0.005)
    np.testing.assert_allclose((arc_m - objects["arc_m"] + 1.0) % oval.length_m, 1.0, atol=0.02)


def test_even_boxes_are_equally_far_apart_in_alternating_lanes(oval: Track) -> None:
    objects = race_simulator(oval, race={"boxes": BoxSettings(count=4, placement="even")}).objects[0]
    assert gaps_m(objects["arc_m"], oval.length_m) == pytest.approx(np.full(4, oval.length_m / 4))
    assert objects["lane"].tolist() == [1, -1, 1, -1]
    np.testing.assert_allclose(objects["lateral_m"], [0.2, -0.2, 0.2, -0.2], atol=1e-3)


@pytest.mark.parametrize("clockwise", [False, True])
@pytest.mark.parametrize("against", [False, True])
def test_fixed_boxes_stand_at_their_fraction_on_the_inner_or_the_outer_side(clockwise: bool, against: bool) -> None:
    track = oval_track().reversed() if clockwise else oval_track()
    boxes = BoxSettings(count=2, positions=("0.25,1", "0.75,-1"))
    simulator = race_simulator(track, race={"boxes": boxes}, start=StartSettings(reversed=against))
    objects = simulator.objects[0]
    np.testing.assert_allclose(objects["arc_m"], [0.25 * track.length_m, 0.75 * track.length_m])
    # The middle of the loop is the origin, and the ends are half circles of 1.2 m around (1.5, 0) and (-1.5, 0).
    from_end_m = np.hypot(np.abs(objects["x_m"]) - 1.5, objects["y_m"])
    np.testing.assert_allclose(from_end_m, [1.0, 1.4], atol=0.01)
    left = objects["lane"] == 1
    assert left.tolist() == ([True, False] if clockwise == against else [False, True])


def test_boxes_have_deepracers_size_and_draw_their_kind(oval: Track) -> None:
    boxes = BoxSettings(count=3, kinds=("box", "parcel", "parked_car"))
    objects = race_simulator(oval, 100, race={"boxes": boxes}).objects.ravel()
    for kind in (Kind.BOX, Kind.PARCEL, Kind.PARKED_CAR):
        assert 60 < (objects["kind"] == kind).sum() < 140
    box = objects[objects["kind"] == Kind.BOX][0]
    assert [box["half_length_m"], box["half_width_m"], box["height_m"]] == pytest.approx([0.2, 0.15, 0.25])
    car = objects[objects["kind"] == Kind.PARKED_CAR][0]
    assert [car["half_length_m"], car["half_width_m"]] == pytest.approx([0.14, 0.10])


def test_looks_are_drawn_for_each_box_and_grey_is_the_luma_of_its_colour(oval: Track) -> None:
    race = {"boxes": BoxSettings(count=4, kinds=("box",))}
    plain = race_simulator(oval, 3, race=race).objects
    assert len(np.unique(plain["grey"])) == 1
    objects = race_simulator(oval, 50, race=race, randomisation=RandomisationSettings(preset="strong")).objects.ravel()
    assert len(np.unique(objects["grey"])) == len(objects)
    assert np.ptp(objects["grey"]) > 200
    luma = (0.2989 * objects["red"] + 0.5870 * objects["green"] + 0.1140 * objects["blue"]) / 0.9999
    np.testing.assert_allclose(luma, objects["grey"], atol=1e-6)
    for channel in ("red", "green", "blue"):
        assert objects[channel].min() >= 0.0
        assert objects[channel].max() <= 255.0
    assert np.ptp(objects["half_length_m"]) > 0.05


def test_a_redraw_changes_looks_and_nothing_that_can_be_touched(oval: Track) -> None:
    simulator = race_simulator(oval, 2, race={"boxes": BoxSettings(count=3)}, randomisation=RandomisationSettings())
    simulator.step(0.0, 1.0)
    before = simulator.objects.copy()
    simulator.redraw([True, False])
    assert (simulator.objects["grey"][0] != before["grey"][0]).all()
    assert simulator.objects[1].tobytes() == before[1].tobytes()
    for name in set(before.dtype.names or ()) - {"grey", "red", "green", "blue"}:
        assert (simulator.objects[name] == before[name]).all(), name


def test_boxes_come_from_the_cars_seed_and_differ_from_episode_to_episode(oval: Track) -> None:
    race = {"boxes": BoxSettings(count=4), "bots": BotSettings(count=2, speed_mps=(0.2, 1.0))}
    simulator = race_simulator(oval, 2, race=race)
    first = simulator.objects.copy()
    assert first[0].tobytes() != first[1].tobytes()
    simulator.reset()
    assert simulator.objects[0].tobytes() != first[0].tobytes()
    simulator.reset(seeds=[1, 0])
    assert simulator.objects[0].tobytes() == first[1].tobytes()
    assert simulator.objects[1].tobytes() == first[0].tobytes()


def test_new_objects_keep_a_metre_from_cars_that_drive(oval: Track) -> None:
    race = {"boxes": BoxSettings(count=3), "cars_per_world": 2}
    simulator = race_simulator(oval, 120, race=race, rules=NO_RULES)
    for _ in range(20):
        simulator.step(steer_along(simulator), 2.0)
    owners = np.arange(120) % 2 == 0
    for _ in range(3):
        simulator.reset(owners)
        others = np.stack((simulator.cars.x_m, simulator.cars.y_m), axis=-1)[1::2]
        to_m = (simulator.objects["arc_m"] - oval.project(others)[0][:, None]) % oval.length_m
        assert simulator.objects["active"].all()
        assert np.minimum(to_m, oval.length_m - to_m).min() >= 1.0 - 0.02
        assert gaps_m(simulator.objects["arc_m"], oval.length_m).min() >= 2.0 - 1e-9


def test_where_driving_cars_leave_no_room_fewer_objects_are_laid(oval: Track) -> None:
    race = {"boxes": BoxSettings(count=5), "cars_per_world": 3}
    simulator = race_simulator(oval, 30, race=race, rules=NO_RULES)
    everybody = np.ones(30, bool)
    simulator.reset(everybody, start_fraction=np.tile([0.0, 0.35, 0.7], 10))
    simulator.reset(np.arange(30) % 3 == 0)
    active = simulator.objects["active"] == 1
    # 13.5 m less 2.84 m at the start and 2 m for each of the others: 3 or 4 boxes 2 m apart.
    assert 2 < active.sum(axis=1).min() < 5
    for world in range(10):
        arcs_m = simulator.objects["arc_m"][world, active[world]]
        assert gaps_m(arcs_m, oval.length_m).min() >= 2.0 - 1e-9
    assert (simulator.object_rows[:, :5, 0] != 0).sum(axis=1)[0] == active[0].sum()


def test_what_training_sets_for_a_world_holds_from_the_next_laying_on(oval: Track) -> None:
    race = {"boxes": BoxSettings(count=3, min_distance_m=2.1), "bots": BotSettings(count=2, speed_mps=(1.0, 1.0))}
    simulator = race_simulator(oval, 2, race=race)
    simulator.worlds["active_boxes"], simulator.worlds["active_bots"] = [1, 99], [0, 2]
    simulator.worlds["bot_speed_scale"] = 0.5
    assert simulator.objects["active"].all()
    simulator.reset()
    assert simulator.objects["active"].tolist() == [[1, 0, 0, 0, 0], [1, 1, 1, 1, 1]]
    assert simulator.objects["wanted_speed_mps"][1].tolist() == [0.0, 0.0, 0.0, 0.5, 0.5]
    rows = simulator.object_rows
    assert (rows[0, 1:] == 0.0).all()
    assert rows[1, :, 0].all()


def test_a_round_robin_start_carries_its_free_road_along(oval: Track) -> None:
    settings = SimulatorSettings(threads=1, race={"boxes": BoxSettings(count=5)}, randomisation={"preset": "off"})
    simulator = Simulator([oval], settings, seeds=np.arange(20))
    for _ in range(4):
        simulator.reset()
        assert ahead_of_start_m(simulator, oval).min() > 1.8
