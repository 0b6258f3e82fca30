"""What simulated sensors see, for comparing models: cars that drive at random in many worlds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.actions import ActionSpace, DiscreteActionSpace
from shared.cars import DEEPRACER, CarModel
from shared.model_metadata import ModelMetadata
from shared.observation import Observer
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
    car: CarModel = DEEPRACER,
) -> dict[str, NDArray[Any]]:
    """Observations on these tracks, (count, …) by sensor of the model, as shared.observation gives them."""
    chance = np.random.default_rng(seed)
    cars_per_world = settings.race.cars_per_world
    cars = -(-min(CARS, count) // cars_per_world) * cars_per_world  # whole worlds
    simulator = Simulator(
        tracks,
        settings.for_lidar(metadata.lidar),
        seeds=np.arange(seed, seed + cars, dtype=np.uint64),
        start_fraction=chance.random(cars),
        car=car,
        sensors=metadata.sensors,
    )
    simulator.reset()
    observer = Observer(metadata.sensors, metadata.stack_size, metadata.lidar, cars)
    seen = [_copied(observer.push(simulator.readings()))]
    while len(seen) * cars < count:
        simulator.step(*_random_actions(metadata.action_space, cars, chance))
        done = simulator.terminated | simulator.truncated
        if done.any():
            simulator.reset(done)
            observer.reset(done)
        seen.append(_copied(observer.push(simulator.readings())))
    return {name: np.concatenate([one[name] for one in seen])[:count] for name in metadata.sensors}


def _copied(observation: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name: seen.copy() for name, seen in observation.items()}


def _random_actions(
    space: ActionSpace, cars: int, chance: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steering angles in degrees and speeds in m/s, one of the space's actions for each car."""
    if isinstance(space, DiscreteActionSpace):
        steering_deg, speed_mps = space.arrays()
        chosen = chance.integers(len(steering_deg), size=cars)
        return steering_deg[chosen], speed_mps[chosen]
    return space.scale(chance.uniform(-1, 1, (cars, 2)))
