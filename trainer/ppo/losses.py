"""PPO's three losses, each a plain function of a minibatch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def clipped_policy_loss(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """Schulman et al. 2017, equation 7, negated: -mean of min(r A, clip(r, 1-c, 1+c) A). All (B,)."""
    ratio = (log_probs - old_log_probs).exp()
    return -torch.min(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages).mean()


def value_loss(values: Tensor, returns: Tensor, loss_type: str) -> Tensor:
    """How wrong the critic is: half the squared error, or Huber's, linear beyond an error of 1. Both (B,)."""
    if loss_type == "huber":
        return functional.smooth_l1_loss(values, returns)
    return 0.5 * functional.mse_loss(values, returns)


def standardised(advantages: Tensor) -> Tensor:
    """Mean 0, standard deviation 1 over everything given."""
    return (advantages - advantages.mean()) / (advantages.std(correction=0) + 1e-8)
