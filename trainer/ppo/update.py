"""One PPO update: several passes over a batch in random minibatches, each minibatch by several hands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.ppo.adam import FlatAdam
from trainer.ppo.distributions import (
    categorical_entropy,
    categorical_log_prob,
    gaussian_entropy,
    gaussian_log_prob,
)
from trainer.ppo.hands import Hands
from trainer.ppo.losses import clipped_policy_loss, standardised, value_loss
from trainer.ppo.networks import ActorCritic
from trainer.ppo.precision import reduced_precision
from trainer.ppo.rollout import Batch

VALUE_LOSS_WEIGHT = 0.5
LR_FACTOR = 1.5  # by which the learning rate gives way to a policy that moves too far
LEAST_LR_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class UpdateRule:
    """The numbers of one update; the meaning of each is in trainer.config.Hyperparameters."""

    batch_size: int
    num_epochs: int
    lr: float
    beta_entropy: float
    clip: float
    max_grad_norm: float
    loss_type: str


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """Means over the update's minibatches. kl: how far the policy moved (Schulman's estimate k3)."""

    policy_loss: float
    value_loss: float
    entropy: float
    kl: float
    clip_fraction: float
    gradient_norm: float


def update(
    hands: Hands,
    optimiser: FlatAdam,
    batch: Batch,
    rule: UpdateRule,
    generator: torch.Generator,
    *,
    pulse: Callable[[], None] | None = None,
) -> UpdateReport:
    """Improve the network of hands and optimiser in place.

    generator: orders the minibatches, on the CPU.
    pulse: called before each step; may raise to leave the update where it is.
    """
    rows = len(batch.actions)
    size = minibatch_size(rows, rule.batch_size)
    advantages = standardised(batch.advantages)
    sums = torch.zeros(6, dtype=torch.float64, device=advantages.device)
    minibatches = 0
    for _ in range(rule.num_epochs):
        order = torch.randperm(rows, generator=generator).to(advantages.device)
        for begin in range(0, rows - size + 1, size):  # what is left over at the end sits out this pass
            if pulse is not None:
                pulse()
            chosen = order[begin : begin + size]
            measured = hands.gather(
                lambda network, rows: _losses(network, batch, advantages, rows, rule), chosen, optimiser.gradients
            )
            norm = optimiser.limit_gradients(rule.max_grad_norm)
            optimiser.step(rule.lr)
            sums += torch.cat([measured, norm[None]])
            minibatches += 1
    return UpdateReport(*(sums / minibatches).tolist())


def led_by_kl(lr_share: float, kl: float, target_kl: float) -> float:
    """The share of the learning rate for the next update, LEAST_LR_SHARE to 1, after one that moved the policy by kl.

    Source: the adaptive rule of Schulman et al. 2017, section 4, on the learning rate instead of a penalty.
    """
    if kl > 2 * target_kl:
        lr_share /= LR_FACTOR
    elif kl < target_kl / 2:
        lr_share *= LR_FACTOR
    return min(1.0, max(LEAST_LR_SHARE, lr_share))


def minibatch_size(rows: int, wanted: int) -> int:
    """As wanted, or where there are fewer rows the largest power of two that they fill (as DeepRacer)."""
    return wanted if rows >= wanted else 1 << (rows.bit_length() - 1)


def _losses(
    network: ActorCritic, batch: Batch, advantages: Tensor, chosen: Tensor, rule: UpdateRule
) -> tuple[Tensor, Tensor]:
    """The loss to go down on, and (5,) what it is made of."""
    observations = tuple(seen[chosen] for seen in batch.observations)
    with reduced_precision(chosen.device):
        policy, values = network.policy_and_value(observations)
    actions = batch.actions[chosen]
    if network.kind == "discrete":
        log_probs, entropy = categorical_log_prob(policy, actions), categorical_entropy(policy).mean()
    else:
        log_probs = gaussian_log_prob(policy, network.log_std, actions)
        entropy = gaussian_entropy(policy, network.log_std).mean()
    old_log_probs = batch.log_probs[chosen]
    policy_loss = clipped_policy_loss(log_probs, old_log_probs, advantages[chosen], rule.clip)
    critic_loss = value_loss(values, batch.returns[chosen], rule.loss_type)
    loss = policy_loss + VALUE_LOSS_WEIGHT * critic_loss - rule.beta_entropy * entropy
    with torch.no_grad():
        shift = log_probs - old_log_probs
        kl = (shift.exp() - 1 - shift).mean()
        clipped = ((shift.exp() - 1).abs() > rule.clip).float().mean()
        measured = torch.stack([policy_loss, critic_loss, entropy, kl, clipped]).double()
    return loss, measured
