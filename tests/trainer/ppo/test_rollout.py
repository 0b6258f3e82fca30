"""A rollout keeps what belongs together together."""

from __future__ import annotations

import torch

from trainer.ppo.rollout import Batch, Rollout

CPU = torch.device("cpu")
NONE = torch.zeros(2, dtype=torch.bool)


def two_cars(steps: int) -> Rollout:
    seen = [torch.zeros(1, 3, dtype=torch.uint8), torch.zeros(1)]
    return Rollout(steps, 2, seen, torch.zeros(1, dtype=torch.int64), CPU)


def fill(rollout: Rollout, t: int) -> None:
    """Everything stored tells where it came from: step t, car c has 10 t + c in every field."""
    mark = torch.tensor([10 * t, 10 * t + 1])
    rollout.add([mark[:, None].expand(2, 3), mark], mark, mark.float(), mark.float())
    rollout.finish_step(mark.float(), NONE, NONE)


def one_step_errors(rollout: Rollout) -> Batch:
    """With lambda 0 the advantage is r + gamma V' - V."""
    return rollout.batch(gamma=0.5, gae_lambda=0.0)


def test_a_batch_keeps_the_fields_of_one_step_together() -> None:
    rollout = two_cars(3)
    for t in range(3):
        fill(rollout, t)
    rollout.close(torch.tensor([30.0, 31.0]))
    batch = one_step_errors(rollout)
    assert batch.actions.tolist() == [0, 1, 10, 11, 20, 21]
    pictures, numbers = batch.observations
    assert pictures[:, 0].tolist() == numbers.tolist() == batch.actions.tolist() == batch.log_probs.int().tolist()
    # r - V cancels (both are the mark), so the advantage is half of the mark one step later.
    assert batch.advantages.tolist() == [(10 * (t + 1) + c) / 2 for t in range(3) for c in range(2)]
    assert torch.equal(batch.returns, batch.advantages + batch.actions)


def test_a_cut_episode_is_worth_what_its_last_picture_promised() -> None:
    rollout = two_cars(2)
    mark = torch.tensor([0, 1])
    rollout.add([mark[:, None].expand(2, 3), mark], mark, mark.float(), mark.float())
    both = torch.ones(2, dtype=torch.bool)
    # Both episodes end: car 0's truly, car 1's by the clock, where the critic still expected 40.
    rollout.finish_step(torch.zeros(2), torch.tensor([True, False]), both, (torch.tensor([1]), torch.tensor([40.0])))
    fill(rollout, 1)
    rollout.close(torch.zeros(2))
    assert one_step_errors(rollout).advantages[:2].tolist() == [0.0, 20.0 - 1.0]


def test_without_a_value_for_it_a_cut_episode_counts_as_ended() -> None:
    rollout = two_cars(2)
    mark = torch.tensor([0, 1])
    rollout.add([mark[:, None].expand(2, 3), mark], mark, mark.float(), mark.float())
    rollout.finish_step(torch.zeros(2), NONE, torch.ones(2, dtype=torch.bool))
    fill(rollout, 1)
    rollout.close(torch.zeros(2))
    assert one_step_errors(rollout).advantages[:2].tolist() == [0.0, -1.0]


def test_a_rollout_is_full_after_its_steps_and_empty_after_clear() -> None:
    rollout = two_cars(2)
    fill(rollout, 0)
    assert not rollout.full
    fill(rollout, 1)
    assert rollout.full
    rollout.clear()
    assert not rollout.full


def test_a_rollout_used_again_remembers_nothing() -> None:
    rollout = two_cars(2)
    mark = torch.tensor([0, 1])
    rollout.add([mark[:, None].expand(2, 3), mark], mark, mark.float(), mark.float())
    rollout.finish_step(
        torch.zeros(2), NONE, torch.ones(2, dtype=torch.bool), (torch.tensor([0, 1]), torch.full((2,), 9.0))
    )
    rollout.clear()
    for t in range(2):
        fill(rollout, t)
    rollout.close(torch.tensor([20.0, 21.0]))
    assert one_step_errors(rollout).advantages.tolist() == [5.0, 5.5, 10.0, 10.5]


def test_continuous_actions_keep_their_two_numbers() -> None:
    rollout = Rollout(1, 2, [torch.zeros(1, 3)], torch.zeros(1, 2), CPU)
    actions = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
    rollout.add([torch.zeros(2, 3)], actions, torch.zeros(2), torch.zeros(2))
    rollout.finish_step(torch.zeros(2), NONE, NONE)
    rollout.close(torch.zeros(2))
    assert torch.equal(one_step_errors(rollout).actions, actions)
