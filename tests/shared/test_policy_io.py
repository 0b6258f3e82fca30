"""The tensors of a model and its metadata agree, or the model is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.actions import DEFAULT_ACTION_SPACE, ContinuousActionSpace
from shared.errors import MetadataError
from shared.model_metadata import ModelMetadata
from shared.policy_io import TensorSpec, check_interface, policy_inputs, policy_output

METADATA = ModelMetadata(DEFAULT_ACTION_SPACE, stack_size=3)
CAMERA = TensorSpec("FRONT_FACING_CAMERA", (1, 3, 120, 160))
POLICY = TensorSpec("policy", (1, 15))


def test_the_interface_follows_from_the_metadata() -> None:
    assert policy_inputs(METADATA) == (CAMERA,)
    assert policy_output(METADATA) == POLICY
    continuous = METADATA.changed(action_space=ContinuousActionSpace(-30.0, 30.0, 0.5, 1.0))
    assert policy_output(continuous) == TensorSpec("policy", (1, 2))


def test_there_is_one_input_per_sensor_in_their_order_with_the_models_own_lidar() -> None:
    metadata = METADATA.changed(
        sensors=("DISCRETIZED_SECTOR_LIDAR", "STEREO_CAMERAS", "WHEEL_SPEED_AND_YAW_RATE"),
        sensors_as_written=(),
        lidar_config={"num_sectors": 16, "num_values_per_sector": 5, "clipping_dist": 3.0},
    )
    assert policy_inputs(metadata) == (
        TensorSpec("DISCRETIZED_SECTOR_LIDAR", (1, 64)),
        TensorSpec("STEREO_CAMERAS", (1, 6, 120, 160)),
        TensorSpec("WHEEL_SPEED_AND_YAW_RATE", (1, 2)),
    )


@pytest.mark.parametrize("batch", [1, None, -1])
def test_the_interface_fits_with_a_fixed_or_a_free_batch(batch: int | None) -> None:
    check_interface([replace(CAMERA, shape=(batch, 3, 120, 160))], [replace(POLICY, shape=(batch, 15))], METADATA)


@pytest.mark.parametrize(
    ("inputs", "outputs", "part"),
    [
        ([], [POLICY], "inputs are []"),
        ([replace(CAMERA, name="input")], [POLICY], "inputs are ['input']"),
        ([CAMERA, TensorSpec("LIDAR", (1, 64))], [POLICY], "asks for ['FRONT_FACING_CAMERA']"),
        ([CAMERA, CAMERA], [POLICY], "inputs are"),
        ([replace(CAMERA, shape=(1, 1, 120, 160))], [POLICY], "has shape [1, 1, 120, 160]"),
        ([replace(CAMERA, shape=(1, 120, 160, 3))], [POLICY], "has shape [1, 120, 160, 3]"),
        ([replace(CAMERA, shape=(3, 120, 160))], [POLICY], "has shape [3, 120, 160]"),
        ([replace(CAMERA, shape=(2, 3, 120, 160))], [POLICY], "has shape [2, 3, 120, 160]"),
        ([replace(CAMERA, dtype="uint8")], [POLICY], "is uint8, it must be float32"),
        ([CAMERA], [replace(POLICY, name="output")], "outputs are ['output']"),
        ([CAMERA], [replace(POLICY, shape=(1, 14))], "has shape [1, 14]"),
        ([CAMERA], [POLICY, replace(POLICY, name="value")], "outputs are ['policy', 'value']"),
    ],
)
def test_another_interface_is_refused(inputs: list[TensorSpec], outputs: list[TensorSpec], part: str) -> None:
    with pytest.raises(MetadataError) as caught:
        check_interface(inputs, outputs, METADATA)
    assert part in str(caught.value)
