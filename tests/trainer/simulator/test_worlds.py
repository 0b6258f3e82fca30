"""Several cars in one world: its start grid, direction and track, where cars are put, what each sees of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.errors import SettingsError, SimulationError
from shared.settings import parse_settings
from tests.trainer.simulator.made_up import (
    KINEMATIC,
    NO_RULES,
    OFF,
    oval_track,
    race_simulator,
    steer_along,
    straight_track,
)
from trainer.simulator import (
    BotSettings,
    BoxSettings,
    CameraSettings,
    Column,
    EpisodeStatus,
    Kind,
    ObjectColumn,
    RaceSettings,
    Simulator,
    SimulatorSettings,
    StartSettings,
)
from trainer.tracks import Track

FRONT_M = 0.14


def origin_places(simulator: Simulator) -> tuple[np.ndarray, np.ndarray]:
    """(N,) arc lengths and lateral offsets of all cars' middles, in the track's own direction."""
    cars = simulator.cars
    return simulator.tracks[0].project(np.stack((cars.x_m, cars.y_m), axis=-1))


@pytest.mark.parametrize("against", [False, True])
def test_cars_of_a_world_start_in_a_grid_behind_one_another(oval: Track, against: bool) -> None:
    start = StartSettings(reversed=against)
    simulator = race_simulator(oval, 4, race={"cars_per_world": 4, "grid_gap_m": 0.75}, start=start)
    simulator.reset(start_fraction=0.5)
    arc_m, lateral_m = origin_places(simulator)
    behind_m = (arc_m - 0.5 * oval.length_m) * (1 if against else -1)
    np.testing.assert_allclose(behind_m, [0.0, 0.75, 1.5, 2.25], atol=0.01)
    # The oval is driven counter-clockwise: left of the track is inside. Odd places are inside, even ones outside.
    np.testing.assert_allclose(lateral_m, [-0.2, 0.2, -0.2, 0.2], atol=0.005)


def test_the_grid_of_an_open_road_stands_on_the_road(straight: Track) -> None:
    simulator = race_simulator(straight, 3, race={"cars_per_world": 3, "grid_gap_m": 0.5})
    np.testing.assert_allclose(simulator.cars.x_m, [1.092, 0.592, 0.092], atol=0.01)
    assert (simulator.cars.wheels_on_track == 4).all()


def test_worlds_do_not_see_each_other(oval: Track) -> None:
    simulator = race_simulator(oval, 4, race={"cars_per_world": 2}, rules=NO_RULES)
    assert simulator.cars.world_index.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(simulator.cars.x_m[:2], simulator.cars.x_m[2:])
    for _ in range(20):
        simulator.step(steer_along(simulator), 1.0)
    assert (simulator.measurements[:, Column.CONTACTS] == 0).all()
    assert simulator.object_rows.shape == (4, 1, len(ObjectColumn))


@pytest.mark.parametrize("against", [False, True])
def test_object_rows_say_where_everything_is_as_the_car_drives(oval: Track, against: bool) -> None:
    race = {
        "boxes": BoxSettings(count=2, positions=("0.2,1", "0.9,-1"), kinds=("parcel",)),
        "bots": BotSettings(count=1, speed_mps=(0.5, 0.5)),
        "cars_per_world": 2,
    }
    simulator = race_simulator(oval, 2, race=race, start=StartSettings(reversed=against), rules=NO_RULES)
    for _ in range(12):
        simulator.step(steer_along(simulator), [1.0, 0.5])
    track = oval.reversed() if against else oval
    rows, cars = simulator.object_rows[0], simulator.cars
    assert rows[:, ObjectColumn.KIND].tolist() == [Kind.PARCEL, Kind.PARCEL, Kind.BOT_CAR, Kind.LEARNED_CAR]
    things = simulator.objects[0]
    np.testing.assert_array_equal(rows[:, ObjectColumn.X_M], [*things["x_m"], cars.x_m[1]])
    np.testing.assert_array_equal(rows[:, ObjectColumn.HEADING_RAD], [*things["heading_rad"], cars.heading_rad[1]])
    np.testing.assert_allclose(rows[:, ObjectColumn.SPEED_MPS], [0.0, 0.0, 0.5, cars.speed_mps[1]], atol=1e-9)
    arc_m, lateral_m = track.project(rows[:, [ObjectColumn.X_M, ObjectColumn.Y_M]])
    np.testing.assert_allclose(rows[:, ObjectColumn.ARC_M], arc_m, atol=0.02)
    np.testing.assert_allclose(rows[:, ObjectColumn.LATERAL_M], lateral_m, atol=0.005)
    front_m = simulator.measurements[0, Column.ARC_M]
    gap_m = (arc_m - front_m + track.length_m / 2) % track.length_m - track.length_m / 2
    np.testing.assert_allclose(rows[:, ObjectColumn.GAP_M], gap_m, atol=0.02)
    assert np.abs(rows[:, ObjectColumn.GAP_M]).max() <= track.length_m / 2
    # Row 1 of the second car is the first one.
    assert simulator.object_rows[1, 3, ObjectColumn.X_M] == cars.x_m[0]
    assert simulator.object_rows[1, 3, ObjectColumn.GAP_M] > 0


def test_what_is_ahead_is_in_the_camera_and_what_is_behind_is_not(oval: Track) -> None:
    race = {"boxes": BoxSettings(count=3, positions=("0.1,1", "0.5,1", "0.95,1"))}
    simulator = race_simulator(oval, race=race)
    assert simulator.object_rows[0, :, ObjectColumn.IN_CAMERA].tolist() == [1.0, 0.0, 0.0]
    # 1.35 m ahead and 0.2 m to the left: 9.4 degrees off, outside a camera of 20 degrees that is turned further.
    narrow = race_simulator(oval, race=race, camera=CameraSettings(horizontal_fov_deg=20, y_m=-0.1))
    assert narrow.object_rows[0, 0, ObjectColumn.IN_CAMERA] == 0.0


def test_a_car_with_something_within_a_metre_starts_in_the_other_lane(oval: Track) -> None:
    race = {"boxes": BoxSettings(count=2, positions=("0.05,1", "0.5,-1"), kinds=("box",))}
    simulator = race_simulator(oval, race=race)
    assert origin_places(simulator)[1][0] == pytest.approx(-0.2, abs=0.01)
    simulator.reset(start_fraction=0.25)
    assert origin_places(simulator)[1][0] == pytest.approx(0.0, abs=0.01)
    simulator.reset(start_fraction=0.52)
    assert origin_places(simulator)[1][0] == pytest.approx(0.2, abs=0.01)


def test_where_both_lanes_are_taken_a_car_starts_at_the_next_free_place_behind(oval: Track) -> None:
    race = {"boxes": BoxSettings(count=2, positions=("0.5,1", "0.52,-1"), kinds=("box",))}
    simulator = race_simulator(oval, race=race)
    simulator.reset(start_fraction=0.51)
    arc_m, lateral_m = (values[0] for values in origin_places(simulator))
    # The first place is 0.5 x 13.54 m, so a metre before that there is nothing any more; between, one lane is free.
    assert 0.5 * oval.length_m - 1.3 < arc_m < 0.51 * oval.length_m - 0.5
    assert abs(lateral_m) < 0.21
    assert simulator.cars.ghost[0] == 0
    for _ in range(3):
        simulator.step(0.0, 0.0)
    assert simulator.measurements[0, Column.CONTACTS] == 0


def test_a_car_reset_alone_comes_back_among_those_that_drive(oval: Track) -> None:
    simulator = race_simulator(oval, 3, race={"cars_per_world": 3}, rules=NO_RULES)
    simulator.reset(start_fraction=[0.0, 0.3, 0.6])
    before = simulator.snapshot()
    simulator.reset([False, True, False], start_fraction=0.02)
    after = simulator.snapshot()
    for car in (0, 2):
        for name in ("cars", "draws", "measurements", "pictures"):
            assert before[name][car].tobytes() == after[name][car].tobytes(), name
    # The first car stands in the middle and leaves no lane free: the next place is a metre behind it.
    behind_m = oval.length_m - origin_places(simulator)[0][1]
    assert 1.0 <= behind_m < 1.25
    simulator.step(0.0, 0.0)
    assert (simulator.measurements[:, Column.CONTACTS] == 0).all()


def test_a_world_turns_round_when_all_of_its_cars_begin_anew(oval: Track) -> None:
    start = StartSettings(alternate_direction=True)
    simulator = race_simulator(oval, 2, race={"cars_per_world": 2}, start=start, rules=NO_RULES)
    assert simulator.cars.direction.tolist() == [1, 1]
    simulator.reset([True, False])
    assert simulator.cars.direction.tolist() == [1, 1]
    simulator.reset()
    assert simulator.cars.direction.tolist() == [1, 1]
    simulator.reset()
    assert simulator.cars.direction.tolist() == [-1, -1]
    assert simulator.worlds["direction"].tolist() == [-1]


def crash(simulator: Simulator, lateral_m: float = 0.2) -> None:
    while not simulator.terminated[0]:
        simulator.step(steer_along(simulator, lateral_m=lateral_m), 1.0)
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.CRASHED


def test_after_a_crash_a_car_stands_a_metre_behind_in_the_other_lane(oval: Track) -> None:
    race = {"boxes": BoxSettings(count=1, positions=("0.25,1",), kinds=("box",))}
    simulator = race_simulator(oval, race=race, dynamics=KINEMATIC)
    crash(simulator)
    before = float(simulator.measurements[0, Column.PROGRESS_PERCENT])
    simulator.put_back([True], 1.0)
    arc_m, lateral_m = (values[0] for values in origin_places(simulator))
    assert arc_m == pytest.approx(0.25 * oval.length_m - 1.0, abs=0.02)
    assert lateral_m == pytest.approx(-0.2, abs=0.01)
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.PAUSE
    after = float(simulator.measurements[0, Column.PROGRESS_PERCENT])
    box_m = float(simulator.object_rows[0, 0, ObjectColumn.GAP_M])
    assert box_m == pytest.approx(1.0 - FRONT_M, abs=0.03)
    assert before - after == pytest.approx(100 * (box_m - 0.2) / oval.length_m, abs=0.7)
    for _ in range(60):
        simulator.step(steer_along(simulator, lateral_m=-0.2), 1.0)
    assert not simulator.terminated[0]
    assert simulator.object_rows[0, 0, ObjectColumn.GAP_M] < 0


def test_mercy_comes_after_the_third_crash_at_the_same_place(oval: Track) -> None:
    race = {"boxes": BoxSettings(count=1, positions=("0.25,1",), kinds=("box",))}
    simulator = race_simulator(oval, race=race, dynamics=KINEMATIC)
    for crashes in (1, 2, 3):
        crash(simulator)
        assert simulator.cars.crashes_here[0] == crashes
        simulator.put_back([True], 0.2, mercy=True)
        ahead_m = origin_places(simulator)[0][0] - 0.25 * oval.length_m
        assert ahead_m == pytest.approx(-1.0 if crashes < 3 else 1.0, abs=0.02)
    percent = float(simulator.measurements[0, Column.PROGRESS_PERCENT])
    for _ in range(10):
        simulator.step(steer_along(simulator), 1.0)
    assert simulator.measurements[0, Column.PROGRESS_PERCENT] > percent + 100 * 1.0 / oval.length_m
    assert simulator.cars.crashes_here[0] == 3


def test_crashes_at_other_places_are_not_in_a_row(oval: Track) -> None:
    race = {"boxes": BoxSettings(count=2, positions=("0.2,1", "0.45,1"), kinds=("box",))}
    simulator = race_simulator(oval, race=race, dynamics=KINEMATIC)
    crash(simulator)
    simulator.put_back([True], mercy=True)
    for _ in range(30):
        simulator.step(steer_along(simulator, lateral_m=-0.2), 1.0)
    crash(simulator)
    assert simulator.cars.crashes_here[0] == 1


def test_a_car_off_the_track_near_a_box_is_put_behind_it_in_the_other_lane(oval: Track) -> None:
    race = {"boxes": BoxSettings(count=1, positions=("0.1,1",), kinds=("box",))}
    simulator = race_simulator(oval, race=race, dynamics=KINEMATIC, rules=NO_RULES.changed(off_track=True))
    while not simulator.terminated[0]:
        simulator.step(-12.0, 1.0)
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.OFF_TRACK
    simulator.put_back([True], 0.5)
    arc_m, lateral_m = (values[0] for values in origin_places(simulator))
    assert arc_m == pytest.approx(0.1 * oval.length_m - 1.0, abs=0.02)
    assert lateral_m == pytest.approx(-0.2, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"world_index": [1, 0]}, "car 1 is in world 0, the car before it in 1"),
        ({"world_index": [0, 1, 0], "seeds": [1, 2, 3]}, "Sort the cars by world"),
        ({"world_index": [4, 4, 4], "seeds": [1, 2, 3]}, "World 4 has 3 cars, and race.cars_per_world is 2"),
        ({"track_index": [0, 1]}, "car 1 is on another one"),
    ],
)
def test_a_world_that_cannot_be_is_refused_with_a_sentence(arguments: dict[str, Any], sentence: str) -> None:
    settings = SimulatorSettings(race=RaceSettings(cars_per_world=2))
    tracks = [oval_track(), straight_track()]
    with pytest.raises(SimulationError, match=sentence):
        Simulator(tracks, settings, **{"seeds": [1, 2]} | arguments)


def test_orders_that_would_part_the_cars_of_a_world_are_refused_and_change_nothing(oval: Track) -> None:
    settings = SimulatorSettings(race=RaceSettings(cars_per_world=2), randomisation=OFF, threads=1)
    simulator = Simulator([oval, straight_track()], settings, seeds=[1, 2, 3, 4])
    simulator.reset()
    before = {name: values.tobytes() for name, values in simulator.snapshot().items()}
    with pytest.raises(SimulationError, match="drive in one direction: car 1"):
        simulator.reset(reversed=[False, True, False, False])
    with pytest.raises(SimulationError, match="drive in one direction: car 0"):
        simulator.reset([True, False, False, False], reversed=True)
    with pytest.raises(SimulationError, match="on one track: car 3"):
        simulator.reset([False, False, False, True], track_index=0)
    assert {name: values.tobytes() for name, values in simulator.snapshot().items()} == before
    simulator.reset([True, True, False, False], reversed=True, track_index=1)
    assert simulator.cars.direction.tolist() == [-1, -1, 1, 1]


@pytest.mark.parametrize(
    ("race", "sentence"),
    [
        ({"boxes": {"count": 20, "min_distance_m": 2.0}}, "20 boxes 2 m apart do not fit.*At most 6 fit.*0.5"),
        ({"bots": {"count": 8, "min_distance_m": 2.0}}, "8 bots 2 m apart do not fit.*At most 6 fit"),
        ({"boxes": {"count": 3}, "bots": {"count": 1, "lane_change_distance_m": 3.0}}, "need 3.8 m to change lanes"),
        (
            {"boxes": {"count": 2, "positions": ("0.5,1", "0.6,-1")}, "bots": {"count": 1}},
            "at 0.5 and 0.6 of track 'oval' are 1.4 m apart in different lanes",
        ),
        ({"barriers": {"count": 40}}, "has room for [0-9]+ barriers 0.8 m long"),
        ({"cars_per_world": 8, "grid_gap_m": 3.0}, "8 cars 3 m behind one another do not fit"),
    ],
)
def test_what_has_no_room_on_the_track_is_refused_with_what_would_fit(
    oval: Track, race: dict[str, Any], sentence: str
) -> None:
    settings = SimulatorSettings(race=RaceSettings(**race))
    with pytest.raises(SimulationError, match=sentence) as refused:
        Simulator([oval], settings, seeds=np.arange(settings.race.cars_per_world))
    if race.get("boxes", {}).get("count") == 20:
        assert "Track 'oval' is 13.5 m long" in str(refused.value)


def test_what_is_said_to_fit_fits(oval: Track) -> None:
    for count, distance_m in ((6, 2.0), (20, 0.5)):
        race = RaceSettings(boxes=BoxSettings(count=count, min_distance_m=distance_m))
        simulator = Simulator([oval], SimulatorSettings(race=race, threads=1), seeds=np.arange(5))
        simulator.reset()
        assert simulator.objects["active"].all()
    too_many = SimulatorSettings(race=RaceSettings(boxes=BoxSettings(count=7, min_distance_m=2.0)))
    with pytest.raises(SimulationError, match="At most 6 fit"):
        Simulator([oval], too_many, seeds=[1])


def test_a_box_that_blocks_a_narrow_road_is_refused() -> None:
    narrow = oval_track(half_width_m=0.2)
    with pytest.raises(SimulationError, match=r"0.40 m wide at one place.*parked_car"):
        race_simulator(narrow, race={"boxes": BoxSettings(count=1)})
    plain = BoxSettings(count=1, kinds=("parked_car",), lateral_jitter=0.0, turned_deg=0.0)
    race_simulator(narrow, race={"boxes": plain})


@pytest.mark.parametrize("position", ["0.5", "0.5,0", "1.2,1", "left,1"])
def test_a_position_that_is_none_is_refused(position: str) -> None:
    with pytest.raises(SettingsError, match=r"position|fraction"):
        parse_settings(RaceSettings, {"boxes": {"count": 1, "positions": [position]}}, source="race.toml")
