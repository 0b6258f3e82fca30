"""A model's tensors: one float32 input per sensor, named as the sensor; one float32 output, `policy`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import MetadataError
from shared.model_metadata import ModelMetadata
from shared.observation import observation_spec

POLICY_OUTPUT = "policy"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, shape and element type of one tensor. None or a negative number in the shape: free (dynamic)."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"


def policy_inputs(metadata: ModelMetadata) -> tuple[TensorSpec, ...]:
    """The inputs this model must have, in the order of its sensors: a camera [1, C, 120, 160], others [1, size]."""
    return tuple(
        TensorSpec(name, (1, *observation_spec(name, metadata.stack_size, metadata.lidar).shape))
        for name in metadata.sensors
    )


def policy_output(metadata: ModelMetadata) -> TensorSpec:
    """The output: probabilities [1, n] of a discrete space, or [1, 2] steering and speed in -1..1."""
    return TensorSpec(POLICY_OUTPUT, (1, metadata.action_space.output_size))


def check_interface(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], metadata: ModelMetadata) -> None:
    """Raise MetadataError unless the model's tensors are those its metadata asks for."""
    _check_tensors("input", inputs, policy_inputs(metadata))
    _check_tensors("output", outputs, (policy_output(metadata),))


def _check_tensors(what: str, found: Sequence[TensorSpec], wanted: Sequence[TensorSpec]) -> None:
    by_name = {tensor.name: tensor for tensor in found}
    if len(by_name) != len(found) or set(by_name) != {tensor.name for tensor in wanted}:
        raise MetadataError(
            f"The model's {what}s are {[tensor.name for tensor in found]}, its metadata asks for "
            f"{[tensor.name for tensor in wanted]}. Export the model again with its own metadata."
        )
    for expected in wanted:
        tensor = by_name[expected.name]
        if tensor.dtype != expected.dtype:
            raise MetadataError(f"The model's {what} '{tensor.name}' is {tensor.dtype}, it must be {expected.dtype}.")
        if not _fits(tensor.shape, expected.shape):
            raise MetadataError(
                f"The model's {what} '{tensor.name}' has shape {list(tensor.shape)}, its metadata asks for "
                f"{list(expected.shape)}. Export the model again with its own metadata."
            )


def _fits(found: Sequence[int | None], wanted: Sequence[int | None]) -> bool:
    if len(found) != len(wanted):
        return False
    return all(size is None or size < 0 or size == expected for size, expected in zip(found, wanted, strict=True))
