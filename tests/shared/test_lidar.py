"""The LiDAR's numbers by hand: rays in order, sectors, parts of a distance, scans of a device, both key families."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.errors import MetadataError, ObservationError
from shared.lidar import RANGE_MAX_M, LidarConfig, lidar_input, lidar_size, rays_from_scan
from shared.sensors import DISCRETIZED_SECTOR_LIDAR, LIDAR, SECTOR_LIDAR, SENSORS

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "sensors.json").read_text())
LIDARS = [name for name, sensor in SENSORS.items() if sensor.kind == "lidar"]
SIMULATORS = {"num_sectors": 16, "num_values_per_sector": 4, "clipping_dist": 3.0}
CARS = {
    "num_values": 64,
    "min_angle": -150,
    "max_angle": 150,
    "min_distance": 0.15,
    "max_distance": 0.5,
    "clipping_distance": 1.0,
    "num_sectors": 8,
}


def nothing(rays: int = 64) -> np.ndarray:
    return np.full(rays, RANGE_MAX_M, np.float32)


@pytest.mark.parametrize("name", LIDARS)
def test_golden_rays_give_the_golden_inputs(name: str) -> None:
    rays = np.array(GOLDEN["lidar"], np.float32)
    np.testing.assert_array_equal(lidar_input(rays, name, LidarConfig()), np.array(GOLDEN[name], np.float32))


def test_a_golden_scan_gives_the_golden_rays() -> None:
    rays = rays_from_scan(GOLDEN["scan_angles_deg"], GOLDEN["scan_distances_m"], LidarConfig())
    np.testing.assert_allclose(rays, GOLDEN["scan_rays"], atol=1e-6)


@pytest.mark.parametrize("name", LIDARS)
def test_the_table_has_the_shape_and_range_of_the_default_config(name: str) -> None:
    assert SENSORS[name].shape == (lidar_size(name, LidarConfig()),)
    anything = np.random.default_rng(1).uniform(0, 13, (100, 64)).astype(np.float32)
    values = lidar_input(anything, name, LidarConfig())
    assert (values.shape, values.dtype) == ((100, *SENSORS[name].shape), np.float32)
    assert values.min() == pytest.approx(SENSORS[name].low)
    assert values.max() == pytest.approx(SENSORS[name].high)


def test_rays_are_in_metres_and_clipped_at_one_distance() -> None:
    rays = nothing()
    rays[:6] = [0.05, 0.15, 0.3, 0.999, 1.0, 1.5]
    values = lidar_input(rays, LIDAR, LidarConfig())
    np.testing.assert_allclose(values[:7], [0.15, 0.15, 0.3, 0.999, 1.0, 1.0, 1.0], rtol=1e-6)
    assert lidar_input(rays, LIDAR, LidarConfig(clip_m=1.2))[5] == pytest.approx(1.2)


def test_what_is_no_number_is_nothing() -> None:
    for nowhere in (np.nan, np.inf):
        for name in LIDARS:
            rays = np.full(64, nowhere, np.float32)
            np.testing.assert_array_equal(
                lidar_input(rays, name, LidarConfig()), lidar_input(nothing(), name, LidarConfig())
            )


def test_a_sector_is_one_when_one_of_its_rays_is_nearer_than_half_a_metre() -> None:
    rays = nothing()
    rays[7] = 0.49  # the last ray of the first sector
    rays[8] = 0.5  # not nearer
    rays[63] = 0.2
    assert lidar_input(rays, SECTOR_LIDAR, LidarConfig()).tolist() == [1, 0, 0, 0, 0, 0, 0, 1]


def test_the_nearest_thing_of_a_sector_is_one_of_its_distances() -> None:
    """2 m in 8 parts of 0.25 m: 0.7 m is part 2, 1.74 m part 6; part 7, from 1.75 m on, is nothing."""
    rays = nothing()
    rays[0:2] = [1.9, 0.7]  # the nearest counts
    rays[8] = 1.74
    rays[16] = 1.76
    rays[24] = 0.15
    values = lidar_input(rays, DISCRETIZED_SECTOR_LIDAR, LidarConfig()).reshape(8, 7)
    assert [row.argmax() if row.any() else None for row in values[:5]] == [2, 6, None, 0, None]
    assert values.sum() == 3


def test_sectors_and_distances_are_the_models_own() -> None:
    config = LidarConfig(num_sectors=4, num_values_per_sector=3, clip_m=3.0)
    rays = nothing()
    rays[17] = 1.5
    values = lidar_input(rays, DISCRETIZED_SECTOR_LIDAR, config)
    assert values.tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert lidar_size(DISCRETIZED_SECTOR_LIDAR, config) == 8


@pytest.mark.parametrize("name", LIDARS)
def test_a_batch_equals_single_cars(name: str) -> None:
    rays = np.random.default_rng(2).uniform(0.1, 3, (5, 64)).astype(np.float32)
    alone = np.stack([lidar_input(row, name, LidarConfig()) for row in rays])
    np.testing.assert_array_equal(lidar_input(rays, name, LidarConfig()), alone)


def test_another_number_of_rays_is_refused() -> None:
    with pytest.raises(ObservationError, match="gives 360 rays, the model was made for 64"):
        lidar_input(nothing(360), LIDAR, LidarConfig())


def test_the_rays_leave_out_what_is_in_front_of_the_car() -> None:
    """Zero looks backwards: -150 degrees of the LiDAR is 30 degrees to the left of ahead, 150 is 30 to the right."""
    angles = LidarConfig().angles_deg
    assert (angles[0], angles[-1], len(angles)) == (-150.0, 150.0, 64)
    assert np.diff(angles) == pytest.approx(300 / 63)
    around = LidarConfig(num_rays=360, fov_deg=360).angles_deg
    assert (around[0], around[-1]) == (-180.0, 179.0)


@pytest.mark.parametrize(
    ("ahead_left_deg", "ray"),
    [(30.0, 0), (90.0, 13), (180.0, 31), (-90.0, 50), (-30.0, 63)],
    ids=["ahead left", "left", "behind", "right", "ahead right"],
)
def test_a_thing_beside_the_car_is_in_its_ray(ahead_left_deg: float, ray: int) -> None:
    """An RPLIDAR that looks ahead counts clockwise: a thing on the left, 90 degrees in ISO 8855, is at 270."""
    device_deg = (-ahead_left_deg) % 360
    scan = np.arange(0.0, 360.0, 0.5)
    distances = np.where(np.abs((scan - device_deg + 180) % 360 - 180) < 2.9, 0.6, 5.0)
    rays = rays_from_scan(scan, distances, LidarConfig(), yaw_deg=0.0)
    assert rays[ray] == pytest.approx(0.6)
    assert (rays < 1).sum() <= 2


def test_the_direction_and_the_zero_of_the_device_do_not_matter() -> None:
    around = np.arange(0.0, 360.0)
    distances = np.random.default_rng(3).uniform(0.2, 6, 360)
    rays = rays_from_scan(around, distances, LidarConfig(), yaw_deg=180.0, clockwise=False)
    clockwise = rays_from_scan(-around, distances, LidarConfig(), yaw_deg=180.0)
    turned = rays_from_scan(around + 360.0 - 70.0, distances, LidarConfig(), yaw_deg=-110.0, clockwise=False)
    np.testing.assert_allclose(clockwise, rays, rtol=1e-6)
    np.testing.assert_allclose(turned, rays, rtol=1e-6)


def test_the_order_of_the_points_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    angles, distances = rng.uniform(0, 360, 500), rng.uniform(0.2, 6, 500)
    shuffled = rng.permutation(500)
    np.testing.assert_array_equal(
        rays_from_scan(angles, distances, LidarConfig()),
        rays_from_scan(angles[shuffled], distances[shuffled], LidarConfig()),
    )


def test_between_two_points_of_a_wall_a_ray_lies_between_and_at_an_edge_it_is_the_nearer_point() -> None:
    config = LidarConfig(num_rays=9, fov_deg=80.0)  # rays at -40, -30, …, 40
    angles = [-12.0, -8.0, 8.0, 11.0]
    rays = rays_from_scan(angles, [1.0, 1.08, 0.5, 3.0], config, clockwise=False)
    assert rays[3] == pytest.approx(1.04)  # at -10
    assert rays[5] == pytest.approx(3.0)  # at 10: across an edge, 11 is nearer than 8
    assert rays[4] == pytest.approx(1.08)  # at 0: the first of two points equally far


@pytest.mark.parametrize("missing", [0.0, -1.0, np.nan, np.inf, 20.0])
def test_a_point_without_an_answer_is_nothing(missing: float) -> None:
    distances = np.full(360, 0.7)
    distances[175:186] = missing
    rays = rays_from_scan(np.arange(360.0), distances, LidarConfig(), yaw_deg=0.0)
    assert rays[31] == rays[32] == RANGE_MAX_M  # behind the car, 2.4 degrees to either side
    assert rays[28] == pytest.approx(0.7)


def test_where_no_point_is_nothing_is() -> None:
    assert (rays_from_scan([], [], LidarConfig()) == RANGE_MAX_M).all()
    rays = rays_from_scan([0.0], [0.4], LidarConfig())
    assert (np.flatnonzero(rays < 1) == [31, 32]).all()


def test_a_thing_nearer_than_the_device_can_see_is_as_near_as_it_can_see() -> None:
    assert rays_from_scan(np.arange(360.0), np.full(360, 0.02), LidarConfig())[0] == pytest.approx(0.15)


def test_lists_of_different_lengths_are_no_scan() -> None:
    with pytest.raises(ObservationError, match="as many angles as distances"):
        rays_from_scan([0.0, 1.0], [1.0], LidarConfig())


@pytest.mark.parametrize("name", LIDARS)
@pytest.mark.parametrize(
    "config",
    [LidarConfig(), LidarConfig(num_sectors=16, num_values_per_sector=4, clip_m=3.0), LidarConfig(120, 360.0)],
    ids=["default", "fine", "around"],
)
def test_what_is_written_is_read_back(name: str, config: LidarConfig) -> None:
    written = config.to_metadata(name)
    assert set(written) == {*SIMULATORS, *CARS}
    read = LidarConfig.from_metadata(json.loads(json.dumps(written)), name)
    rays = np.random.default_rng(5).uniform(0.1, 3, config.num_rays).astype(np.float32)
    np.testing.assert_array_equal(lidar_input(rays, name, read), lidar_input(rays, name, config))
    assert (read.fov_deg, read.clip_of(name)) == (config.fov_deg, config.clip_of(name))


def test_the_simulators_keys_are_read() -> None:
    config = LidarConfig.from_metadata(SIMULATORS, DISCRETIZED_SECTOR_LIDAR)
    assert config == LidarConfig(num_sectors=16, num_values_per_sector=4, clip_m=3.0)


def test_the_cars_keys_are_read_as_the_model_was_trained() -> None:
    """The stock car clips at 0.5 m what its simulator clipped at 1.0."""
    assert LidarConfig.from_metadata(CARS, LIDAR) == LidarConfig(clip_m=1.0)
    assert LidarConfig.from_metadata(CARS, SECTOR_LIDAR) == LidarConfig(clip_m=0.5)
    assert LidarConfig.from_metadata(CARS | {"num_sectors": 64}, LIDAR) == LidarConfig(clip_m=1.0)
    narrow = LidarConfig.from_metadata(CARS | {"min_angle": "-60", "max_angle": "60", "num_values": "32"}, LIDAR)
    assert (narrow.fov_deg, narrow.num_rays) == (120.0, 32)


@pytest.mark.parametrize("values", [None, {}])
def test_without_a_config_the_defaults_are_deepracers(values: dict[str, Any] | None) -> None:
    clips = {name: LidarConfig.from_metadata(values, name).clip_of(name) for name in LIDARS}
    assert clips == {LIDAR: 1.0, SECTOR_LIDAR: 0.5, DISCRETIZED_SECTOR_LIDAR: 2.0}


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"num_sectors": 7}, "64 rays, which cannot be shared out evenly among num_sectors = 7"),
        ({"num_sectors": 0}, "num_sectors is 0; allowed is 1"),
        ({"num_sectors": 2.5}, "lidar_config.num_sectors must be a whole number"),
        ({"num_values_per_sector": 1}, "num_values_per_sector is 1; allowed is 2"),
        ({"clipping_dist": 0.1}, "clipping_dist is 0.1; allowed is 0.15 to 12"),
        ({"clipping_dist": 13}, "allowed is 0.15 to 12"),
        ({"clipping_dist": None}, "lidar_config.clipping_dist must be a number"),
        ({"min_angle": -60, "max_angle": 90}, "not the same to both sides"),
        ({"min_angle": -60}, "lidar_config.max_angle must be a number"),
        ({"min_angle": 150, "max_angle": -150}, "max_angle - min_angle is -300"),
        ({"num_values": 4}, "num_values is 4; allowed is 8 to 720"),
    ],
)
def test_a_config_that_cannot_be_is_refused_with_its_key(values: dict[str, Any], part: str) -> None:
    with pytest.raises(MetadataError) as caught:
        LidarConfig.from_metadata(values, DISCRETIZED_SECTOR_LIDAR)
    assert part in str(caught.value)
