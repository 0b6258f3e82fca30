"""The neural networks: DeepRacer's three by name, and `fast`, the small default. Camera in, policy and value
out.

Sources: DeepRacer's topologies as Coach builds them (ReLU after every layer, no padding, policy and value
fully apart).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.actions import ActionSpace
from shared.sensors import CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX

INITIAL_LOG_STD = -0.7  # continuous actions start with a spread of 0.5 in -1..1


@dataclass(frozen=True, slots=True)
class Topology:
    """Layers of one network. convolutions: (filters, kernel, stride) each; dense: units each.

    shared: policy and value grow from the same layers. pool_px: the camera picture is first averaged over
    squares of this side, and levelled: its own mean subtracted and divided by its own deviation.
    """

    convolutions: tuple[tuple[int, int, int], ...]
    dense: tuple[int, ...]
    shared: bool = False
    pool_px: int = 1


TOPOLOGIES: dict[str, Topology] = {
    "fast": Topology(((16, 8, 4), (32, 4, 2), (32, 3, 2)), (256,), shared=True, pool_px=2),
    "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW": Topology(((32, 8, 4), (64, 4, 2), (64, 3, 1)), (512,)),
    "DEEP_CONVOLUTIONAL_NETWORK": Topology(((32, 5, 2), (32, 3, 1), (64, 3, 2), (64, 3, 1)), (64, 512)),
    "DEEP_CONVOLUTIONAL_NETWORK_DEEP": Topology(((32, 8, 4), (32, 4, 2), (64, 4, 2), (64, 3, 1)), (512, 512, 256, 128)),
}


def build_network(name: str, observation_channels: int, action_space: ActionSpace) -> ActorCritic:
    """A fresh network with weights drawn from torch's generator."""
    return ActorCritic(TOPOLOGIES[name], observation_channels, action_space.kind, action_space.output_size)


class ActorCritic(nn.Module):
    """Policy and value of one topology.

    forward(camera): camera (N, C, 120, 160), uint8 or float, values 0 to 255. Returns
        policy (N, n): logits of n discrete actions, or the mean of 2 continuous ones (nominally -1..1, not
        limited); value (N,): the critic's estimate.
    Training calls prepare() once per picture, stores what it returns, and calls policy_and_value() on that
    many times.
    """

    def __init__(
        self, topology: Topology, channels: int, kind: Literal["discrete", "continuous"], output_size: int
    ) -> None:
        super().__init__()
        self.kind = kind
        self.pool_px = topology.pool_px
        # Registered in the order policy, value: the order of the weights in checkpoints.
        self.policy_body = _body(topology, channels)
        self.value_body = self.policy_body if topology.shared else _body(topology, channels)
        self.policy_head = nn.Linear(topology.dense[-1], output_size)
        self.value_head = nn.Linear(topology.dense[-1], 1)
        if kind == "continuous":
            self.log_std = nn.Parameter(torch.full((output_size,), INITIAL_LOG_STD))
        _initialise(self)
        # Nearly equal probabilities and nearly zero steering at first, whatever the picture.
        nn.init.orthogonal_(self.policy_head.weight, 0.01)
        nn.init.orthogonal_(self.value_head.weight, 1.0)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def prepare(self, camera: Tensor) -> Tensor:
        """The part without weights: nothing for DeepRacer's networks; `fast` averages squares and levels."""
        if self.pool_px == 1:
            return camera
        pooled = functional.avg_pool2d(camera.float(), self.pool_px)
        mean = pooled.mean((1, 2, 3), keepdim=True)
        centred = pooled - mean
        # + 8 grey levels: a featureless picture is not blown up into noise.
        return centred / ((centred * centred).mean((1, 2, 3), keepdim=True).sqrt() + 8)

    def policy_and_value(self, prepared: Tensor) -> tuple[Tensor, Tensor]:
        """forward() of what prepare() returned."""
        pixels = self._scaled(prepared)
        features = self.policy_body(pixels)
        critic_features = features if self.value_body is self.policy_body else self.value_body(pixels)
        return self.policy_head(features).float(), self.value_head(critic_features)[:, 0].float()

    def policy(self, prepared: Tensor) -> Tensor:
        """The policy alone, of what prepare() returned."""
        policy: Tensor = self.policy_head(self.policy_body(self._scaled(prepared)))
        return policy.float()

    def value(self, prepared: Tensor) -> Tensor:
        """The critic alone, of what prepare() returned."""
        value: Tensor = self.value_head(self.value_body(self._scaled(prepared)))
        return value[:, 0].float()

    def _scaled(self, prepared: Tensor) -> Tensor:
        return prepared.float() / 255 if self.pool_px == 1 else prepared

    def forward(self, camera: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        return self.policy_and_value(self.prepare(camera))


class ExportedPolicy(nn.Module):
    """What a model archive holds: camera float32 (N, C, 120, 160), 0 to 255, to `policy`.

    Discrete: probabilities (N, n). Continuous: steering and speed (N, 2), limited to -1..1.
    """

    def __init__(self, network: ActorCritic) -> None:
        super().__init__()
        self.network = network

    def forward(self, camera: Tensor) -> Tensor:
        """See the class."""
        policy = self.network.policy(self.network.prepare(camera))
        return policy.softmax(-1) if self.network.kind == "discrete" else policy.clamp(-1, 1)


def _body(topology: Topology, channels: int) -> nn.Sequential:
    """Everything up to the heads: convolutions, flatten, dense, a ReLU after each."""
    height, width = CAMERA_HEIGHT_PX // topology.pool_px, CAMERA_WIDTH_PX // topology.pool_px
    layers: list[nn.Module] = []
    for filters, kernel, stride in topology.convolutions:
        layers += [nn.Conv2d(channels, filters, kernel, stride), nn.ReLU()]
        channels, height, width = filters, _reduced(height, kernel, stride), _reduced(width, kernel, stride)
    layers.append(nn.Flatten())
    units = channels * height * width
    for wanted in topology.dense:
        layers += [nn.Linear(units, wanted), nn.ReLU()]
        units = wanted
    return nn.Sequential(*layers)


def _reduced(size: int, kernel: int, stride: int) -> int:
    """Pixels that a convolution without padding leaves."""
    return (size - kernel) // stride + 1


def _initialise(modules: nn.Module) -> None:
    """Orthogonal weights scaled for ReLU, biases zero."""
    for module in modules.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.orthogonal_(module.weight, math.sqrt(2))
            assert module.bias is not None
            nn.init.zeros_(module.bias)


def parameter_count(modules: Sequence[nn.Module]) -> int:
    """Numbers that learning changes."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters())
