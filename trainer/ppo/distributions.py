"""What a policy's output means: draws, log-probabilities and entropies, for discrete and continuous actions.

Plain functions instead of torch.distributions: nothing is checked twice and the random numbers come in as an
argument, so that a run can be repeated.
"""

from __future__ import annotations

import math

from torch import Tensor

LOG_STD_LIMITS = (-20.0, 3.0)  # as DeepRacer's continuous head (reference: Coach's PPO head)
LOG_SQRT_TWO_PI = 0.5 * math.log(2 * math.pi)


def categorical_sample(logits: Tensor, uniform: Tensor) -> Tensor:
    """Draw one action per row. logits: (N, n); uniform: (N,) in [0, 1). Returns (N,) int64."""
    cumulative = logits.softmax(-1).cumsum(-1)
    # Rounding may leave the last sum below 1: the last action takes what is left.
    return (cumulative[:, :-1] <= uniform[:, None]).sum(-1)


def categorical_log_prob(logits: Tensor, actions: Tensor) -> Tensor:
    """Log-probability of each action. logits: (N, n); actions: (N,) int64. Returns (N,)."""
    return logits.log_softmax(-1).gather(-1, actions[:, None])[:, 0]


def categorical_entropy(logits: Tensor) -> Tensor:
    """Entropy of each row, natural logarithm. logits: (N, n). Returns (N,)."""
    log_probabilities = logits.log_softmax(-1)
    return -(log_probabilities.exp() * log_probabilities).sum(-1)


def mixed_with_random(logits: Tensor, epsilon: float) -> Tensor:
    """Logits (N, n) of the policy that acts at random with probability epsilon, else draws from these."""
    probabilities = (1 - epsilon) * logits.softmax(-1) + epsilon / logits.shape[-1]
    return probabilities.clamp(min=1e-30).log()


def gaussian_sample(mean: Tensor, log_std: Tensor, normal: Tensor) -> Tensor:
    """Draw one action per row. mean, normal: (N, d); log_std: (d,). Returns (N, d), not limited to -1..1."""
    return mean + limited_log_std(log_std).exp() * normal


def gaussian_log_prob(mean: Tensor, log_std: Tensor, actions: Tensor) -> Tensor:
    """Log-density (N,) of each action, dimensions independent. mean, actions: (N, d); log_std: (d,)."""
    log_std = limited_log_std(log_std)
    z = (actions - mean) * (-log_std).exp()
    return (-0.5 * z**2 - log_std - LOG_SQRT_TWO_PI).sum(-1)


def gaussian_entropy(mean: Tensor, log_std: Tensor) -> Tensor:
    """Differential entropy of each row: the same for all. mean: (N, d); log_std: (d,). Returns (N,)."""
    return (limited_log_std(log_std) + 0.5 + LOG_SQRT_TWO_PI).sum().expand(len(mean))


def limited_log_std(log_std: Tensor) -> Tensor:
    """The spread a Gaussian policy really uses."""
    return log_std.clamp(*LOG_STD_LIMITS)
