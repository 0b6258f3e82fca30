"""Pictures of the simulated camera for comparing models: cars that drive at random in many worlds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.actions import ActionSpace, DiscreteActionSpace
from shared.model_metadata import ModelMetadata
from shared.observation import FrameStack
from trainer.simulator import Simulator, SimulatorSettings
from trainer.tracks import Track

CARS = 20  # share the pictures out between them


def rendered_frames(
    tracks: Sequence[Track],
    settings: SimulatorSettings,
    metadata: ModelMetadata,
    count: int,
    *,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Camera observations (count, C, 120, 160) on these tracks, C the model's stacked pictures."""
    chance = np.random.default_rng(seed)
    cars = min(CARS, count)
    simulator = Simulator(
        tracks,
        settings,
        seeds=np.arange(seed, seed + cars, dtype=np.uint64),
        start_fraction=chance.random(cars),
    )
    simulator.reset()
    stack = FrameStack(metadata.stack_size, cars)
    pictures = [stack.push(simulator.camera).copy()]
    while len(pictures) * cars < count:
        simulator.step(*_random_actions(metadata.action_space, cars, chance))
        done = simulator.terminated | simulator.truncated
        if done.any():
            simulator.reset(done)
            stack.reset(done)
        pictures.append(stack.push(simulator.camera).copy())
    return np.concatenate(pictures)[:count]


def _random_actions(
    space: ActionSpace, cars: int, chance: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steering angles in degrees and speeds in m/s, one of the space's actions for each car."""
    if isinstance(space, DiscreteActionSpace):
        steering_deg, speed_mps = space.arrays()
        chosen = chance.integers(len(steering_deg), size=cars)
        return steering_deg[chosen], speed_mps[chosen]
    return space.scale(chance.uniform(-1, 1, (cars, 2)))
