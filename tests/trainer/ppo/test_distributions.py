"""Draws, log-probabilities and entropies against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from trainer.ppo import distributions

LOGITS = torch.tensor([[math.log(0.5), math.log(0.3), math.log(0.2)]])


@pytest.mark.parametrize(
    ("uniform", "action"), [(0.0, 0), (0.499, 0), (0.501, 1), (0.799, 1), (0.801, 2), (0.9999999, 2)]
)
def test_an_action_is_drawn_where_the_cumulated_probability_passes_the_number(uniform: float, action: int) -> None:
    assert distributions.categorical_sample(LOGITS, torch.tensor([uniform])).tolist() == [action]


def test_draws_follow_the_probabilities() -> None:
    uniform = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    drawn = distributions.categorical_sample(LOGITS.expand(20_000, 3), uniform)
    shares = torch.bincount(drawn, minlength=3) / 20_000
    assert torch.allclose(shares, torch.tensor([0.5, 0.3, 0.2]), atol=0.015)


def test_log_probability_and_entropy_of_discrete_actions() -> None:
    assert distributions.categorical_log_prob(LOGITS, torch.tensor([1])).item() == pytest.approx(math.log(0.3))
    entropy = -(0.5 * math.log(0.5) + 0.3 * math.log(0.3) + 0.2 * math.log(0.2))
    assert distributions.categorical_entropy(LOGITS).item() == pytest.approx(entropy)


def test_an_impossible_action_does_not_spoil_the_entropy() -> None:
    assert distributions.categorical_entropy(torch.tensor([[0.0, -1e30]])).item() == 0.0


def test_a_share_of_random_actions_mixes_into_the_probabilities() -> None:
    mixed = distributions.mixed_with_random(LOGITS, epsilon=0.3).softmax(-1)
    assert mixed[0].tolist() == pytest.approx([0.45, 0.31, 0.24])  # 0.7 p + 0.1
    assert torch.isfinite(distributions.mixed_with_random(torch.tensor([[0.0, -1e4]]), epsilon=0.0)).all()


def test_log_probability_and_entropy_of_continuous_actions() -> None:
    mean, log_std = torch.tensor([[0.0, 1.0]]), torch.log(torch.tensor([1.0, 2.0]))
    # At 1 and 3 each is one deviation off: -0.5 - ln(deviation) - ln(2 pi) / 2, twice.
    expected = -1.0 - math.log(2.0) - math.log(2 * math.pi)
    log_prob = distributions.gaussian_log_prob(mean, log_std, torch.tensor([[1.0, 3.0]]))
    assert log_prob.item() == pytest.approx(expected)
    entropy = distributions.gaussian_entropy(mean, log_std).item()
    assert entropy == pytest.approx(math.log(2.0) + 1 + math.log(2 * math.pi))  # 0.5 ln(2 pi e s^2), both


def test_a_continuous_draw_is_mean_plus_deviation_times_the_number() -> None:
    drawn = distributions.gaussian_sample(
        torch.tensor([[1.0, -1.0]]), torch.log(torch.tensor([0.5, 2.0])), torch.tensor([[2.0, 3.0]])
    )
    assert drawn.tolist() == [[2.0, 5.0]]


def test_the_deviation_stays_in_the_limits_of_deepracer() -> None:
    assert distributions.limited_log_std(torch.tensor([-50.0, 9.0])).tolist() == [-20.0, 3.0]
