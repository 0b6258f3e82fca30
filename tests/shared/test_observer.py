"""What a model sees: every sensor from its reading, stacked, renewed and restored; alone and in a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.errors import MetadataError, ObservationError
from shared.lidar import LidarConfig, lidar_input
from shared.observation import Observer, model_inputs, motion_input, observation_spec
from shared.sensors import (
    DISCRETIZED_SECTOR_LIDAR,
    FRONT_CAMERA,
    LEFT_CAMERA,
    LIDAR,
    SECTOR_LIDAR,
    SENSORS,
    STEREO_CAMERAS,
    WHEEL_SPEED_AND_YAW_RATE,
)

EVERYTHING = (STEREO_CAMERAS, SECTOR_LIDAR, WHEEL_SPEED_AND_YAW_RATE)


def readings(value: int, cars: int | None = None) -> dict[str, np.ndarray]:
    """Readings that can be told apart: the second camera one brighter, each car ten more than the one before."""
    leading = () if cars is None else (cars,)
    of_car = value + 10 * np.arange(cars or 1).reshape(leading)
    pair = (of_car[..., None] + np.arange(2))[..., None, None] * np.ones((120, 160))
    return {
        "camera": pair[..., :1, :, :].astype(np.uint8),
        "stereo": pair.astype(np.uint8),
        "lidar": (of_car[..., None] * np.full(64, 0.01)).astype(np.float32),
        "motion": np.stack((of_car, -of_car), axis=-1).astype(np.float32) / 100,
    }


def first_pixels(pictures: np.ndarray) -> list[Any]:
    return pictures[..., 0, 0].tolist()


def test_an_observation_is_one_array_per_sensor_in_their_order() -> None:
    observation = Observer((SECTOR_LIDAR, FRONT_CAMERA, WHEEL_SPEED_AND_YAW_RATE), 3).push(readings(40))
    assert list(observation) == [SECTOR_LIDAR, FRONT_CAMERA, WHEEL_SPEED_AND_YAW_RATE]
    assert observation[SECTOR_LIDAR].tolist() == [1.0] * 8
    assert first_pixels(observation[FRONT_CAMERA]) == [40, 40, 40]
    assert observation[WHEEL_SPEED_AND_YAW_RATE].tolist() == pytest.approx([0.4, -0.4])


@pytest.mark.parametrize("cars", [None, 3])
@pytest.mark.parametrize("name", SENSORS)
def test_what_is_pushed_has_the_shape_and_type_that_is_announced(name: str, cars: int | None) -> None:
    names = (name,) if SENSORS[name].kind == "camera" else (FRONT_CAMERA, name)
    values = Observer(names, 4, cars=cars).push(readings(20, cars))[name]
    spec = observation_spec(name, 4)
    assert values.shape == (() if cars is None else (cars,)) + spec.shape
    assert values.dtype == spec.dtype
    assert spec.low <= values.min() <= values.max() <= spec.high


def test_only_pictures_are_stacked_and_an_episodes_first_fills_all() -> None:
    observer = Observer(EVERYTHING, 2)
    observer.push(readings(10))
    observer.push(readings(60))
    assert first_pixels(observer.current[STEREO_CAMERAS]) == [10, 11, 60, 61]
    assert observer.current[SECTOR_LIDAR].tolist() == [0.0] * 8
    observer.reset()
    observer.push(readings(90))
    assert first_pixels(observer.current[STEREO_CAMERAS]) == [90, 91, 90, 91]


def test_the_left_camera_is_the_same_picture_by_another_name() -> None:
    assert first_pixels(Observer((LEFT_CAMERA,)).push(readings(7))[LEFT_CAMERA]) == [7]


def test_a_reset_in_a_batch_is_for_the_cars_in_the_mask() -> None:
    observer = Observer((FRONT_CAMERA,), 2, cars=2)
    observer.push(readings(1, 2))
    observer.reset(np.array([False, True]))
    assert first_pixels(observer.push(readings(2, 2))[FRONT_CAMERA]) == [[1, 2], [12, 12]]


def test_an_episode_begun_anew_takes_its_own_readings_and_leaves_the_others() -> None:
    observer = Observer(EVERYTHING, 2, cars=2)
    observer.push(readings(1, 2))
    observer.push(readings(2, 2))
    before = {name: values.copy() for name, values in observer.current.items()}
    observer.renew(np.array([True, False]), readings(70, 2))
    assert first_pixels(observer.current[STEREO_CAMERAS]) == [[70, 71, 70, 71], [11, 12, 12, 13]]
    for name in EVERYTHING:
        np.testing.assert_array_equal(observer.current[name][1], before[name][1])
        assert (observer.current[name][0] != before[name][0]).any()
    observer.push(readings(80, 2))
    assert first_pixels(observer.current[STEREO_CAMERAS])[0] == [70, 71, 80, 81]


def test_a_car_that_was_renewed_before_the_first_push_has_begun() -> None:
    observer = Observer((FRONT_CAMERA,), 2, cars=2)
    observer.renew(np.array([True, True]), readings(1, 2))
    assert first_pixels(observer.push(readings(2, 2))[FRONT_CAMERA]) == [[1, 2], [11, 12]]


def test_a_batch_equals_single_cars() -> None:
    rng = np.random.default_rng(6)
    together, alone = Observer(EVERYTHING, 3, cars=2), [Observer(EVERYTHING, 3) for _ in range(2)]
    for step in range(5):
        both = readings(int(rng.integers(0, 200)), 2)
        fresh = rng.random(2) < 0.4
        together.reset(fresh)
        together.push(both)
        for car in range(2):
            if fresh[car]:
                alone[car].reset()
            alone[car].push({name: values[car] for name, values in both.items()})
            for name in EVERYTHING:
                np.testing.assert_array_equal(together.current[name][car], alone[car].current[name], f"{step} {name}")


def test_the_arrays_stay_the_same_and_the_readings_are_not_touched() -> None:
    observer = Observer(EVERYTHING, 2)
    arrays = dict(observer.current)
    given = readings(5)
    kept = {name: values.copy() for name, values in given.items()}
    for _ in range(3):
        assert observer.push(given) is observer.current
    assert all(observer.current[name] is arrays[name] for name in EVERYTHING)
    for name, values in given.items():
        np.testing.assert_array_equal(values, kept[name])


def test_a_restored_observer_goes_on_as_the_first() -> None:
    first = Observer(EVERYTHING, 3)
    for value in (1, 2, 3):
        first.push(readings(value))
    second = Observer(EVERYTHING, 3)
    second.restore({name: values.copy() for name, values in first.current.items()})
    for observer in (first, second):
        observer.push(readings(4))
    for name in EVERYTHING:
        np.testing.assert_array_equal(second.current[name], first.current[name])


def test_the_lidar_is_the_models_own() -> None:
    config = LidarConfig(num_sectors=4, num_values_per_sector=5, clip_m=1.2)
    seen = Observer((FRONT_CAMERA, DISCRETIZED_SECTOR_LIDAR), 1, config).push(readings(50))[DISCRETIZED_SECTOR_LIDAR]
    np.testing.assert_array_equal(seen, lidar_input(np.full(64, 0.5), DISCRETIZED_SECTOR_LIDAR, config))
    assert observation_spec(LIDAR, 1, config).high == 1.2


def test_a_model_takes_float32_with_a_batch() -> None:
    for cars, count in ((None, 1), (3, 3)):
        inputs = model_inputs(Observer(EVERYTHING, 2, cars=cars).push(readings(9, cars)))
        assert {name: values.shape for name, values in inputs.items()} == {
            STEREO_CAMERAS: (count, 4, 120, 160),
            SECTOR_LIDAR: (count, 8),
            WHEEL_SPEED_AND_YAW_RATE: (count, 2),
        }
        assert all(values.dtype == np.float32 and values.flags.c_contiguous for values in inputs.values())


def test_a_reading_that_is_missing_names_its_sensor() -> None:
    with pytest.raises(ObservationError, match="sees with LIDAR, but there is no reading of it; there are: camera"):
        Observer((FRONT_CAMERA, LIDAR)).push({"camera": np.zeros((1, 120, 160), np.uint8)})


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"camera": np.zeros((2, 120, 160), np.uint8)}, "takes pictures of the shape"),
        ({"camera": np.zeros((160, 120), np.uint8)}, "takes pictures of the shape"),
        ({"lidar": np.zeros((1, 64), np.float32)}, "has the shape"),
        ({"lidar": np.zeros(63, np.float32)}, "63 rays"),
        ({"motion": np.zeros(3, np.float32)}, "two finite numbers"),
        ({"motion": np.array([np.nan, 0.0])}, "two finite numbers"),
    ],
)
def test_a_reading_of_another_shape_is_refused(changed: dict[str, np.ndarray], part: str) -> None:
    observer = Observer((FRONT_CAMERA, LIDAR, WHEEL_SPEED_AND_YAW_RATE))
    with pytest.raises(ObservationError, match=part):
        observer.push(readings(1) | changed)


def test_sensors_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(MetadataError, match="exactly one camera"):
        Observer((LIDAR,))
    with pytest.raises(MetadataError, match="cannot be shared out evenly"):
        Observer((FRONT_CAMERA, SECTOR_LIDAR), 1, LidarConfig(num_sectors=7))


def test_motion_is_limited_to_the_sensors_range() -> None:
    assert motion_input(np.array([1e6, -1e6])).tolist() == [20.0, -20.0]
