"""What learns: the network, its optimiser and the random numbers of both. The only part that torch does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shared.actions import ActionSpace
from shared.errors import RunError, SettingsError
from trainer.car_settings import CarSettings
from trainer.config import Hyperparameters
from trainer.ppo.adam import FlatAdam
from trainer.ppo.advantages import ReturnScale
from trainer.ppo.exploration import Choice, choose, state_values
from trainer.ppo.hands import PARTS, Hands
from trainer.ppo.networks import ActorCritic, build_network
from trainer.ppo.rollout import Rollout
from trainer.ppo.topologies import TOPOLOGIES
from trainer.ppo.update import UpdateReport, UpdateRule, led_by_kl, update

Observation = Mapping[str, NDArray[Any]]

EVERYBODY = slice(None)
MOST_STEPS_BETWEEN_TRAINING = 10_000  # of whole episodes; DeepRacer's limit for its shallow network


class Learner:
    """The part of a training that torch does.

    Nothing outside knows torch: observations come in as numpy arrays by sensor, as a shared.observation.Observer
    gives them for N cars; actions go out as numpy arrays.
    """

    def __init__(
        self,
        car: CarSettings,
        hyperparameters: Hyperparameters,
        *,
        cars: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self._hyper = hyperparameters
        self._device = device
        self.action_space: ActionSpace = car.action_space()
        torch.manual_seed(seed)  # draws the first weights, and nothing afterwards
        self.network: ActorCritic = network_of(car).to(device)
        self._optimiser = FlatAdam(self.network)
        self._hands = Hands(self.network, self._optimiser, parts=PARTS if device.type == "cpu" else 1)
        self._generator = torch.Generator().manual_seed(seed)
        self._scale = ReturnScale(cars, hyperparameters.discount_factor)
        self._rollout: Rollout | None = None
        self._lr_share = 1.0  # of the annealed learning rate, as the policy's movements allow
        self._cars = cars

    # Driving

    def act(self, observation: Observation, steps: int, step: int, cars: slice = EVERYBODY) -> NDArray[Any]:
        """Explore. observation: of S of the cars; steps: of all cars so far; step: since the last update.

        Returns (S,) or (S, 2) actions.
        """
        seen = self._to_device(observation)
        choice = choose(self.network, seen, self._generator, epsilon=self._epsilon(steps))
        if self._rollout is None:
            self._rollout = self._new_rollout(choice)
        self._rollout.add(step, cars, choice.observations, choice.actions, choice.log_probs, choice.values)
        return choice.actions.cpu().numpy()

    def take_in(
        self,
        step: int,
        rewards: NDArray[np.float64],
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
        observation: Observation,
        cars: slice = EVERYBODY,
    ) -> None:
        """What came of act() at that step, (S,) each. observation: of those cars after it, before any reset."""
        assert self._rollout is not None
        cut_values = None
        if self._hyper.bootstrap_at_time_limit and truncated.any():
            cut = {sensor: seen[truncated] for sensor, seen in observation.items()}
            values = state_values(self.network, self._to_device(cut)).cpu()
            cut_values = torch.from_numpy(np.flatnonzero(truncated)), values
        self._rollout.finish_step(
            step,
            cars,
            torch.from_numpy(rewards).float(),
            torch.from_numpy(terminated),
            torch.from_numpy(terminated | truncated),
            cut_values,
        )

    @property
    def steps_between_updates(self) -> int:
        """The most steps of every car that an update learns from."""
        return self._hyper.horizon or max(1, MOST_STEPS_BETWEEN_TRAINING // self._cars)

    def best_actions(self, observation: Observation) -> NDArray[Any]:
        """What the policy would do on the car, in float32: (N,) indices or (N, 2) in -1..1, not limited."""
        policy = self._hands.policy(self._to_device(observation))
        return (policy.argmax(-1) if self.network.kind == "discrete" else policy).cpu().numpy()

    # Learning

    def learn(self, observation: Observation, steps: int, pulse: Callable[[], None]) -> UpdateReport:
        """One update from everything taken in since the last.

        observation: what every car sees now. pulse: called between the steps of the update.

        Raises:
            RunError: the numbers are no longer numbers.
        """
        assert self._rollout is not None
        hyper, rollout = self._hyper, self._rollout
        rollout.close(state_values(self.network, self._to_device(observation)))
        scale = 1.0
        if hyper.normalise_rewards:
            self._scale.update(rollout.rewards, rollout.done)
            scale = self._scale.scale
        batch = rollout.batch(gamma=hyper.discount_factor, gae_lambda=hyper.gae_lambda, reward_scale=scale)
        report = update(
            self._hands,
            self._optimiser,
            batch,
            self._rule(steps),
            self._generator,
            pulse=pulse,
        )
        rollout.clear()
        self._check(report)
        if hyper.target_kl > 0:
            self._lr_share = led_by_kl(self._lr_share, report.kl, hyper.target_kl)
        return report

    def _check(self, report: UpdateReport) -> None:
        if bool(torch.isfinite(self._optimiser.weights).all()) and np.isfinite(report.policy_loss):
            return
        raise RunError(
            f"Learning broke down: the loss is {report.policy_loss}. The last checkpoint is good. "
            f"Clone it with --from and a lower hyperparameters.lr (it was {self._hyper.lr:g})."
        )

    def _rule(self, steps: int) -> UpdateRule:
        hyper, left = self._hyper, self._annealed(steps)
        return UpdateRule(
            batch_size=hyper.batch_size,
            num_epochs=hyper.num_epochs,
            lr=hyper.lr * left * self._lr_share,
            beta_entropy=hyper.beta_entropy * left,
            clip=hyper.clip,
            max_grad_norm=hyper.max_grad_norm,
            loss_type=hyper.loss_type,
        )

    def _annealed(self, steps: int) -> float:
        """Fraction of learning rate and entropy weight that is left."""
        if self._hyper.anneal_steps is None:
            return 1.0
        done = min(1.0, steps / self._hyper.anneal_steps)
        return 1.0 + done * (self._hyper.anneal_to - 1.0)

    def _epsilon(self, steps: int) -> float | None:
        """Share of random actions, falling from 1 to its end."""
        if self._hyper.exploration_type == "categorical" or self.network.kind == "continuous":
            return None
        done = min(1.0, steps / self._hyper.epsilon_steps)
        return 1.0 + done * (self._hyper.e_greedy_value - 1.0)

    def _new_rollout(self, choice: Choice) -> Rollout:
        example = [seen[:1] for seen in choice.observations]
        return Rollout(self.steps_between_updates, self._cars, example, choice.actions[:1], self._device)

    def _to_device(self, observation: Observation) -> list[Tensor]:
        return tensors_of(observation, self.network, self._device)

    # Checkpoints

    def weights(self) -> dict[str, NDArray[Any]]:
        """A copy of the network's parameters by name."""
        return {name: p.detach().cpu().numpy().copy() for name, p in self.network.named_parameters()}

    def load_weights(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Put weights() into this network."""
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                parameter.copy_(torch.from_numpy(weights[name]))

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of everything but the weights, between two updates."""
        optimiser = self._optimiser
        tensors = {
            "first_moment": optimiser.first_moment,
            "second_moment": optimiser.second_moment,
            "generator": self._generator.get_state(),
            **{f"scale_{name}": value for name, value in self._scale.state().items()},
        }
        arrays = {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}
        return {**arrays, "updates": np.array(optimiser.steps), "lr_share": np.array(self._lr_share)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from state()."""
        optimiser = self._optimiser
        optimiser.first_moment.copy_(torch.from_numpy(state["first_moment"]))
        optimiser.second_moment.copy_(torch.from_numpy(state["second_moment"]))
        optimiser.steps = int(state["updates"])
        self._lr_share = float(state.get("lr_share", 1.0))  # older checkpoints had no such thing
        self._generator.set_state(torch.from_numpy(state["generator"]))
        prefix = "scale_"
        self._scale.restore(
            {name.removeprefix(prefix): torch.from_numpy(a) for name, a in state.items() if name.startswith(prefix)}
        )


def network_of(car: CarSettings) -> ActorCritic:
    """A fresh network for a car."""
    return build_network(car.network, car.sensors, car.stack_size, car.action_space(), car.lidar_config())


def tensors_of(observation: Observation, network: ActorCritic, device: torch.device) -> list[Tensor]:
    """One tensor per sensor on the device, in the order in which the network takes them."""
    tensors = [torch.from_numpy(observation[sensor.name]) for sensor in network.sensors]
    if device.type == "cpu":
        return tensors
    return [tensor.pin_memory().to(device, non_blocking=True) for tensor in tensors]


def open_device(name: str) -> torch.device:
    """The device of that name; auto takes the GPU where there is one.

    Raises:
        SettingsError: a GPU is asked for and there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            "device is 'cuda', but torch finds no NVIDIA GPU here. Use --device cpu, or install torch for "
            "CUDA: scripts/quickstart --torch cuda"
        )
    return torch.device(name)


def use_threads(network: str) -> None:
    """Let torch have as many threads as the network gains from, in this whole process.

    The small networks' work is done before two threads have met; the large ones gain from every core.
    """
    torch.set_num_threads(1 if TOPOLOGIES[network].shared else len(os.sched_getaffinity(0)))
