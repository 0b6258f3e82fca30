"""Storage of what N cars saw and did between two updates, allocated once and filled step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.ppo.advantages import generalized_advantages


@dataclass(frozen=True, slots=True)
class Batch:
    """M steps as the update wants them, in no order that matters.

    observations: one tensor (M, …) per sensor, what the network's prepare() made of what was seen.
    actions: (M,) int64, or (M, 2) float32.
    log_probs, advantages, returns: (M,)
    """

    observations: tuple[Tensor, ...]
    actions: Tensor
    log_probs: Tensor
    advantages: Tensor
    returns: Tensor


class Rollout:
    """Up to T steps of N cars.

    For every step: add() what was seen and chosen, then finish_step() with what came of it, for all cars or share by
    share, where some cars may be a step ahead of others. At the end close() and batch(). What was seen lies on
    `device`; the small tables are on the CPU.
    """

    def __init__(
        self, steps: int, cars: int, observation: Sequence[Tensor], action: Tensor, device: torch.device
    ) -> None:
        """observation, action: one example of each, (1, …) tensors, for shape and kind."""
        shape = (steps, cars)
        self._observations = tuple(
            torch.empty((*shape, *one.shape[1:]), dtype=one.dtype, device=device) for one in observation
        )
        self._actions = torch.empty((*shape, *action.shape[1:]), dtype=action.dtype, device=device)
        self._log_probs = torch.empty(shape, device=device)
        self._values = torch.zeros(shape)
        self._next_values = torch.zeros(shape)
        self._rewards = torch.zeros(shape)
        self._terminated = torch.zeros(shape, dtype=torch.bool)
        self._done = torch.zeros(shape, dtype=torch.bool)
        self._cut = torch.zeros(shape, dtype=torch.bool)
        self.length = 0

    def clear(self) -> None:
        """Begin anew."""
        self.length = 0
        self._cut.zero_()

    @property
    def steps(self) -> int:
        """T, the steps that there is room for."""
        return len(self._rewards)

    @property
    def rewards(self) -> Tensor:
        """(T', N) of the steps so far."""
        return self._rewards[: self.length]

    @property
    def done(self) -> Tensor:
        """(T', N) bool of the steps so far."""
        return self._done[: self.length]

    def add(
        self,
        step: int,
        cars: slice,
        observations: Sequence[Tensor],
        actions: Tensor,
        log_probs: Tensor,
        values: Tensor,
    ) -> None:
        """What S of the cars saw at a step, one (S, …) per sensor, and chose (S, …), its log-probability (S,) and the
        critic's estimate (S,)."""
        for stored, seen in zip(self._observations, observations, strict=True):
            stored[step, cars] = seen
        self._actions[step, cars] = actions
        self._log_probs[step, cars] = log_probs
        self._values[step, cars] = values

    def finish_step(
        self,
        step: int,
        cars: slice,
        rewards: Tensor,
        terminated: Tensor,
        done: Tensor,
        cut_values: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """What came of a step of S of the cars: rewards (S,), terminated (S,), done (S,).

        cut_values: (which, values), both (K,): among the S, the critic's estimate where a time limit cut an episode,
            from what was seen last before the reset. Where it is missing, a cut episode counts as ended.
        """
        self._rewards[step, cars] = rewards
        self._done[step, cars] = done
        self._terminated[step, cars] = done
        if cut_values is not None:
            which, values = cut_values
            self._terminated[step, cars][which] = terminated[which]
            self._next_values[step, cars][which] = values.to(self._next_values)
            self._cut[step, cars][which] = True
        self.length = max(self.length, step + 1)

    def close(self, last_values: Tensor) -> None:
        """last_values: (N,) the critic's estimate of where every car is now, for the episodes that go on."""
        t = self.length
        following = torch.cat([self._values[1:t], last_values[None].to(self._values)])
        self._next_values[:t] = torch.where(self._cut[:t], self._next_values[:t], following)

    def batch(self, *, gamma: float, gae_lambda: float, reward_scale: float = 1.0) -> Batch:
        """Every step with its advantage; rewards are divided by reward_scale first."""
        t = self.length
        advantages, returns = generalized_advantages(
            self._rewards[:t] / reward_scale,
            self._values[:t],
            self._next_values[:t],
            self._terminated[:t],
            self._done[:t],
            gamma=gamma,
            gae_lambda=gae_lambda,
        )
        device = self._log_probs.device
        return Batch(
            tuple(seen[:t].flatten(0, 1) for seen in self._observations),
            self._actions[:t].flatten(0, 1),
            self._log_probs[:t].flatten(),
            advantages.flatten().to(device),
            returns.flatten().to(device),
        )
