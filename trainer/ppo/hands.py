"""The gradient of a minibatch, and the policy of many cars, by several hands at once: each takes a part of the rows.

The layers of a small network are over before threads inside them have met; half a minibatch is work enough for a core.
The parts and the order of their sum never depend on how many cores there are, so neither do the results.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import torch
from torch import Tensor

from trainer.ppo.adam import FlatAdam
from trainer.ppo.networks import ActorCritic

PARTS = 2

# The loss of a network for some rows of a batch, and what it is made of.
Losses: TypeAlias = Callable[[ActorCritic, Tensor], tuple[Tensor, Tensor]]


class Hands:
    """A network and copies that share its weights; every copy has a gradient of its own."""

    def __init__(
        self, network: ActorCritic, optimiser: FlatAdam, *, parts: int = PARTS, cores: int | None = None
    ) -> None:
        """optimiser: of the network. parts: of every minibatch. cores: to use at once, by default all there are."""
        self._networks = [network, *(copy.deepcopy(network) for _ in range(parts - 1))]
        self._gradients = [optimiser.gradients, *(torch.zeros_like(optimiser.gradients) for _ in range(parts - 1))]
        for copied, gradients in zip(self._networks[1:], self._gradients[1:], strict=True):
            optimiser.lend(copied, gradients)
        cores = len(os.sched_getaffinity(0)) if cores is None else cores
        self._others = ThreadPoolExecutor(parts - 1, "gradients") if parts > 1 and cores > 1 else None

    def gather(self, losses: Losses, rows: Tensor, gradients: Tensor) -> Tensor:
        """Put the mean gradient over the rows into `gradients`, which are the optimiser's.

        Returns the mean of what the losses are made of.
        """
        parts = rows.chunk(len(self._networks))
        shares = [len(part) / len(rows) for part in parts]
        tasks = [
            (network, part, own, share)
            for network, part, own, share in zip(self._networks, parts, self._gradients, shares, strict=False)
        ]
        if self._others is None:
            measured = [_one(losses, *task) for task in tasks]
        else:
            waiting = [self._others.submit(_one, losses, *task) for task in tasks[1:]]
            first = _one(losses, *tasks[0])
            measured = [first, *(future.result() for future in waiting)]
        for own in self._gradients[1 : len(tasks)]:
            gradients += own
        return _sum(measured)

    def policy(self, observations: Sequence[Tensor]) -> Tensor:
        """ActorCritic.policy of what the sensors saw, in float32, without a gradient."""
        parts = list(zip(*(seen.chunk(len(self._networks)) for seen in observations), strict=True))
        if self._others is None:
            return torch.cat([_policy(self._networks[0], part) for part in parts])
        waiting = [self._others.submit(_policy, self._networks[0], part) for part in parts[1:]]
        first = _policy(self._networks[0], parts[0])
        return torch.cat([first, *(future.result() for future in waiting)])


def _policy(network: ActorCritic, observations: Sequence[Tensor]) -> Tensor:
    with torch.no_grad():
        return network.policy(network.prepare(observations))


def _one(losses: Losses, network: ActorCritic, rows: Tensor, gradients: Tensor, share: float) -> Tensor:
    """One part: its share of the gradient into `gradients`; returns its share of what was measured."""
    loss, measured = losses(network, rows)
    gradients.zero_()
    (loss * share).backward()  # type: ignore[no-untyped-call]
    return measured * share


def _sum(parts: Sequence[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
