"""A model tried out before it is let in: reference pictures on every engine, whose answers must agree.

The pictures are the same everywhere: black, white, and noise of every brightness and contrast.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import ActionError, ArchiveError, MetadataError
from shared.model_archive import ModelArchive
from shared.model_metadata import ModelMetadata
from shared.observation import model_inputs, observation_spec
from vehicle.drive.engine import Engine, Inputs

FRAMES = 100
LARGEST_DIFFERENCE = 1e-3  # between two engines in float32; by rounding alone it is a hundredth of it

OpenEngine = Callable[[ModelArchive, str], Engine]


def try_model(archive: ModelArchive, engines: Sequence[str], open_one: OpenEngine) -> dict[str, float]:
    """Median milliseconds of an answer, by engine, of those that run it; they agree about every reference frame.

    Raises:
        ArchiveError: no engine runs the model, or two disagree. MetadataError: its answers are no actions.
    """
    frames = [model_inputs(frame) for frame in reference_frames(archive.metadata)]
    answers: dict[str, NDArray[np.float32]] = {}
    times_ms: dict[str, float] = {}
    problems: list[ArchiveError] = []
    for name in engines:
        try:
            engine = open_one(archive, name)
            answers[name], times_ms[name] = _answers(archive, engine, frames)
        except ArchiveError as error:  # an older engine may not know every operator
            problems.append(error)
    if not answers:
        raise problems[0]
    first, *others = answers
    for other in others:
        difference = float(np.abs(answers[first] - answers[other]).max())
        if not difference <= LARGEST_DIFFERENCE:
            raise ArchiveError(
                f"{first} and {other} differ by {difference:.2g} about the model {archive.name}, so neither is to be "
                "trusted with it. Export the model again."
            )
    return times_ms


def reference_frames(metadata: ModelMetadata, count: int = FRAMES) -> Iterator[dict[str, NDArray[Any]]]:
    """So many observations, by sensor, (1, …) each, within the range of each sensor."""
    chance = np.random.default_rng(0)
    for number in range(count):
        frame = {}
        for name in metadata.sensors:
            spec = observation_spec(name, metadata.stack_size, metadata.lidar)
            ends = {0: (spec.low, spec.low), 1: (spec.high, spec.high)}
            low, high = ends.get(number) or np.sort(chance.uniform(spec.low, spec.high, 2))
            frame[name] = chance.uniform(low, high, spec.shape).astype(spec.dtype)[None]
        yield frame


def _answers(archive: ModelArchive, engine: Engine, frames: Sequence[Inputs]) -> tuple[NDArray[np.float32], float]:
    """(frames, n) what the engine said, each found to be an action, and the median time in milliseconds."""
    answers, times_s = [], []
    for frame in frames:
        begun_s = time.perf_counter()
        answer = engine.infer(frame)
        times_s.append(time.perf_counter() - begun_s)
        try:
            archive.metadata.action_space.decode(answer)
        except ActionError as error:
            raise MetadataError(f"The model {archive.name} was tried out on {engine.name}: {error}") from error
        answers.append(answer.reshape(-1))
    return np.array(answers), 1000.0 * float(np.median(times_s))
