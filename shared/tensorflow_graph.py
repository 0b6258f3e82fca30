"""Which tensor of a stock DeepRacer graph is what: a frozen TensorFlow 1 graph, told by the names in it.

The graph takes float32: cameras (1, 120, 160, C), 0 to 255, which it divides by 255 itself, others (1, size). Names,
from deepracer-simapp: input `…/<sensor>/<sensor>`, output `…/ppo_head_0/policy` (SAC: `…/sac_policy_head_0/policy`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from shared.errors import ArchiveError
from shared.model_metadata import ModelMetadata

POLICY_SUFFIXES = ("ppo_head_0/policy", "sac_policy_head_0/policy")

Names = Collection[str]  # of one tensor, with or without `:0`


def graph_sensors(inputs: Sequence[Names], metadata: ModelMetadata, source: str) -> list[str]:
    """Which sensor each of the graph's inputs is, in their order, by the last part of the input's name.

    source: what to call the model in the ArchiveError for inputs that are not the metadata's sensors.
    """
    known = dict(zip(metadata.sensors_as_written, metadata.sensors, strict=True)) | {s: s for s in metadata.sensors}
    names = [sorted(name.split(":")[0] for name in each) for each in inputs]
    if len(names) == len(metadata.sensors) == 1:
        return list(metadata.sensors)
    found = [known[last] for each in names for last in {name.rpartition("/")[2] for name in each} if last in known]
    if len(names) != len(found) or sorted(found) != sorted(metadata.sensors):
        raise ArchiveError(
            f"The model in {source} has the inputs {[each[0] for each in names]}, its model_metadata.json the sensors "
            f"{list(metadata.sensors_as_written)}. Take an archive whose parts belong together."
        )
    return found


def policy_place(outputs: Sequence[Names], inputs: int, source: str) -> int:
    """Which of the outputs is the policy, of a graph with so many inputs; ArchiveError when none is."""
    for place, names in enumerate(outputs):
        if any(name.split(":")[0].endswith(POLICY_SUFFIXES) for name in names):
            return place
    if inputs == len(outputs) == 1:
        return 0
    found = sorted(name for names in outputs for name in names)
    raise ArchiveError(f"The model in {source} has no output that ends in {POLICY_SUFFIXES[0]}, but {found}.")


def channels_last(axes: Sequence[Any]) -> tuple[Any, ...]:
    """(batch, channels, height, width) as TensorFlow has it, (batch, height, width, channels); others as they are."""
    return (axes[0], axes[2], axes[3], axes[1]) if len(axes) == 4 else tuple(axes)


def channels_first(axes: Sequence[Any]) -> tuple[Any, ...]:
    """The other way round."""
    return (axes[0], axes[3], axes[1], axes[2]) if len(axes) == 4 else tuple(axes)
