"""Choosing actions while learning: drawn from the policy, with a share of random ones in between where
wanted.

DeepRacer's e-greedy took the policy's best action otherwise and told PPO that the policy had chosen. Its
updates then rest on probabilities that nobody used, and end in infinities. Here the rest is drawn, and PPO
is told the mixture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.ppo.distributions import (
    categorical_log_prob,
    categorical_sample,
    gaussian_log_prob,
    gaussian_sample,
    mixed_with_random,
)
from trainer.ppo.networks import ActorCritic, Observations
from trainer.ppo.precision import reduced_precision, storage_dtype


@dataclass(frozen=True, slots=True)
class Choice:
    """What N cars do next, and what an update has to know about it. On the network's device.

    observations: prepared, one tensor (N, …) per sensor; actions: (N,) int64 or (N, 2) float32;
    log_probs, values: (N,)
    """

    observations: tuple[Tensor, ...]
    actions: Tensor
    log_probs: Tensor
    values: Tensor


@torch.no_grad()
def choose(
    network: ActorCritic, observations: Observations, generator: torch.Generator, *, epsilon: float | None = None
) -> Choice:
    """Explore. observations: one tensor per sensor, as ActorCritic.forward takes them, on the network's device.

    generator: on the CPU. epsilon: share of random actions, discrete only; None is none.
    """
    seen = prepared(network, observations)
    with reduced_precision(seen[0].device):
        policy, values = network.policy_and_value(seen)
    if network.kind == "continuous":
        normal = torch.randn(policy.shape, generator=generator).to(policy.device)
        actions = gaussian_sample(policy, network.log_std, normal)
        return Choice(seen, actions, gaussian_log_prob(policy, network.log_std, actions), values)
    uniform = torch.rand(len(policy), generator=generator).to(policy.device)
    if epsilon is not None:
        policy = mixed_with_random(policy, epsilon)
    actions = categorical_sample(policy, uniform)
    return Choice(seen, actions, categorical_log_prob(policy, actions), values)


@torch.no_grad()
def state_values(network: ActorCritic, observations: Observations) -> Tensor:
    """The critic's estimate (N,) of what N cars see."""
    seen = prepared(network, observations)
    with reduced_precision(seen[0].device):
        return network.value(seen)


def prepared(network: ActorCritic, observations: Observations) -> tuple[Tensor, ...]:
    """network.prepare() as a rollout stores it: fractions in the type that the first layer reads."""
    stored = []
    for observation in network.prepare(observations):
        if observation.is_floating_point():
            observation = observation.to(storage_dtype(observation.device))
        pictures = observation.ndim == 4
        stored.append(observation.contiguous(memory_format=torch.channels_last) if pictures else observation)
    return tuple(stored)
