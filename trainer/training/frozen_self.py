"""The policy that learns as an opponent of itself: as it was a while ago, or as it is now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from shared.lidar import LidarConfig
from shared.observation import Observer
from trainer.car_settings import CarSettings
from trainer.ppo.exploration import choose
from trainer.training.field import commands
from trainer.training.learner import Learner, network_of, tensors_of
from trainer.training.opponents import Floats, Observation

FROZEN_STREAM = 0x66726F7A656E  # keeps its random numbers apart from the learner's


class FrozenSelf:
    """A Driver with the learner's weights of some time ago. It explores as the learner did then, for variety."""

    def __init__(self, car: CarSettings, *, seed: int, device: torch.device) -> None:
        self._car, self._device = car, device
        self._network = network_of(car).to(device)
        (start,) = np.random.SeedSequence((seed, FROZEN_STREAM)).generate_state(1)
        self._generator = torch.Generator().manual_seed(int(start))

    def renew(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Drive with these weights from now on."""
        with torch.no_grad():
            for name, parameter in self._network.named_parameters():
                parameter.copy_(torch.from_numpy(weights[name]))

    @property
    def sensors(self) -> tuple[str, ...]:
        """What it sees with."""
        return self._car.sensors

    @property
    def lidar(self) -> LidarConfig | None:
        """How it sees with its LiDAR; None without one."""
        return self._car.lidar_config()

    def observer(self, cars: int) -> Observer:
        """What so many cars with this policy see."""
        return self._car.observer(cars)

    def commands(self, observation: Observation) -> tuple[Floats, Floats]:
        """Actions drawn from the policy."""
        choice = choose(self._network, tensors_of(observation, self._network, self._device), self._generator)
        return commands(self._car.action_space(), choice.actions.cpu().numpy())

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of everything that changes."""
        weights = {f"weights.{name}": p.detach().cpu().numpy().copy() for name, p in self._network.named_parameters()}
        return {**weights, "generator": self._generator.get_state().numpy().copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from state()."""
        self.renew({name.removeprefix("weights."): a for name, a in state.items() if name.startswith("weights.")})
        self._generator.set_state(torch.from_numpy(state["generator"]))


class PresentSelf:
    """A Driver with the learner's weights of now, at its best: whom a learner meets in evaluations."""

    def __init__(self, car: CarSettings, learner: Learner) -> None:
        self._car, self._learner = car, learner

    @property
    def sensors(self) -> tuple[str, ...]:
        """What it sees with."""
        return self._car.sensors

    @property
    def lidar(self) -> LidarConfig | None:
        """How it sees with its LiDAR; None without one."""
        return self._car.lidar_config()

    def observer(self, cars: int) -> Observer:
        """What so many cars with this policy see."""
        return self._car.observer(cars)

    def commands(self, observation: Observation) -> tuple[Floats, Floats]:
        """The best actions."""
        return commands(self._learner.action_space, self._learner.best_actions(observation))
