"""The networks: DeepRacer's sizes to the parameter, and what is exported is what was trained."""

from __future__ import annotations

import pytest
import torch

from shared.actions import DEFAULT_ACTION_SPACE, ActionSpace, ContinuousActionSpace
from shared.sensors import FRONT_CAMERA
from trainer.ppo.adam import FlatAdam
from trainer.ppo.networks import ExportedPolicy, build_network, parameter_count
from trainer.ppo.topologies import TOPOLOGIES

CAMERA = (FRONT_CAMERA,)
CONTINUOUS = ContinuousActionSpace(-30.0, 30.0, 0.5, 1.0)


def pictures(count: int, channels: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, channels, 120, 160), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("DEEP_CONVOLUTIONAL_NETWORK_SHALLOW", 5_839_520),
        ("DEEP_CONVOLUTIONAL_NETWORK", 3_682_848),
        ("DEEP_CONVOLUTIONAL_NETWORK_DEEP", 1_105_472),
    ],
)
def test_deepracers_networks_have_its_number_of_parameters(name: str, parameters: int) -> None:
    network = build_network(name, CAMERA, 1, DEFAULT_ACTION_SPACE)
    assert parameter_count([network.policy_body]) == parameters
    assert parameter_count([network.value_body]) == parameters


@pytest.mark.parametrize("name", [name for name in TOPOLOGIES if name != "fast"])
def test_in_deepracers_networks_policy_and_value_share_nothing(name: str) -> None:
    network = build_network(name, CAMERA, 1, DEFAULT_ACTION_SPACE)
    policy, _ = network(pictures(2))
    policy.sum().backward()
    assert all(parameter.grad is None for parameter in network.value_body.parameters())


@pytest.mark.parametrize("space", [DEFAULT_ACTION_SPACE, CONTINUOUS], ids=["discrete", "continuous"])
@pytest.mark.parametrize("name", TOPOLOGIES)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_network_gives_a_policy_and_a_value(name: str, channels: int, space: ActionSpace) -> None:
    policy, value = build_network(name, CAMERA, channels, space)(pictures(2, channels))
    assert policy.shape == (2, space.output_size)
    assert value.shape == (2,)


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_a_fresh_policy_prefers_nothing(name: str) -> None:
    probabilities = ExportedPolicy(build_network(name, CAMERA, 1, DEFAULT_ACTION_SPACE))(pictures(4).float())
    assert probabilities.sum(-1).allclose(torch.ones(4))
    assert (probabilities - 1 / DEFAULT_ACTION_SPACE.output_size).abs().max() < 0.03


def test_an_exported_continuous_policy_stays_within_its_range() -> None:
    network = build_network("fast", CAMERA, 1, CONTINUOUS)
    with torch.no_grad():
        network.policy_head.bias.copy_(torch.tensor([5.0, -5.0]))
    assert ExportedPolicy(network)(pictures(2).float()).tolist() == [[1.0, -1.0]] * 2


def test_the_fast_network_does_not_care_how_bright_the_picture_is() -> None:
    network = build_network("fast", CAMERA, 1, DEFAULT_ACTION_SPACE)
    picture = pictures(1).float() * 0.5
    assert network.prepare([picture])[0].allclose(network.prepare([picture + 60])[0], atol=1e-4)


def test_a_flat_picture_stays_finite() -> None:
    network = build_network("fast", CAMERA, 1, DEFAULT_ACTION_SPACE)
    policy, value = network(torch.full((1, 1, 120, 160), 77, dtype=torch.uint8))
    assert torch.isfinite(policy).all()
    assert torch.isfinite(value).all()


@pytest.mark.parametrize("max_norm", [0.0, 0.1])
def test_flat_adam_moves_the_weights_as_torchs_adam(max_norm: float) -> None:
    torch.manual_seed(0)
    network, twin = build_network("fast", CAMERA, 1, CONTINUOUS), build_network("fast", CAMERA, 1, CONTINUOUS)
    twin.load_state_dict(network.state_dict())
    ours, theirs = FlatAdam(network), torch.optim.Adam(twin.parameters(), lr=1e-3, eps=1e-5)
    for _ in range(3):
        ours.clear_gradients()
        theirs.zero_grad()
        for each in (network, twin):
            policy, value = each(pictures(4))
            ((policy - 1).pow(2).sum() + value.pow(2).sum() + each.log_std.sum()).backward()
        ours.limit_gradients(max_norm)
        if max_norm:
            torch.nn.utils.clip_grad_norm_(twin.parameters(), max_norm)
        ours.step(1e-3)
        theirs.step()
    for mine, reference in zip(network.parameters(), twin.parameters(), strict=True):
        assert mine.allclose(reference, atol=1e-6)
