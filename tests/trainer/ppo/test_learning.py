"""The whole of PPO must solve trivial environments in seconds: the picture shows the answer."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from shared.actions import Action, ActionSpace, ContinuousActionSpace, DiscreteActionSpace
from shared.sensors import FRONT_CAMERA, LIDAR
from trainer.ppo.adam import FlatAdam
from trainer.ppo.exploration import choose, state_values
from trainer.ppo.hands import Hands
from trainer.ppo.networks import ActorCritic, build_network
from trainer.ppo.rollout import Rollout
from trainer.ppo.update import LEAST_LR_SHARE, LR_FACTOR, UpdateReport, UpdateRule, led_by_kl, minibatch_size, update

CARS, STEPS = 32, 8
RULE = UpdateRule(
    batch_size=128, num_epochs=4, lr=1e-3, beta_entropy=0.003, clip=0.2, max_grad_norm=0.5, loss_type="huber"
)
THREE_WAYS = DiscreteActionSpace((Action(30.0, 1.0), Action(0.0, 1.0), Action(-30.0, 1.0)))
ANY_WAY = ContinuousActionSpace(-30.0, 30.0, 0.5, 1.0)


class Signpost:
    """A bright bar in the picture says what to do; a new one after every action.

    Discrete: the bar is in the left, middle or right third, and that is the action. Continuous: its place,
    -1 to 1, is the steering wanted, and its opposite the speed.
    """

    sensors: tuple[str, ...] = (FRONT_CAMERA,)

    def __init__(self, discrete: bool, seed: int) -> None:
        self._discrete = discrete
        self._generator = torch.Generator().manual_seed(seed)
        self.turn()

    def turn(self) -> None:
        place = torch.rand(CARS, generator=self._generator)
        self._wanted = (place * 3).long() if self._discrete else place * 2 - 1
        column = (self._wanted * 53 + 27) if self._discrete else place * 140 + 10
        distance = (torch.arange(160)[None] - column[:, None]).abs()
        bar = torch.where(distance < 10, 230, 60).to(torch.uint8)
        self.seen = [bar[:, None, None, :].expand(CARS, 1, 120, 160).contiguous()]

    def reward(self, actions: torch.Tensor) -> torch.Tensor:
        if self._discrete:
            return (actions == self._wanted).float()
        targets = torch.stack([self._wanted, -self._wanted], 1)
        return 1 - (actions.clamp(-1, 1) - targets).abs().mean(1)


class Wall(Signpost):
    """The picture is the same everywhere; something near, in a third of the LiDAR's rays, is what to do."""

    sensors = (FRONT_CAMERA, LIDAR)

    def turn(self) -> None:
        self._wanted = (torch.rand(CARS, generator=self._generator) * 3).long()
        near = torch.arange(64)[None] // 22 == self._wanted[:, None]
        self.seen = [torch.full((CARS, 1, 120, 160), 80, dtype=torch.uint8), torch.where(near, 0.4, 1.0)]


def learn(
    space: ActionSpace, updates: int, *, epsilon: float | None = None, world: type[Signpost] = Signpost
) -> tuple[ActorCritic, list[UpdateReport]]:
    torch.manual_seed(0)
    network, generator = build_network("fast", world.sensors, 1, space), torch.Generator().manual_seed(1)
    optimiser, signpost = FlatAdam(network), world(space.kind == "discrete", seed=2)
    hands = Hands(network, optimiser)
    example = choose(network, signpost.seen, generator)
    seen = [one[:1] for one in example.observations]
    rollout = Rollout(STEPS, CARS, seen, example.actions[:1], torch.device("cpu"))
    ends = torch.ones(CARS, dtype=torch.bool)
    reports = []
    for _ in range(updates):
        rollout.clear()
        for step in range(STEPS):
            choice = choose(network, signpost.seen, generator, epsilon=epsilon)
            rollout.add(step, slice(None), choice.observations, choice.actions, choice.log_probs, choice.values)
            rollout.finish_step(step, slice(None), signpost.reward(choice.actions), ends, ends)
            signpost.turn()
        rollout.close(state_values(network, signpost.seen))
        batch = rollout.batch(gamma=0.9, gae_lambda=0.95)
        reports.append(update(hands, optimiser, batch, RULE, generator))
    return network, reports


def greedy_reward(network: ActorCritic, space: ActionSpace, world: type[Signpost] = Signpost) -> float:
    signpost = world(space.kind == "discrete", seed=99)
    with torch.no_grad():
        policy, _ = network(*signpost.seen)
    return signpost.reward(policy.argmax(-1) if space.kind == "discrete" else policy).mean().item()


def test_discrete_actions_are_learnt() -> None:
    network, reports = learn(THREE_WAYS, updates=25)
    assert greedy_reward(network, THREE_WAYS) >= 0.95
    assert reports[-1].entropy < reports[0].entropy


def test_continuous_actions_are_learnt() -> None:
    network, _ = learn(ANY_WAY, updates=60)
    assert greedy_reward(network, ANY_WAY) >= 0.9


@pytest.mark.parametrize(
    ("kl", "share"),
    [(0.0, 0.5 * LR_FACTOR), (0.0049, 0.5 * LR_FACTOR), (0.005, 0.5), (0.02, 0.5), (0.0201, 0.5 / LR_FACTOR)],
)
def test_a_policy_that_moves_too_far_is_slowed_and_one_that_hardly_moves_is_let_go(kl: float, share: float) -> None:
    assert led_by_kl(0.5, kl, target_kl=0.01) == pytest.approx(share)


def test_the_learning_rate_never_grows_beyond_what_was_asked_nor_to_nothing() -> None:
    assert led_by_kl(1.0, 0.0, target_kl=0.01) == 1.0
    assert led_by_kl(LEAST_LR_SHARE, 1.0, target_kl=0.01) == LEAST_LR_SHARE


def test_what_only_the_lidar_shows_is_learnt() -> None:
    network, _ = learn(THREE_WAYS, updates=12, world=Wall)
    assert greedy_reward(network, THREE_WAYS, Wall) >= 0.95


def test_a_share_of_random_actions_does_not_keep_it_from_learning() -> None:
    network, _ = learn(THREE_WAYS, updates=30, epsilon=0.5)
    assert greedy_reward(network, THREE_WAYS) >= 0.9


def test_the_same_seed_gives_the_same_weights() -> None:
    first, reports = learn(THREE_WAYS, updates=3)
    second, again = learn(THREE_WAYS, updates=3)
    assert reports == again
    for mine, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_a_report_is_finite_and_plausible() -> None:
    _, reports = learn(THREE_WAYS, updates=2)
    assert all(torch.isfinite(torch.tensor(value)) for value in dataclasses.astuple(reports[-1]))
    assert 0 <= reports[-1].clip_fraction <= 1
    assert reports[-1].kl >= 0


@pytest.mark.parametrize(("rows", "size"), [(2048, 512), (512, 512), (511, 256), (70, 64), (1, 1)])
def test_few_rows_make_a_smaller_minibatch(rows: int, size: int) -> None:
    assert minibatch_size(rows, 512) == size
