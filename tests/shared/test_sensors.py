"""The sensor table and the rules of a sensor set."""

from __future__ import annotations

import numpy as np
import pytest

from shared.actions import DEFAULT_ACTION_SPACE
from shared.errors import MetadataError
from shared.model_metadata import ModelMetadata
from shared.observation import camera_input
from shared.policy_io import policy_inputs
from shared.sensors import FRONT_CAMERA, SENSORS, SensorSpec, check_sensor_set, sensor_name


@pytest.mark.parametrize("sensor", SENSORS.values(), ids=SENSORS)
def test_every_sensor_can_be_a_model_input(sensor: SensorSpec) -> None:
    assert SENSORS[sensor.name] is sensor
    assert all(sensor_name(alias) == sensor.name for alias in (sensor.name, *sensor.aliases))
    assert sensor.low < sensor.high
    assert all(size > 0 for size in sensor.shape)
    np.zeros(sensor.shape, dtype=sensor.dtype)
    if sensor.kind == "camera":
        spec = policy_inputs(ModelMetadata(DEFAULT_ACTION_SPACE, sensors=(sensor.name,)))[0]
        assert camera_input(np.zeros(sensor.shape, dtype=sensor.dtype)).shape == spec.shape


def test_the_old_name_observation_means_the_front_camera() -> None:
    assert sensor_name("observation") == sensor_name("OBSERVATION") == FRONT_CAMERA


def test_an_unknown_sensor_is_refused_with_the_closest_name() -> None:
    with pytest.raises(MetadataError, match="Did you mean 'FRONT_FACING_CAMERA'"):
        sensor_name("FRONT_CAMERA")


@pytest.mark.parametrize("names", [(), (FRONT_CAMERA, FRONT_CAMERA), (FRONT_CAMERA, "observation")])
def test_a_model_has_exactly_one_camera(names: tuple[str, ...]) -> None:
    with pytest.raises(MetadataError, match="exactly one camera"):
        check_sensor_set(names)
