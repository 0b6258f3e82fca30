"""Advantages worked out by hand. Unless said otherwise: gamma 0.5, lambda 0.5, one car."""

from __future__ import annotations

import pytest
import torch

from trainer.ppo.advantages import ReturnScale, generalized_advantages


def run(
    rewards: list[float],
    values: list[float],
    next_values: list[float],
    *,
    terminated: list[int],
    done: list[int],
    gamma: float = 0.5,
    gae_lambda: float = 0.5,
) -> list[float]:
    def column(numbers: list[float]) -> torch.Tensor:
        return torch.tensor(numbers)[:, None]

    advantages, returns = generalized_advantages(
        column(rewards),
        column(values),
        column(next_values),
        torch.tensor(terminated, dtype=torch.bool)[:, None],
        torch.tensor(done, dtype=torch.bool)[:, None],
        gamma=gamma,
        gae_lambda=gae_lambda,
    )
    assert torch.equal(returns, advantages + column(values))
    return advantages[:, 0].tolist()


def test_a_crash_is_worth_nothing_afterwards() -> None:
    assert run([1.0], [0.0], [100.0], terminated=[1], done=[1]) == [1.0]


def test_a_time_limit_is_not_a_crash() -> None:
    assert run([1.0], [0.0], [100.0], terminated=[0], done=[1]) == [51.0]  # 1 + 0.5 * 100


def test_errors_add_up_backwards_with_gamma_lambda() -> None:
    # errors: 1 + 0.5*4 - 2 = 1;  2 + 0.5*6 - 4 = 1;  3 + 0.5*8 - 6 = 1
    # advantages: 1;  1 + 0.25*1 = 1.25;  1 + 0.25*1.25 = 1.3125
    assert run([1, 2, 3], [2, 4, 6], [4, 6, 8], terminated=[0, 0, 0], done=[0, 0, 0]) == [1.3125, 1.25, 1.0]


@pytest.mark.parametrize("terminated", [0, 1])
def test_nothing_leaks_from_the_next_episode_into_this_one(terminated: int) -> None:
    calm = run([1, 0], [0, 0], [8, 0], terminated=[terminated, 0], done=[1, 0])
    wild = run([1, 900], [0, -7], [8, 50], terminated=[terminated, 0], done=[1, 0])
    assert calm[0] == wild[0] == (1.0 if terminated else 5.0)


def test_lambda_one_is_the_whole_return_minus_the_value() -> None:
    # 1 + 0.5*2 + 0.25*4 + 0.125*16 = 5, minus 3
    advantages = run([1, 2, 4], [3, 9, 9], [9, 9, 16], terminated=[0, 0, 0], done=[0, 0, 0], gae_lambda=1.0)
    assert advantages[0] == 2.0


def test_cars_do_not_mix() -> None:
    rewards = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    zeros, no = torch.zeros(2, 2), torch.zeros(2, 2, dtype=torch.bool)
    advantages, _ = generalized_advantages(rewards, zeros, zeros, no, no, gamma=0.9, gae_lambda=0.9)
    assert advantages[:, 1].tolist() == [0.0, 0.0]
    assert advantages[0, 0] == 1.0


def test_the_scale_is_the_deviation_of_the_discounted_returns() -> None:
    scale = ReturnScale(cars=1, gamma=0.5)
    # returns: 2;  2*0.5 + 4 = 5, then a new episode;  8
    scale.update(torch.tensor([[2.0], [4.0], [8.0]]), torch.tensor([[False], [True], [False]]))
    mean = (2 + 5 + 8) / 3
    assert scale.scale == pytest.approx(((4 + 25 + 64) / 3 - mean**2) ** 0.5)


def test_the_scale_goes_on_from_a_checkpoint() -> None:
    generator = torch.Generator().manual_seed(1)
    rewards, done = torch.rand(20, 3, generator=generator), torch.rand(20, 3, generator=generator) < 0.2
    whole, first, second = ReturnScale(3, 0.9), ReturnScale(3, 0.9), ReturnScale(3, 0.9)
    whole.update(rewards[:9], done[:9])
    first.update(rewards[:9], done[:9])
    second.restore(first.state())
    whole.update(rewards[9:], done[9:])
    second.update(rewards[9:], done[9:])
    assert second.scale == whole.scale


def test_rewards_that_never_differ_are_left_alone() -> None:
    scale = ReturnScale(1, 0.0)
    scale.update(torch.ones(5, 1), torch.zeros(5, 1, dtype=torch.bool))
    assert scale.scale == 1.0
