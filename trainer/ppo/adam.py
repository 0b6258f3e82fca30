"""Adam on one flat array: every weight of a network and its gradient as views of two vectors.

Instead of torch.optim: one vector means one call per operation, one all-reduce between machines and one
array in a checkpoint, and its import (torch's compiler comes with it) costs as long as a thousand updates.
Source: Kingma and Ba 2015, algorithm 1, in the form of the end of its section 2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-5  # as DeepRacer's presets


class FlatAdam:
    """The optimiser of one network. Building it moves the network's weights into one vector."""

    def __init__(self, network: nn.Module) -> None:
        self.weights = torch.cat([_in_memory_order(p.data) for p in network.parameters()])
        self.gradients = torch.zeros_like(self.weights)
        self.lend(network, self.gradients)
        self.first_moment = torch.zeros_like(self.weights)
        self.second_moment = torch.zeros_like(self.weights)
        self.steps = 0

    def lend(self, network: nn.Module, gradients: Tensor) -> None:
        """Let a network of the same kind use these weights, and put its gradient into a vector of the same length."""
        begin = 0
        for parameter in network.parameters():
            end = begin + parameter.numel()
            layout = parameter.data.stride()
            parameter.data = self.weights[begin:end].as_strided(parameter.shape, layout, begin)
            parameter.grad = gradients[begin:end].as_strided(parameter.shape, layout, begin)
            begin = end

    def limit_gradients(self, max_norm: float) -> Tensor:
        """Shorten the gradient to max_norm (0: no limit). Returns the length it had."""
        norm: Tensor = torch.linalg.vector_norm(self.gradients)
        if max_norm > 0:
            self.gradients *= (max_norm / (norm + 1e-6)).clamp(max=1.0)
        return norm

    def step(self, lr: float) -> None:
        """Move the weights down the gradient."""
        self.steps += 1
        self.first_moment.lerp_(self.gradients, 1 - BETA_1)
        self.second_moment.mul_(BETA_2).addcmul_(self.gradients, self.gradients, value=1 - BETA_2)
        correction_1, correction_2 = 1 - BETA_1**self.steps, 1 - BETA_2**self.steps
        spread = self.second_moment.sqrt().div_(math.sqrt(correction_2)).add_(EPSILON)
        self.weights.addcdiv_(self.first_moment, spread, value=-lr / correction_1)


def _in_memory_order(tensor: Tensor) -> Tensor:
    """The numbers as they lie in memory, channels_last included, as one new vector."""
    return tensor.as_strided((tensor.numel(),), (1,)).clone()
