"""The sensor table and the rules of a sensor set."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from shared.actions import DEFAULT_ACTION_SPACE
from shared.errors import MetadataError
from shared.model_metadata import ModelMetadata
from shared.observation import model_inputs
from shared.policy_io import policy_inputs
from shared.sensors import (
    FRONT_CAMERA,
    SENSORS,
    WHEEL_SPEED_AND_YAW_RATE,
    SensorSpec,
    check_sensor_set,
    sensor_name,
)


@pytest.mark.parametrize("sensor", SENSORS.values(), ids=SENSORS)
def test_every_sensor_can_be_a_model_input(sensor: SensorSpec) -> None:
    assert SENSORS[sensor.name] is sensor
    assert all(sensor_name(alias) == sensor.name for alias in (sensor.name, *sensor.aliases))
    assert sensor.low < sensor.high
    assert all(size > 0 for size in sensor.shape)
    np.zeros(sensor.shape, dtype=sensor.dtype)
    names = (sensor.name,) if sensor.kind == "camera" else (FRONT_CAMERA, sensor.name)
    spec = policy_inputs(ModelMetadata(DEFAULT_ACTION_SPACE, sensors=names))[-1]
    assert spec.shape == (1, *sensor.shape)
    inputs = model_inputs({sensor.name: np.zeros(sensor.shape, dtype=sensor.dtype)})
    assert (inputs[sensor.name].shape, inputs[sensor.name].dtype) == (spec.shape, np.float32)


def test_the_old_name_observation_means_the_front_camera() -> None:
    assert sensor_name("observation") == sensor_name("OBSERVATION") == FRONT_CAMERA


def test_an_unknown_sensor_is_refused_with_the_closest_name() -> None:
    with pytest.raises(MetadataError, match="Did you mean 'FRONT_FACING_CAMERA'"):
        sensor_name("FRONT_CAMERA")


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("LIDAR",),
        (FRONT_CAMERA, FRONT_CAMERA),
        (FRONT_CAMERA, "observation"),
        (FRONT_CAMERA, "LEFT_CAMERA"),
        ("STEREO_CAMERAS", "LIDAR", FRONT_CAMERA),
    ],
)
def test_a_model_has_exactly_one_camera(names: tuple[str, ...]) -> None:
    with pytest.raises(MetadataError, match="exactly one camera"):
        check_sensor_set(names)


@pytest.mark.parametrize("names", [("LIDAR", "LIDAR"), ("LIDAR", "SECTOR_LIDAR"), ("lidar", "SECTOR_LIDAR")])
def test_a_model_has_at_most_one_lidar(names: tuple[str, ...]) -> None:
    with pytest.raises(MetadataError, match="at most one LiDAR sensor, this one has 2"):
        check_sensor_set((FRONT_CAMERA, *names))


def test_a_model_has_motion_once() -> None:
    with pytest.raises(MetadataError, match="at most one motion sensor"):
        check_sensor_set((FRONT_CAMERA, WHEEL_SPEED_AND_YAW_RATE, WHEEL_SPEED_AND_YAW_RATE))


def test_every_other_combination_is_legal_in_any_order() -> None:
    by_kind = {kind: [name for name in SENSORS if SENSORS[name].kind == kind] for kind in ("camera", "lidar", "motion")}
    for camera in by_kind["camera"]:
        for others in itertools.product([None, *by_kind["lidar"]], [None, *by_kind["motion"]]):
            for names in itertools.permutations((camera, *(name for name in others if name))):
                assert check_sensor_set(names) == names
