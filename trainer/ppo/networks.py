"""The neural networks: what a model's sensors see in, policy and value out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.actions import ActionSpace
from shared.lidar import LidarConfig
from shared.observation import observation_spec
from shared.sensors import LIDAR, STEREO_CAMERAS, SensorSpec
from trainer.ppo.topologies import STEREO_TOPOLOGIES, TOPOLOGIES, Topology

INITIAL_LOG_STD = -0.7  # continuous actions start with a spread of 0.5 in -1..1
MOTION_UNIT = 2.0  # m/s and rad/s: usual driving is within a few of it

Observations = Sequence[Tensor]  # one tensor per sensor, in the order of the network's sensors


def build_network(
    name: str,
    sensors: Sequence[str],
    stack_size: int,
    action_space: ActionSpace,
    lidar_config: LidarConfig | None = None,
) -> ActorCritic:
    """A fresh network with weights drawn from torch's generator.

    sensors: names of the table, a legal set. stack_size: newest pictures of the camera seen at once.
    """
    topologies = STEREO_TOPOLOGIES if STEREO_CAMERAS in sensors else TOPOLOGIES
    specs = [observation_spec(sensor, stack_size, lidar_config) for sensor in sensors]
    return ActorCritic(topologies[name], specs, action_space.kind, action_space.output_size)


class ActorCritic(nn.Module):
    """Policy and value of one topology.

    forward(*observations): one tensor per sensor, in the order of the sensors, as shared.observation gives them:
        a camera (N, C, 120, 160), uint8 or float, values 0 to 255; others (N, size) in their own units. Returns
        policy (N, n): logits of n discrete actions, or the mean of 2 continuous ones (nominally -1..1, not
        limited); value (N,): the critic's estimate.
    Training calls prepare() once per observation, stores what it returns, and calls policy_and_value() on that
    many times.
    """

    def __init__(
        self,
        topology: Topology,
        sensors: Sequence[SensorSpec],
        kind: Literal["discrete", "continuous"],
        output_size: int,
    ) -> None:
        """sensors: with shape and range as this model has them."""
        super().__init__()
        self.kind = kind
        self.sensors = tuple(sensors)
        self.topology = topology
        # Registered in the order policy, value: the order of the weights in checkpoints.
        self.policy_body = _body(topology, sensors)
        self.value_body = self.policy_body if topology.shared else _body(topology, sensors)
        self.policy_head = nn.Linear(topology.middleware[-1], output_size)
        self.value_head = nn.Linear(topology.middleware[-1], 1)
        if kind == "continuous":
            self.log_std = nn.Parameter(torch.full((output_size,), INITIAL_LOG_STD))
        _initialise(self)
        # Nearly equal probabilities and nearly zero steering at first, whatever is seen.
        nn.init.orthogonal_(self.policy_head.weight, 0.01)
        nn.init.orthogonal_(self.value_head.weight, 1.0)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def prepare(self, observations: Observations) -> tuple[Tensor, ...]:
        """The part without weights. A camera stays as it is for DeepRacer's networks, so that it is stored in bytes;
        `fast` averages squares and levels. Other sensors are scaled."""
        return tuple(
            _prepared(observation, sensor, self.topology)
            for sensor, observation in zip(self.sensors, observations, strict=True)
        )

    def policy_and_value(self, prepared: Observations) -> tuple[Tensor, Tensor]:
        """forward() of what prepare() returned."""
        inputs = self._inputs(prepared)
        features = self.policy_body(*inputs)
        critic_features = features if self.value_body is self.policy_body else self.value_body(*inputs)
        return self.policy_head(features).float(), self.value_head(critic_features)[:, 0].float()

    def policy(self, prepared: Observations) -> Tensor:
        """The policy alone, of what prepare() returned."""
        policy: Tensor = self.policy_head(self.policy_body(*self._inputs(prepared)))
        return policy.float()

    def value(self, prepared: Observations) -> Tensor:
        """The critic alone, of what prepare() returned."""
        value: Tensor = self.value_head(self.value_body(*self._inputs(prepared)))
        return value[:, 0].float()

    def _inputs(self, prepared: Observations) -> list[Tensor]:
        """What the first layers take: pictures that were stored in bytes as 0 to 1."""
        in_bytes = self.topology.pool_px == 1
        return [
            observation.float() / 255 if in_bytes and sensor.kind == "camera" else observation
            for sensor, observation in zip(self.sensors, prepared, strict=True)
        ]

    def forward(self, *observations: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        return self.policy_and_value(self.prepare(observations))


class ExportedPolicy(nn.Module):
    """What a model archive holds: one float32 tensor per sensor, as ActorCritic.forward takes them, to `policy`.

    Discrete: probabilities (N, n). Continuous: steering and speed (N, 2), limited to -1..1.
    """

    def __init__(self, network: ActorCritic) -> None:
        super().__init__()
        self.network = network

    def forward(self, *observations: Tensor) -> Tensor:
        """See the class."""
        policy = self.network.policy(self.network.prepare(observations))
        return policy.softmax(-1) if self.network.kind == "discrete" else policy.clamp(-1, 1)


class SensorBody(nn.Module):
    """Everything up to the heads for several sensors: an embedder each, concatenated, middleware."""

    def __init__(self, embedders: dict[str, nn.Module], middleware: nn.Module) -> None:
        super().__init__()
        self.embedders = nn.ModuleDict(embedders)
        self.middleware = middleware

    def forward(self, *inputs: Tensor) -> Tensor:
        """inputs: one per embedder, in their order."""
        features = [embed(one) for embed, one in zip(self.embedders.values(), inputs, strict=True)]
        merged: Tensor = self.middleware(torch.cat(features, 1))
        return merged


def _prepared(observation: Tensor, sensor: SensorSpec, topology: Topology) -> Tensor:
    """ActorCritic.prepare() of one sensor."""
    if sensor.kind == "camera":
        return observation if topology.pool_px == 1 else _levelled(observation, topology.pool_px)
    if sensor.kind == "motion":
        return observation.float() / MOTION_UNIT
    if sensor.name == LIDAR and topology.nearness:
        return (sensor.high - observation.float()) / (sensor.high - sensor.low)
    return observation.float()


def _levelled(camera: Tensor, pool_px: int) -> Tensor:
    """Averaged over squares; mean 0 and deviation about 1 over all pictures of one car together."""
    pooled = functional.avg_pool2d(camera.float(), pool_px)
    mean = pooled.mean((1, 2, 3), keepdim=True)
    centred = pooled - mean
    # + 8 grey levels: a featureless picture is not blown up into noise.
    return centred / ((centred * centred).mean((1, 2, 3), keepdim=True).sqrt() + 8)


def _body(topology: Topology, sensors: Sequence[SensorSpec]) -> nn.Module:
    """Everything up to the heads. That of a lone camera is one plain sequence of layers."""
    embedders: dict[str, list[nn.Module]] = {}
    units = 0
    for sensor in sensors:
        if sensor.kind == "camera":
            embedders[sensor.name], size = _camera_embedder(topology, sensor.shape)
        else:
            wanted = topology.lidar_units if sensor.kind == "lidar" else topology.motion_units
            embedders[sensor.name], size = _dense(sensor.shape[0], wanted)
        units += size
    middleware, _ = _dense(units, topology.middleware)
    if len(embedders) == 1:
        (embedder,) = embedders.values()
        return nn.Sequential(*embedder, *middleware)
    return SensorBody({name: nn.Sequential(*layers) for name, layers in embedders.items()}, nn.Sequential(*middleware))


def _camera_embedder(topology: Topology, shape: tuple[int, ...]) -> tuple[list[nn.Module], int]:
    """Convolutions, flatten and dense layers for pictures (C, height, width), and how many features come out."""
    channels, height, width = shape[0], shape[1] // topology.pool_px, shape[2] // topology.pool_px
    layers: list[nn.Module] = []
    for filters, kernel, stride in topology.convolutions:
        layers += [nn.Conv2d(channels, filters, kernel, stride), nn.ReLU()]
        channels, height, width = filters, _reduced(height, kernel, stride), _reduced(width, kernel, stride)
    dense, units = _dense(channels * height * width, topology.camera_units)
    return [*layers, nn.Flatten(), *dense], units


def _dense(units: int, wanted: Sequence[int]) -> tuple[list[nn.Module], int]:
    """Dense layers on so many units, and how many come out."""
    layers: list[nn.Module] = []
    for size in wanted:
        layers += [nn.Linear(units, size), nn.ReLU()]
        units = size
    return layers, units


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
