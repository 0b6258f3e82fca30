"""How much better than expected each action turned out: generalised advantage estimation."""

from __future__ import annotations

import torch
from torch import Tensor


def generalized_advantages(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    done: Tensor,
    *,
    gamma: float,
    gae_lambda: float,
) -> tuple[Tensor, Tensor]:
    """Advantage of each action taken; Schulman et al. 2016, equation 16.

    Args (T steps, N cars):
        rewards: (T, N)
        values: (T, N) critic's estimate of the state each action was taken in.
        next_values: (T, N) its estimate of the state that followed, before any reset.
        terminated: (T, N) bool, the episode truly ended there: nothing follows.
        done: (T, N) bool, terminated or cut short by a time limit.

    Returns:
        advantages, returns: each (T, N).
    """
    # TD error: r_t + gamma V(s_t+1) - V(s_t); a terminal state is worth nothing.
    errors = rewards + gamma * next_values * ~terminated - values
    carried_on = gamma * gae_lambda * (~done).to(errors.dtype)
    advantages = torch.empty_like(errors)
    following = torch.zeros_like(errors[0])
    for t in range(len(errors) - 1, -1, -1):
        following = errors[t] + carried_on[t] * following
        advantages[t] = following
    return advantages, advantages + values


class ReturnScale:
    """The spread of the discounted returns seen so far: dividing rewards by it makes any reward's size fit.

    Returns are followed per car through the rollouts; the variance is Chan's parallel update. Only the scale
    changes, never the sign, so what is good stays good.
    """

    def __init__(self, cars: int, gamma: float) -> None:
        self._gamma = gamma
        self.returns = torch.zeros(cars, dtype=torch.float64)
        self.count = torch.zeros((), dtype=torch.float64)
        self.mean = torch.zeros((), dtype=torch.float64)
        self.squares = torch.zeros((), dtype=torch.float64)

    def update(self, rewards: Tensor, done: Tensor) -> None:
        """Take in a rollout. rewards, done: (T, N)."""
        for t in range(len(rewards)):
            self.returns = self.returns * self._gamma + rewards[t]
            self._include(self.returns)
            self.returns = self.returns * ~done[t]

    def _include(self, seen: Tensor) -> None:
        total = self.count + seen.numel()
        shift = seen.mean() - self.mean
        self.squares = self.squares + ((seen - seen.mean()) ** 2).sum()
        self.squares = self.squares + shift**2 * self.count * seen.numel() / total
        self.mean = self.mean + shift * seen.numel() / total
        self.count = total

    @property
    def scale(self) -> float:
        """The standard deviation of the returns; 1 until there is one."""
        if self.count < 2:
            return 1.0
        deviation = float((self.squares / self.count).sqrt())
        return deviation if deviation > 1e-8 else 1.0

    def state(self) -> dict[str, Tensor]:
        """Everything, by name, for a checkpoint."""
        return {"returns": self.returns, "count": self.count, "mean": self.mean, "squares": self.squares}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from state()."""
        for name, value in state.items():
            setattr(self, name, value.clone())
