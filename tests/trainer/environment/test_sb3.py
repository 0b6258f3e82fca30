"""Stable-Baselines3 takes the batched simulator as it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecFrameStack
from torch import nn

from trainer.environment import RacingEnv
from trainer.environment.sb3 import SB3VecEnv

STRAIGHT_ON = 8


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads on a busy machine wait for each other longer than a small network takes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small_network() -> dict:
    return {"net_arch": [16], "features_extractor_kwargs": {"features_dim": 16}, "activation_fn": nn.ReLU}


@pytest.mark.parametrize("action_space", ["discrete", "continuous"])
def test_ppo_trains_on_it_unchanged(action_space: str) -> None:
    cars = SB3VecEnv(4, action_space=action_space, max_episode_steps=10)
    model = PPO("CnnPolicy", cars, n_steps=16, batch_size=32, n_epochs=1, policy_kwargs=small_network(), seed=0)
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    model.learn(2 * 16 * 4)
    assert model.num_timesteps == 128
    assert any((a != b).any() for a, b in zip(before, model.policy.parameters(), strict=True))
    assert len(model.ep_info_buffer) > 0, "returns are logged without a VecMonitor"
    cars.close()


def test_ppo_trains_with_several_sensors() -> None:
    sensors = ("STEREO_CAMERAS", "LIDAR", "WHEEL_SPEED_AND_YAW_RATE")
    cars = SB3VecEnv(2, sensors=sensors, max_episode_steps=5)
    policy = {"net_arch": [16], "features_extractor_kwargs": {"cnn_output_dim": 16}}
    model = PPO("MultiInputPolicy", cars, n_steps=8, batch_size=16, n_epochs=1, policy_kwargs=policy, seed=0)
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    model.learn(16)
    assert any((a != b).any() for a, b in zip(before, model.policy.parameters(), strict=True))
    for _ in range(5):
        _, _, dones, infos = cars.step(np.array([STRAIGHT_ON, STRAIGHT_ON]))
        if dones.any():
            break
    assert sorted(infos[0]["terminal_observation"]) == sorted(sensors)
    cars.close()


def test_its_evaluation_runs_on_it() -> None:
    cars = SB3VecEnv(2, max_episode_steps=5, randomisation="off")
    model = PPO("CnnPolicy", cars, n_steps=8, batch_size=16, policy_kwargs=small_network(), seed=0)
    returns, lengths = evaluate_policy(model, cars, n_eval_episodes=4, return_episode_rewards=True, warn=False)
    assert lengths == [5, 5, 5, 5]
    assert all(value > 0 for value in returns)


def test_the_last_observation_and_a_cut_short_episode_are_told_apart_from_the_new_one() -> None:
    cars = SB3VecEnv(2, max_episode_steps=3, randomisation="off")
    cars.seed(0)
    cars.reset()
    single = RacingEnv(randomisation="off")
    single.reset(seed=0)
    for _ in range(3):
        observations, rewards, dones, infos = cars.step(np.array([STRAIGHT_ON, STRAIGHT_ON]))
        last, *_ = single.step(STRAIGHT_ON)
    assert dones.all()
    assert rewards.dtype == np.float32
    assert infos[0]["TimeLimit.truncated"] is True
    assert np.array_equal(infos[0]["terminal_observation"], last)
    assert not np.array_equal(observations[0], last)
    assert infos[0]["episode"]["l"] == 3
    assert infos[0]["time_s"] > 0.0
    assert cars.reset_infos[0]["time_s"] == 0.0


def test_leaving_the_road_is_not_a_time_limit() -> None:
    cars = SB3VecEnv(1, randomisation="off")
    cars.reset()
    for _ in range(500):
        _, _, dones, infos = cars.step(np.array([STRAIGHT_ON]))
        if dones[0]:
            break
    assert infos[0]["TimeLimit.truncated"] is False
    assert infos[0]["status"] == "off_track"


def test_seeds_and_options_are_for_the_next_reset_only() -> None:
    cars = SB3VecEnv(2, randomisation="strong")
    cars.seed(7)
    first = cars.reset().copy()
    second = cars.reset().copy()
    cars.seed(7)
    assert np.array_equal(cars.reset(), first)
    assert np.array_equal(cars.reset(), second)
    cars.set_options({"reversed": True})
    cars.reset()
    assert cars.reset_infos[0]["is_reversed"]
    cars.reset()
    assert not cars.reset_infos[0]["is_reversed"]


def test_its_wrappers_fit() -> None:
    cars = VecFrameStack(SB3VecEnv(2), n_stack=3, channels_order="first")
    assert cars.reset().shape == (2, 3, 120, 160)
    assert cars.get_attr("num_envs") == [2, 2]
    assert cars.env_is_wrapped(VecFrameStack) == [False, False]
