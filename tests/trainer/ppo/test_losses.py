"""The losses worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from trainer.ppo.losses import clipped_policy_loss, standardised, value_loss


def loss(ratio: float, advantage: float) -> float:
    old = torch.tensor([-1.0])
    return clipped_policy_loss(old + math.log(ratio), old, torch.tensor([advantage]), clip=0.2).item()


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"),
    [
        (1.0, 3.0, -3.0),
        (1.1, 2.0, -2.2),
        (1.5, 2.0, -2.4),  # a good action already likelier by half: no more to gain than 1.2 gives
        (0.5, 2.0, -1.0),  # a good action that became rarer: full pull back
        (1.5, -2.0, 3.0),  # a bad action that became likelier: full push
        (0.5, -2.0, 1.6),  # a bad action already rarer: no more to gain than 0.8 gives
    ],
)
def test_the_policy_gains_nothing_beyond_the_clip(ratio: float, advantage: float, expected: float) -> None:
    assert loss(ratio, advantage) == pytest.approx(expected, rel=1e-5)


def test_beyond_the_clip_there_is_no_gradient() -> None:
    log_probs = torch.tensor([math.log(1.5), math.log(1.1)], requires_grad=True)
    clipped_policy_loss(log_probs, torch.zeros(2), torch.ones(2), clip=0.2).backward()
    assert log_probs.grad is not None
    assert log_probs.grad[0] == 0
    assert log_probs.grad[1] < 0


@pytest.mark.parametrize(("loss_type", "expected"), [("mean squared error", 1.0625), ("huber", 0.8125)])
def test_huber_is_linear_beyond_one_and_squared_error_is_not(loss_type: str, expected: float) -> None:
    # errors 0.5 and 2: half squares 0.125 and 2, mean 1.0625; Huber 0.125 and 2 - 0.5, mean 0.8125
    assert value_loss(torch.tensor([0.5, 2.0]), torch.zeros(2), loss_type).item() == pytest.approx(expected)


def test_standardised_advantages_have_mean_zero_and_deviation_one() -> None:
    result = standardised(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    assert result.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert result.std(correction=0).item() == pytest.approx(1.0)


def test_equal_advantages_become_zero_and_not_nan() -> None:
    assert standardised(torch.full((4,), 7.0)).tolist() == [0.0] * 4
