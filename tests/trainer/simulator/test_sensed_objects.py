"""Sensors and what shares the road: boxes, bots and cars in scans and in both pictures of a pair, in many worlds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.lidar import RANGE_MAX_M
from shared.sensors import LIDAR, STEREO_CAMERAS, WHEEL_SPEED_AND_YAW_RATE
from tests.trainer.simulator.made_up import NO_RULES, quiet, steer_along, straight_track
from trainer.simulator import RandomisationSettings, Simulator, SimulatorSettings
from trainer.simulator.race import BarrierSettings, BotSettings, BoxSettings, RaceSettings
from trainer.simulator.settings import LidarSettings
from trainer.simulator.simulator import STATE
from trainer.tracks import Track

EVERYTHING = (STEREO_CAMERAS, LIDAR, WHEEL_SPEED_AND_YAW_RATE)
AROUND = LidarSettings(rays=360, fov_deg=360.0, noise_m=0.0)
LOW_WALLS = quiet(wall_height_m=(0.1, 0.1))
BUSY = RaceSettings(
    boxes=BoxSettings(count=2, min_distance_m=1.2, start_gap_m=0.8),
    bots=BotSettings(count=1, speed_mps=(0.3, 0.8), lane_change=True, lane_change_distance_m=0.3, min_distance_m=1.0),
    barriers=BarrierSettings(count=2),
    cars_per_world=2,
)


def simulator_of(track: Track, race: RaceSettings, cars: int = 1, **changes: Any) -> Simulator:
    settings = {"randomisation": LOW_WALLS, "threads": 1, "rules": NO_RULES, "lidar": AROUND, "race": race} | changes
    simulator = Simulator(
        [track], SimulatorSettings(**settings), seeds=np.arange(cars) + 1, start_fraction=0.0, sensors=EVERYTHING
    )
    simulator.reset()
    return simulator


def bearing_and_distance(simulator: Simulator, car: int, x_m: float, y_m: float) -> tuple[int, float]:
    """Degrees left of straight ahead, and metres, from the LiDAR of a car to a place."""
    cars = simulator.cars
    heading = cars.heading_rad[car]
    dx = x_m - cars.x_m[car] - 0.02913 * math.cos(heading)
    dy = y_m - cars.y_m[car] - 0.02913 * math.sin(heading)
    return round(math.degrees(math.atan2(dy, dx) - heading)) % 360, math.hypot(dx, dy)


def around(simulator: Simulator, car: int) -> NDArray[np.float32]:
    """A scan by degrees left of straight ahead: the first ray looks there, since the LiDAR's zero looks back."""
    return simulator.lidar[car]


def test_the_scan_shows_a_box_where_the_world_has_it() -> None:
    track = straight_track()
    simulator = simulator_of(track, RaceSettings(boxes=BoxSettings(count=1, positions=("0.35,-1",))))
    box = simulator.objects[0, 0]
    degrees, distance_m = bearing_and_distance(simulator, 0, box["x_m"], box["y_m"])
    seen = around(simulator, 0)
    assert distance_m - math.hypot(box["half_length_m"], box["half_width_m"]) < seen[degrees] < distance_m
    others = np.flatnonzero(seen < RANGE_MAX_M)
    assert (np.abs((others - degrees + 180) % 360 - 180) < 15).all()


def test_cars_of_one_world_see_each_others_lidar_and_not_those_of_other_worlds(oval: Track) -> None:
    simulator = simulator_of(oval, RaceSettings(cars_per_world=2, grid_gap_m=1.0), cars=4)
    simulator.reset()
    for car, other in ((0, 1), (1, 0), (2, 3), (3, 2)):
        degrees, distance_m = bearing_and_distance(
            simulator, car, *(
                value[other] + 0.02913 * turn(simulator.cars.heading_rad[other])
                for value, turn in ((simulator.cars.x_m, np.cos), (simulator.cars.y_m, np.sin))
            )
        )  # fmt: skip
        assert around(simulator, car)[degrees] == pytest.approx(distance_m - 0.045, abs=0.02)
        assert (around(simulator, car) < RANGE_MAX_M).sum() < 12


def test_a_bot_that_drives_comes_and_goes_in_the_scan(oval: Track) -> None:
    """It laps a car that stands: for a while it is within a metre, for a while far away."""
    race = RaceSettings(bots=BotSettings(count=1, speed_mps=(2.0, 2.0), pause_s=0.0))
    simulator = simulator_of(oval, race, randomisation=quiet(start_lateral=(0.8, 0.8), wall_height_m=(0.1, 0.1)))
    nearest = []
    for _ in range(100):
        simulator.step(0.0, 0.0)
        nearest.append(float(around(simulator, 0).min()))
    assert min(nearest) < 1.0
    assert max(nearest) > 1.5


def test_barriers_beside_the_road_are_in_the_scan(oval: Track) -> None:
    tall, low = (
        simulator_of(oval, RaceSettings(barriers=BarrierSettings(count=4, height_m=height_m)))
        for height_m in (0.3, 0.1)
    )
    assert (around(tall, 0) < RANGE_MAX_M).any()
    assert (around(low, 0) == RANGE_MAX_M).all()


def left_edge_px(picture: NDArray[np.uint8], without: NDArray[np.uint8]) -> float:
    """Where a box begins in a row (160,), to a part of a pixel, from what it changes there."""
    changed = np.abs(picture.astype(float) - without)
    first = int(np.argmax(changed > 0.5 * changed.max()))
    full = changed[first + 1]
    return first + 1 - changed[first] / full - changed[first - 1] / full


@pytest.mark.parametrize("fraction", [0.3, 0.4, 0.5])
def test_a_box_is_further_to_the_right_in_the_left_picture_by_baseline_over_distance(fraction: float) -> None:
    """Disparity = focal length * baseline / depth; the focal length of 160 px over 64.7 degrees is 126 px."""
    world = quiet(shadow_strength=(0.0, 0.0), object_level=(255.0, 255.0))
    with_box, without = (
        simulator_of(straight_track(), RaceSettings(boxes=boxes), randomisation=world)
        for boxes in (BoxSettings(count=1, positions=(f"{fraction},1",), kinds=("box",)), BoxSettings())
    )
    box = with_box.objects[0, 0]
    ahead_m = box["x_m"] - box["half_length_m"] - with_box.cars.x_m[0] - 0.1453  # from the lens to the near face
    below_m = 0.1303 - 0.5 * box["height_m"]  # to the middle of its height
    # The camera looks down by 15 degrees.
    cos, sin = math.cos(math.radians(15)), math.sin(math.radians(15))
    depth_m, down_m = ahead_m * cos + below_m * sin, below_m * cos - ahead_m * sin
    focal_px = 80.0 / math.tan(0.5 * 1.13)
    row = int(60.0 + focal_px * down_m / depth_m)
    left, right = (left_edge_px(with_box.pictures[0, k, row], without.pictures[0, k, row]) for k in range(2))
    assert left - right == pytest.approx(focal_px * 0.06 / depth_m, abs=0.12)


def drive(simulator: Simulator, steps: int) -> None:
    for step in range(steps):
        simulator.step(steer_along(simulator) + 12 * np.sin(step / 4), 1.3)
        over = simulator.terminated | simulator.truncated
        if over.any():
            simulator.reset(over)


STRONG = SimulatorSettings(randomisation=RandomisationSettings(preset="strong"), race=BUSY)


def test_the_number_of_threads_changes_no_byte_of_what_is_sensed_of_others(oval: Track) -> None:
    results = []
    for threads in (1, 2):
        simulator = Simulator([oval], STRONG.changed(threads=threads), seeds=np.arange(6), sensors=EVERYTHING)
        simulator.reset()
        drive(simulator, 25)
        results.append({name: values.tobytes() for name, values in simulator.snapshot().items()})
    assert results[0] == results[1]


def test_every_world_of_a_batch_is_sensed_as_if_it_were_alone(oval: Track) -> None:
    seeds = np.arange(6) + 40
    batch = Simulator([oval], STRONG, seeds=seeds, start_fraction=0.1, sensors=EVERYTHING)
    batch.reset()
    drive(batch, 40)
    for world in range(3):
        rows = slice(2 * world, 2 * world + 2)
        alone = Simulator(
            [oval], STRONG, seeds=seeds[rows], start_fraction=0.1, world_index=[world, world], sensors=EVERYTHING
        )
        alone.reset()
        drive(alone, 40)
        for name in set(STATE) - {"worlds", "objects"}:
            assert alone.snapshot()[name].tobytes() == batch.snapshot()[name][rows].tobytes(), name
    assert batch.cars.episode.max() > 0


def test_a_scan_holds_while_the_others_move_on(oval: Track) -> None:
    simulator = simulator_of(oval, BUSY, cars=2, lidar=LidarSettings(rate_hz=5.0, noise_m=0.0))
    news = 0
    for _ in range(9):
        before = simulator.lidar[0].copy()
        simulator.step(0.0, 0.5)
        news += bool((simulator.lidar[0] != before).any())
    assert news == 3
