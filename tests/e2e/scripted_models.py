"""Models of every sensor set, made of a trained one: its network steers by the camera, another sensor has its say.

They go the way of every model: a network, the exporter, an archive, an engine.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

import trainer.models
from shared.lidar import LidarConfig
from shared.model_archive import ModelArchive, pack_archive, read_archive
from shared.model_metadata import ModelMetadata
from shared.policy_io import policy_inputs, policy_output
from shared.sensors import LIDAR, STEREO_CAMERAS, WHEEL_SPEED_AND_YAW_RATE, sensor_of_kind
from trainer.export.onnx_graph import policy_to_onnx
from trainer.ppo.networks import ExportedPolicy, build_network

MODELS = Path(trainer.models.__file__).parent
NEAR_M = 1.5  # from where on the scripted models with a LiDAR see a thing
BRISK_MPS = 0.6  # above this, the scripted model that feels its motion slows down


class OneEye(nn.Module):
    """The trained policy as it is."""

    def __init__(self, eye: ExportedPolicy) -> None:
        super().__init__()
        self.eye = eye

    def forward(self, *observations: Tensor) -> Tensor:
        (picture,) = observations
        seen: Tensor = self.eye(picture)
        return seen


class TwoEyes(nn.Module):
    """The trained policy once for either picture; what it does is the mean of both."""

    def __init__(self, eye: ExportedPolicy) -> None:
        super().__init__()
        self.eye = eye
        self.left, self.right = _channel(0), _channel(1)

    def forward(self, *observations: Tensor) -> Tensor:
        (pictures,) = observations
        mean: Tensor = (self.eye(self.left(pictures)) + self.eye(self.right(pictures))) * 0.5
        return mean


class Cautious(nn.Module):
    """The trained policy says where to; how fast, says the other sensor: its slowest speed with caution, else its top.

    caution: a linear function of the other sensor, 1 where it is above 1, 0 where it is below 0.
    """

    def __init__(self, eye: ExportedPolicy, metadata: ModelMetadata, caution: nn.Linear) -> None:
        super().__init__()
        self.eye, self.caution = eye, caution
        angles_deg, speeds_mps = metadata.action_space.arrays()  # type: ignore[union-attr]
        same_angle = torch.from_numpy((angles_deg[:, None] == angles_deg).astype(np.float32))
        self.same_angle = nn.Linear(len(angles_deg), len(angles_deg), bias=False)
        self.same_angle.weight = nn.Parameter(same_angle)
        self.slow, self.fast = (
            nn.Parameter(torch.from_numpy((speeds_mps == speed).astype(np.float32))[None])
            for speed in (speeds_mps.min(), speeds_mps.max())
        )

    def forward(self, *observations: Tensor) -> Tensor:
        picture, other = observations
        caution = self.caution(other).clamp(0.0, 1.0)
        chosen: Tensor = self.same_angle(self.eye(picture)) * (self.slow * caution + self.fast * (1.0 - caution))
        return chosen


def model_with(*sensors: str) -> ModelArchive:
    """An archive of a model that sees with these: a camera, and at most one more."""
    trained = read_archive(MODELS / "follow_center_line.tar.gz")
    lidar = sensor_of_kind(sensors, "lidar")
    config = None if lidar is None else LidarConfig(clip_m=NEAR_M).to_metadata(lidar)
    metadata = trained.metadata.changed(sensors=sensors, sensors_as_written=(), lidar_config=config)
    model = policy_to_onnx(_policy(trained, metadata).eval(), policy_inputs(metadata), policy_output(metadata))
    return read_archive(pack_archive(metadata=metadata, model=model), name="scripted")


def _policy(trained: ModelArchive, metadata: ModelMetadata) -> nn.Module:
    eye = _trained_eye(trained)
    camera, *others = metadata.sensors
    if others:
        return Cautious(eye, metadata, _caution(others[0], int(policy_inputs(metadata)[1].shape[1] or 0)))
    return TwoEyes(eye) if camera == STEREO_CAMERAS else OneEye(eye)


def _caution(sensor: str, size: int) -> nn.Linear:
    """More of it the nearer something is, or above a speed."""
    weights, bias = np.ones((1, size)), 0.0
    if sensor == LIDAR:
        weights, bias = -2.0 * weights, 2.0 * NEAR_M * size
    elif sensor == WHEEL_SPEED_AND_YAW_RATE:
        weights, bias = np.array([[100.0, 0.0]]), -100.0 * BRISK_MPS
    layer = nn.Linear(size, 1)
    layer.weight = nn.Parameter(torch.from_numpy(weights.astype(np.float32)))
    layer.bias = nn.Parameter(torch.tensor([bias]))
    return layer


def _trained_eye(trained: ModelArchive) -> ExportedPolicy:
    """The network of an archive, its weights under the names that the exporter gave them."""
    metadata = trained.metadata
    network = build_network(metadata.neural_network, metadata.sensors, metadata.stack_size, metadata.action_space)
    policy = ExportedPolicy(network)
    graph = onnx.load_model_from_string(trained.model_bytes).graph
    weights = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    with torch.no_grad():
        for name, parameter in policy.named_parameters():
            if "value" not in name:
                parameter.copy_(torch.from_numpy(weights[name].copy()))
    return policy


def _channel(number: int) -> nn.Conv2d:
    """One of two pictures."""
    layer = nn.Conv2d(2, 1, 1, bias=False)
    layer.weight = nn.Parameter(torch.eye(2)[number].reshape(1, 2, 1, 1))
    return layer
