"""Starts, progress and the rules that end an episode, as DeepRacer documents them."""

from __future__ import annotations

import numpy as np
import pytest

from shared.errors import SimulationError
from tests.trainer.simulator.made_up import KINEMATIC, NO_RULES, OFF, one_car, oval_track, steer_along
from trainer.simulator import (
    Column,
    EpisodeRules,
    EpisodeStatus,
    RandomisationSettings,
    Range,
    Simulator,
    SimulatorSettings,
    StartSettings,
)
from trainer.tracks import Track


def drive_until_over(simulator: Simulator, speed_mps: float = 1.0, most_steps: int = 1500) -> list[float]:
    """Follow the centre line until no episode goes on; returns the first car's progress at every step."""
    progress = []
    for _ in range(most_steps):
        simulator.step(steer_along(simulator), speed_mps)
        progress.append(float(simulator.cars.progress_percent[0]))
        if (simulator.terminated | simulator.truncated).all():
            return progress
    raise AssertionError("the episode never ended")


@pytest.mark.parametrize("start_fraction", [0.0, 0.03, 0.5, 0.97])
@pytest.mark.parametrize("against", [False, True])
def test_a_lap_counts_from_wherever_it_starts(oval: Track, start_fraction: float, against: bool) -> None:
    simulator = one_car(oval)
    simulator.reset(start_fraction=start_fraction, reversed=against)
    assert simulator.cars.progress_percent[0] == 0.0
    progress = drive_until_over(simulator)
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.LAP_COMPLETE
    assert (np.diff(progress) > 0).all()
    assert progress[0] < 2.0
    assert progress[-1] == 100.0
    assert simulator.terminated[0]
    assert not simulator.truncated[0]


def test_the_lap_time_is_taken_where_the_line_is_crossed(oval: Track) -> None:
    simulator = one_car(oval, dynamics=KINEMATIC)
    drive_until_over(simulator, 1.0)
    # 13.54 m of centre line at 1 m/s; cutting the corners is a little shorter.
    assert simulator.cars.last_lap_time_s[0] == pytest.approx(oval.length_m, rel=0.05)
    assert 0.0 <= simulator.cars.time_s[0] - simulator.cars.last_lap_time_s[0] < 1 / 15


def test_an_episode_of_three_laps_ends_after_three(oval: Track) -> None:
    simulator = one_car(oval, rules=EpisodeRules(laps=3))
    progress = drive_until_over(simulator, 2.0)
    assert simulator.cars.laps[0] == 3
    assert (np.diff(progress) < 0).sum() == 2
    assert progress[-1] == 100.0


def test_an_open_road_is_driven_from_its_beginning_to_its_end(straight: Track) -> None:
    for against in (False, True):
        simulator = one_car(straight)
        simulator.reset(reversed=against)
        assert simulator.cars.wheels_on_track[0] == 4
        assert simulator.measurements[0, Column.ARC_M] < 0.3
        drive_until_over(simulator)
        assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.LAP_COMPLETE
        assert simulator.cars.wheels_on_track[0] > 0


def test_backing_over_the_start_line_makes_progress_negative(oval: Track) -> None:
    simulator = one_car(oval)
    for _ in range(8):
        simulator.step(0.0, -0.5)
    assert -5.0 < simulator.cars.progress_percent[0] < 0.0
    for _ in range(20):
        simulator.step(0.0, 1.0)
    assert simulator.cars.progress_percent[0] > 0.0


def test_going_backwards_for_fifteen_steps_ends_the_episode(oval: Track) -> None:
    simulator = one_car(oval, dynamics=KINEMATIC)
    simulator.reset(start_fraction=0.5)
    for _ in range(14):
        simulator.step(0.0, -0.3)
    assert not simulator.terminated[0]
    simulator.step(0.0, -0.3)
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.REVERSED


def test_standing_for_fifteen_steps_ends_the_episode(oval: Track) -> None:
    simulator = one_car(oval)
    for _ in range(14):
        simulator.step(0.0, 0.0)
    assert not simulator.terminated[0]
    simulator.step(0.0, 0.0)
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.IMMOBILIZED


def test_moving_once_starts_the_count_of_standing_steps_anew(oval: Track) -> None:
    simulator = one_car(oval, dynamics=KINEMATIC)
    for _ in range(14):
        simulator.step(0.0, 0.0)
    simulator.step(0.0, 0.1)
    for _ in range(14):
        simulator.step(0.0, 0.0)
    assert not simulator.terminated[0]


def test_off_track_means_all_four_wheels(straight: Track) -> None:
    simulator = one_car(straight, dynamics=KINEMATIC)
    seen = set()
    for _ in range(200):
        simulator.step(4.0, 1.0)
        seen.add(int(simulator.cars.wheels_on_track[0]))
        if simulator.terminated[0]:
            break
        assert simulator.cars.wheels_on_track[0] > 0
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.OFF_TRACK
    assert {4, 2, 0} <= seen
    # All wheels are beyond the border: the rightmost one, 8 cm right of the middle, too.
    assert simulator.cars.y_m[0] > 0.4 + 0.06


def test_a_time_limit_truncates_and_does_not_terminate(oval: Track) -> None:
    simulator = one_car(oval, rules=EpisodeRules(time_limit_s=2.0))
    for _ in range(29):
        simulator.step(steer_along(simulator), 0.5)
    assert not simulator.truncated[0]
    simulator.step(steer_along(simulator), 0.5)
    assert simulator.truncated[0]
    assert not simulator.terminated[0]
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.TIME_UP


def test_a_car_whose_episode_is_over_stays_put_until_its_reset(oval: Track) -> None:
    simulator = one_car(oval, rules=EpisodeRules(time_limit_s=1.0))
    for _ in range(15):
        simulator.step(0.0, 1.0)
    frozen = simulator.snapshot()
    for _ in range(3):
        simulator.step(20.0, 2.0)
    after = simulator.snapshot()
    for name in frozen:
        if name == "cars":
            for field in frozen["cars"].dtype.names:
                if not field.startswith("commanded") and field != "present":
                    assert frozen["cars"][field] == after["cars"][field], field
        else:
            assert (frozen[name].tobytes()) == after[name].tobytes(), name
    simulator.reset()
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.PREPARE
    assert not simulator.truncated[0]


def test_starts_go_round_the_track_from_each_cars_own_place(oval: Track) -> None:
    simulator = Simulator([oval], SimulatorSettings(randomisation=OFF), seeds=[1, 2], start_fraction=[0.0, 0.9])
    places = []
    for _ in range(4):
        simulator.reset()
        origin = np.stack((simulator.cars.x_m, simulator.cars.y_m), axis=-1)
        places.append(oval.project(origin)[0] / oval.length_m)
    np.testing.assert_allclose(np.transpose(places), [[0.0, 0.05, 0.1, 0.15], [0.9, 0.95, 0.0, 0.05]], atol=2e-3)


def test_the_direction_alternates_when_asked(oval: Track) -> None:
    start = StartSettings(alternate_direction=True)
    simulator = Simulator([oval], SimulatorSettings(randomisation=OFF, start=start), seeds=[1])
    directions = []
    for _ in range(4):
        simulator.reset()
        directions.append(int(simulator.cars.direction[0]))
    assert directions == [1, -1, 1, -1]


def test_a_reversed_start_faces_the_other_way(oval: Track) -> None:
    with_it, against = one_car(oval), one_car(oval, start=StartSettings(reversed=True))
    turned = with_it.cars.heading_rad[0] - against.cars.heading_rad[0]
    assert np.cos(turned) == pytest.approx(-1.0)
    assert against.measurements[0, Column.IS_REVERSED] == 1.0
    assert with_it.measurements[0, Column.IS_REVERSED] == 0.0


def test_left_is_left_in_both_directions(oval: Track) -> None:
    for against in (False, True):
        simulator = one_car(oval)
        simulator.reset(start_lateral_m=0.2, reversed=against)
        assert simulator.cars.lateral_m[0] == pytest.approx(0.2, abs=1e-6)
        assert simulator.measurements[0, Column.LATERAL_M] == pytest.approx(0.2, abs=1e-6)


def test_a_random_start_keeps_to_its_share_of_the_road(oval: Track) -> None:
    wild = RandomisationSettings(preset="off", start_lateral=Range(low=-0.9, high=0.9))
    simulator = Simulator([oval], SimulatorSettings(randomisation=wild), seeds=np.arange(200))
    simulator.reset()
    origin = np.stack((simulator.cars.x_m, simulator.cars.y_m), axis=-1)
    lateral = oval.project(origin)[1]
    assert np.abs(lateral).max() <= 0.9 * 0.4 + 0.01
    assert np.ptp(lateral) > 0.5


def test_a_car_put_back_stands_in_the_nearer_lane_with_the_progress_it_had(oval: Track) -> None:
    simulator = one_car(oval, dynamics=KINEMATIC)
    while not simulator.terminated[0]:
        simulator.step(3.0, 1.0)
    progress = simulator.cars.progress_percent[0]
    steps, time_s = simulator.cars.steps[0], simulator.cars.time_s[0]
    simulator.put_back([True], pause_s=1.0)
    cars = simulator.cars
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.PAUSE
    assert not simulator.terminated[0]
    assert cars.progress_percent[0] == progress
    assert cars.lateral_m[0] == pytest.approx(0.2, abs=0.02)
    assert cars.wheels_on_track[0] == 4
    for _ in range(14):
        simulator.step(0.0, 1.0)
    assert cars.speed_mps[0] == 0.0
    assert (cars.steps[0], cars.time_s[0]) == (steps + 14, pytest.approx(time_s + 14 / 15))
    for _ in range(15):
        simulator.step(0.0, 1.0)
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.IN_PROGRESS
    assert cars.progress_percent[0] > progress


def test_a_car_never_jumps_to_a_road_close_by() -> None:
    # Two straights of a flat oval, 0.9 m apart, with a road of 0.8 m: crossing over is going off the track.
    narrow = oval_track(straight_m=6.0, radius_m=0.45, half_width_m=0.4)
    simulator = one_car(narrow, dynamics=KINEMATIC)
    simulator.reset(start_fraction=0.02)
    while not simulator.terminated[0]:
        simulator.step(12.0, 1.0)
    assert EpisodeStatus(int(simulator.status[0])) is EpisodeStatus.OFF_TRACK
    assert simulator.cars.progress_percent[0] < 25.0


def test_every_position_is_that_of_the_front_point_as_the_track_measures_it(oval: Track) -> None:
    simulator = Simulator([oval], SimulatorSettings(rules=NO_RULES), seeds=np.arange(8))
    simulator.reset()
    for step in range(60):
        simulator.step(steer_along(simulator) + 8 * np.sin(step / 5), 1.2)
    rows = simulator.measurements
    front = rows[:, [Column.X_M, Column.Y_M]]
    arc_m, lateral_m = oval.project(front)
    np.testing.assert_allclose(rows[:, Column.ARC_M], arc_m, atol=0.01)
    np.testing.assert_allclose(rows[:, Column.LATERAL_M], lateral_m, atol=0.005)
    np.testing.assert_allclose(rows[:, Column.TRACK_WIDTH_M], oval.width_m(arc_m), atol=0.01)
    cars = simulator.cars
    ahead = np.stack((np.cos(cars.heading_rad), np.sin(cars.heading_rad)), axis=-1)
    np.testing.assert_allclose(front - 0.14 * ahead, np.stack((cars.x_m, cars.y_m), axis=-1), atol=1e-12)


def test_waypoints_are_those_before_and_after_the_projection(oval: Track) -> None:
    for against in (False, True):
        track = oval.reversed() if against else oval
        simulator = one_car(oval)
        simulator.reset(reversed=against, start_fraction=0.03)
        for _ in range(120):
            simulator.step(steer_along(simulator), 1.0)
            row = simulator.measurements[0]
            previous, following = int(row[Column.PREVIOUS_WAYPOINT]), int(row[Column.NEXT_WAYPOINT])
            assert following == previous + 1
            assert track.waypoint_arcs_m[previous] <= row[Column.ARC_M] + 1e-9
            assert row[Column.ARC_M] <= track.waypoint_arcs_m[following] + 1e-9


def test_steps_are_counted_as_deepracer_does(oval: Track) -> None:
    simulator = one_car(oval)
    assert simulator.measurements[0, Column.STEPS] == 1
    simulator.step(0.0, 1.0)
    assert simulator.measurements[0, Column.STEPS] == 2
    assert simulator.cars.steps[0] == 1


def test_a_step_before_the_first_reset_is_refused(oval: Track) -> None:
    simulator = Simulator([oval], seeds=[1])
    with pytest.raises(SimulationError, match="Reset"):
        simulator.step(0.0, 1.0)


def test_a_car_on_a_track_that_is_not_there_is_refused(oval: Track) -> None:
    with pytest.raises(SimulationError, match="track_index"):
        Simulator([oval], seeds=[1, 2], track_index=[0, 1])
    simulator = Simulator([oval], seeds=[1, 2])
    with pytest.raises(SimulationError, match="track_index"):
        simulator.reset(track_index=3)


def test_a_mask_for_another_number_of_cars_is_refused(oval: Track) -> None:
    simulator = Simulator([oval], seeds=[1, 2])
    with pytest.raises(SimulationError, match="mask of 2 cars"):
        simulator.reset([True])
