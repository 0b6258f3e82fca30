"""A minibatch in parts gives the gradient of the whole, whoever takes the parts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from shared.actions import DEFAULT_ACTION_SPACE
from shared.sensors import FRONT_CAMERA
from trainer.ppo.adam import FlatAdam
from trainer.ppo.hands import Hands
from trainer.ppo.networks import ActorCritic, build_network

ROWS = 11  # which two hands do not share evenly


def gradient(*, parts: int, cores: int) -> tuple[Tensor, Tensor]:
    """Of a loss that weighs every row differently: the gradient, and the mean weight that was seen."""
    torch.manual_seed(0)
    network = build_network("fast", (FRONT_CAMERA,), 1, DEFAULT_ACTION_SPACE)
    optimiser = FlatAdam(network)
    seen = network.prepare([torch.randint(0, 256, (ROWS, 1, 120, 160), dtype=torch.uint8)])
    weights = torch.arange(1.0, ROWS + 1)

    def losses(one: ActorCritic, rows: Tensor) -> tuple[Tensor, Tensor]:
        policy, value = one.policy_and_value([seen[0][rows]])
        per_row = (policy.pow(2).sum(1) + (value - 1).pow(2)) * weights[rows]
        return per_row.mean(), weights[rows].mean()[None].double()

    optimiser.gradients.fill_(7.0)  # what an earlier minibatch left behind
    measured = Hands(network, optimiser, parts=parts, cores=cores).gather(
        losses, torch.arange(ROWS), optimiser.gradients
    )
    return optimiser.gradients.clone(), measured


@pytest.mark.parametrize("parts", [2, 3])
def test_parts_add_up_to_the_whole(parts: int) -> None:
    whole, whole_measured = gradient(parts=1, cores=1)
    summed, measured = gradient(parts=parts, cores=2)
    assert summed.allclose(whole, rtol=1e-3, atol=1e-5 * float(whole.abs().max()))
    assert measured.allclose(whole_measured)


def test_the_number_of_cores_changes_no_bit() -> None:
    assert torch.equal(gradient(parts=2, cores=1)[0], gradient(parts=2, cores=2)[0])


def test_copies_learn_with_the_network() -> None:
    torch.manual_seed(0)
    network = build_network("fast", (FRONT_CAMERA,), 1, DEFAULT_ACTION_SPACE)
    optimiser, seen = FlatAdam(network), []
    hands = Hands(network, optimiser, cores=1)

    def losses(one: ActorCritic, rows: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(one.policy_head.weight.detach().clone())
        return one.policy_head.weight.sum(), torch.zeros(1)

    hands.gather(losses, torch.arange(2), optimiser.gradients)
    optimiser.step(0.1)
    hands.gather(losses, torch.arange(2), optimiser.gradients)
    assert torch.equal(seen[2], seen[3])
    assert not torch.equal(seen[0], seen[2])
