"""The networks: DeepRacer's sizes to the parameter, and what is exported is what was trained."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shared.actions import DEFAULT_ACTION_SPACE, ActionSpace, ContinuousActionSpace
from shared.lidar import LidarConfig
from shared.sensors import (
    DISCRETIZED_SECTOR_LIDAR,
    FRONT_CAMERA,
    LEFT_CAMERA,
    LIDAR,
    SECTOR_LIDAR,
    SENSORS,
    STEREO_CAMERAS,
    WHEEL_SPEED_AND_YAW_RATE,
)
from tests.trainer.sensor_sets import SENSOR_SETS, made_up, set_name
from trainer.ppo.adam import FlatAdam
from trainer.ppo.networks import ExportedPolicy, build_network, parameter_count
from trainer.ppo.topologies import DEEP, NORMAL, SHALLOW, TOPOLOGIES

CAMERA = (FRONT_CAMERA,)
CONTINUOUS = ContinuousActionSpace(-30.0, 30.0, 0.5, 1.0)


def pictures(count: int, channels: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, channels, 120, 160), dtype=torch.uint8, generator=generator)


def sizes(name: str, sensors: tuple[str, ...], lidar_config: LidarConfig | None = None) -> list[int]:
    """Parameters of the policy and of the critic, without their heads; no memory is taken for them."""
    with torch.device("meta"):
        network = build_network(name, sensors, 1, DEFAULT_ACTION_SPACE, lidar_config)
    return [parameter_count([network.policy_body]), parameter_count([network.value_body])]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [(SHALLOW, 5_839_520), (NORMAL, 3_682_848), (DEEP, 1_105_472)],
)
def test_deepracers_networks_have_its_number_of_parameters(name: str, parameters: int) -> None:
    assert sizes(name, CAMERA) == sizes(name, (LEFT_CAMERA,)) == [parameters] * 2


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        (SHALLOW, 5_839_520 + 32 * 8 * 8),  # one channel more into the first layer
        (NORMAL, 57_621_984),  # 112,000 features after five convolutions, dense 512
        (DEEP, 57_621_984),
    ],
)
def test_deepracers_networks_have_its_layers_for_two_cameras(name: str, parameters: int) -> None:
    assert sizes(name, (STEREO_CAMERAS,)) == [parameters] * 2


@pytest.mark.parametrize("lidar", [LIDAR, SECTOR_LIDAR, DISCRETIZED_SECTOR_LIDAR])
@pytest.mark.parametrize(("name", "middleware"), [(SHALLOW, 512), (NORMAL, 512), (DEEP, 256)])
def test_in_deepracers_networks_a_lidar_joins_before_the_middleware(name: str, middleware: int, lidar: str) -> None:
    rays = SENSORS[lidar].shape[0]
    embedder = (rays + 1) * 256 + (256 + 1) * 256
    assert sizes(name, (*CAMERA, lidar))[0] - sizes(name, CAMERA)[0] == embedder + 256 * middleware


def test_a_discretized_lidar_is_as_large_as_its_configuration() -> None:
    sensors = (*CAMERA, DISCRETIZED_SECTOR_LIDAR)
    small, large = (LidarConfig(num_sectors=sectors, num_values_per_sector=5) for sectors in (4, 16))
    assert sizes("fast", sensors, large)[0] - sizes("fast", sensors, small)[0] == (16 - 4) * (5 - 1) * 64


@pytest.mark.parametrize("sensors", SENSOR_SETS, ids=set_name)
def test_the_fast_network_takes_any_sensors(sensors: tuple[str, ...]) -> None:
    network = build_network("fast", sensors, 2, CONTINUOUS)
    assert sizes("fast", sensors)[0] < 120_000
    seen = [torch.from_numpy(values) for values in made_up(sensors, 5, stack_size=2).values()]
    nn.init.orthogonal_(network.policy_head.weight)
    policy, value = network(*seen)
    assert (policy.shape, value.shape) == ((5, 2), (5,))
    for place, sensor in enumerate(sensors):  # each of them counts
        other = [*seen]
        other[place] = torch.from_numpy(made_up((sensor,), 5, stack_size=2, seed=1)[sensor])
        assert not network(*other)[0].allclose(policy), sensor


def test_the_fine_network_keeps_four_times_as_many_places_of_the_picture_as_the_fast_one() -> None:
    one_place = 32 * 256  # channels by units of the first dense layer
    assert sizes("fine", CAMERA)[0] - sizes("fast", CAMERA)[0] == (4 * 6 - 2 * 3) * one_place


def test_the_fast_network_sees_how_near_things_are_on_the_scale_of_its_lidar() -> None:
    config = LidarConfig(num_rays=8, min_range_m=0.2, clip_m=2.2)
    network = build_network("fast", (*CAMERA, LIDAR, WHEEL_SPEED_AND_YAW_RATE), 1, CONTINUOUS, config)
    rays = torch.tensor([[0.2, 0.7, 1.2, 1.7, 2.2, 2.2, 2.2, 2.2]])
    _, nearness, motion = network.prepare([pictures(1), rays, torch.tensor([[1.0, -4.0]])])
    assert nearness.allclose(torch.tensor([[1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0, 0.0]]))
    assert motion.tolist() == [[0.5, -2.0]]


def test_deepracers_networks_take_metres_and_pictures_in_bytes() -> None:
    with torch.device("meta"):
        network = build_network(SHALLOW, (STEREO_CAMERAS, LIDAR), 1, CONTINUOUS)
    seen = [pictures(3, 2), torch.full((3, 64), 0.4)]
    assert all(mine is given for mine, given in zip(network.prepare(seen), seen, strict=True))


def test_the_pictures_of_two_cameras_are_levelled_together() -> None:
    network = build_network("fast", (STEREO_CAMERAS,), 1, CONTINUOUS)
    pair = torch.full((1, 2, 120, 160), 100.0)
    pair[:, 1] += 20
    (levelled,) = network.prepare([pair])
    assert levelled.mean() == pytest.approx(0.0, abs=1e-5)
    assert (levelled[0, 1] > levelled[0, 0]).all()  # that the right one is brighter is still to be seen


@pytest.mark.parametrize("name", [name for name, topology in TOPOLOGIES.items() if not topology.shared])
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
        ours.gradients.zero_()
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
