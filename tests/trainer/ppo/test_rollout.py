"""A rollout keeps what belongs together together."""

from __future__ import annotations

import torch

from trainer.ppo.rollout import Batch, Rollout

ALL = slice(None)
CPU = torch.device("cpu")
NONE = torch.zeros(2, dtype=torch.bool)


def two_cars(steps: int) -> Rollout:
    seen = [torch.zeros(1, 3, dtype=torch.uint8), torch.zeros(1)]
    return Rollout(steps, 2, seen, torch.zeros(1, dtype=torch.int64), CPU)


def fill(rollout: Rollout, t: int) -> None:
    """Everything stored tells where it came from: step t, car c has 10 t + c in every field."""
    mark = torch.tensor([10 * t, 10 * t + 1])
    rollout.add(t, ALL, [mark[:, None].expand(2, 3), mark], mark, mark.float(), mark.float())
    rollout.finish_step(t, ALL, mark.float(), NONE, NONE)


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
    rollout.add(0, ALL, [mark[:, None].expand(2, 3), mark], mark, mark.float(), mark.float())
    both = torch.ones(2, dtype=torch.bool)
    # Both episodes end: car 0's truly, car 1's by the clock, where the critic still expected 40.
    rollout.finish_step(
        0, ALL, torch.zeros(2), torch.tensor([True, False]), both, (torch.tensor([1]), torch.tensor([40.0]))
    )
    fill(rollout, 1)
    rollout.close(torch.zeros(2))
    assert one_step_errors(rollout).advantages[:2].tolist() == [0.0, 20.0 - 1.0]


def test_without_a_value_for_it_a_cut_episode_counts_as_ended() -> None:
    rollout = two_cars(2)
    mark = torch.tensor([0, 1])
    rollout.add(0, ALL, [mark[:, None].expand(2, 3), mark], mark, mark.float(), mark.float())
    rollout.finish_step(0, ALL, torch.zeros(2), NONE, torch.ones(2, dtype=torch.bool))
    fill(rollout, 1)
    rollout.close(torch.zeros(2))
    assert one_step_errors(rollout).advantages[:2].tolist() == [0.0, -1.0]


def test_shares_of_the_cars_may_be_a_step_apart() -> None:
    rollout, whole = two_cars(2), two_cars(2)
    for t in range(2):
        fill(whole, t)
    order = ((0, 0), (0, 1), (1, 0), (1, 1))  # step, car: what each saw and chose is stored before the other's end
    for t, car in order:
        mark, cars = torch.tensor([10 * t + car]), slice(car, car + 1)
        rollout.add(t, cars, [mark[:, None].expand(1, 3), mark], mark, mark.float(), mark.float())
    for t, car in order:
        rollout.finish_step(t, slice(car, car + 1), torch.tensor([10.0 * t + car]), NONE[:1], NONE[:1])
    for one in (rollout, whole):
        one.close(torch.tensor([20.0, 21.0]))
    assert one_step_errors(rollout).advantages.tolist() == one_step_errors(whole).advantages.tolist()
    assert one_step_errors(rollout).actions.tolist() == one_step_errors(whole).actions.tolist()


def test_the_clock_may_cut_an_episode_of_any_share() -> None:
    rollout = two_cars(1)
    mark = torch.tensor([0, 1])
    rollout.add(0, ALL, [mark[:, None].expand(2, 3), mark], mark, mark.float(), mark.float())
    rollout.finish_step(0, slice(0, 1), torch.zeros(1), NONE[:1], NONE[:1])
    cut = (torch.tensor([0]), torch.tensor([40.0]))  # the first car of the share, the second of all
    rollout.finish_step(0, slice(1, 2), torch.zeros(1), NONE[:1], torch.ones(1, dtype=torch.bool), cut)
    rollout.close(torch.zeros(2))
    assert one_step_errors(rollout).advantages.tolist() == [0.0, 20.0 - 1.0]


def test_a_rollout_used_again_remembers_nothing() -> None:
    rollout = two_cars(2)
    mark = torch.tensor([0, 1])
    rollout.add(0, ALL, [mark[:, None].expand(2, 3), mark], mark, mark.float(), mark.float())
    rollout.finish_step(
        0, ALL, torch.zeros(2), NONE, torch.ones(2, dtype=torch.bool), (torch.tensor([0, 1]), torch.full((2,), 9.0))
    )
    rollout.clear()
    for t in range(2):
        fill(rollout, t)
    rollout.close(torch.tensor([20.0, 21.0]))
    assert one_step_errors(rollout).advantages.tolist() == [5.0, 5.5, 10.0, 10.5]


def test_continuous_actions_keep_their_two_numbers() -> None:
    rollout = Rollout(1, 2, [torch.zeros(1, 3)], torch.zeros(1, 2), CPU)
    actions = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
    rollout.add(0, ALL, [torch.zeros(2, 3)], actions, torch.zeros(2), torch.zeros(2))
    rollout.finish_step(0, ALL, torch.zeros(2), NONE, NONE)
    rollout.close(torch.zeros(2))
    assert torch.equal(one_step_errors(rollout).actions, actions)
