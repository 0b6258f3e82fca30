"""Let Stable-Baselines3 train on the batched simulator: its own `VecEnv` interface on a `RacingVectorEnv`.

    from stable_baselines3 import PPO
    from trainer.environment.sb3 import SB3VecEnv
    PPO("CnnPolicy", SB3VecEnv(16, track="lapwing_loop", randomisation="light")).learn(100_000)

Stable-Baselines3 is not among Lapwing's dependencies; only who imports this module needs it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from trainer.environment.vector import Observation, RacingVectorEnv

try:
    from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "trainer.environment.sb3 needs Stable-Baselines3. Install it with: pip install stable-baselines3",
        name=error.name,
    ) from error


class SB3VecEnv(VecEnv):
    """N cars as a Stable-Baselines3 `VecEnv`; takes the arguments of `RacingVectorEnv` but `autoreset_mode`.

    As SB3 asks: a finished car is reset in the same step, its last observation is in the info's
    `terminal_observation`, and `TimeLimit.truncated` tells an episode cut short from one that ended. The info
    of a finished car carries `episode` (return, length, seconds) too, so SB3 logs returns without a
    `VecMonitor`.
    """

    def __init__(self, num_envs: int = 1, **arguments: Any) -> None:
        self.env = RacingVectorEnv(num_envs, autoreset_mode="same_step", **arguments)
        self._actions: NDArray[Any] | None = None
        self._returns = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, dtype=np.int64)
        self._started_s = time.monotonic()
        super().__init__(num_envs, self.env.single_observation_space, self.env.single_action_space)

    def reset(self) -> Observation:
        """Start new episodes for all cars, with the seeds and options given to `seed` and `set_options`."""
        if any(options != self._options[0] for options in self._options):
            raise ValueError("The cars of one batch share their reset options: give set_options one dictionary.")
        seeded = any(seed is not None for seed in self._seeds)
        observations, infos = self.env.reset(
            seed=list(self._seeds) if seeded else None, options=self._options[0] or None
        )
        self._reset_seeds()
        self._reset_options()
        self._returns[:] = 0.0
        self._lengths[:] = 0
        self.reset_infos = [info_of(infos, car) for car in range(self.num_envs)]
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(
        self,
    ) -> tuple[Observation, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Take the step: observations, rewards, dones and one dictionary per car."""
        observations, rewards, terminated, truncated, infos = self.env.step(self._actions)
        done = terminated | truncated
        self._returns += rewards
        self._lengths += 1
        listed: list[dict[str, Any]] = []
        for car in range(self.num_envs):
            if done[car]:
                listed.append(self._final_info(infos, car, bool(truncated[car] and not terminated[car])))
            else:
                listed.append({**info_of(infos, car), "TimeLimit.truncated": False})
        self._returns[done] = 0.0
        self._lengths[done] = 0
        return observations, rewards.astype(np.float32), done, listed

    def _final_info(self, infos: dict[str, Any], car: int, cut_short: bool) -> dict[str, Any]:
        """The info of the step that ended the episode; that of the new one goes to `reset_infos`."""
        self.reset_infos[car] = info_of(infos, car)
        return {
            **info_of(infos["final_info"], car),
            "terminal_observation": infos["final_obs"][car],
            "TimeLimit.truncated": cut_short,
            "episode": {
                "r": round(float(self._returns[car]), 6),
                "l": int(self._lengths[car]),
                "t": round(time.monotonic() - self._started_s, 6),
            },
        }

    def close(self) -> None:
        """Release the simulator and the reward function."""
        self.env.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """One picture per car."""
        return self.env.render() or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The attribute of the batch, once per car: the cars share it."""
        return [getattr(self.env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refused: the cars of one batch share their attributes."""
        raise AttributeError(
            f"{attr_name} cannot be set per car: the cars of one batch share it. Pass it when creating SB3VecEnv."
        )

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """Call the batch's method once; every car asked for gets the answer."""
        answer = getattr(self.env, method_name)(*args, **kwargs)
        return [answer for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Never: there are no single environments inside that could be wrapped."""
        return [False for _ in self._get_indices(indices)]


def info_of(infos: dict[str, Any], car: int) -> dict[str, Any]:
    """One car's entries of a vector environment's infos, without those that are not its own."""
    return {
        key: value[car]
        for key, value in infos.items()
        if not key.startswith("_") and key not in ("final_obs", "final_info") and infos[f"_{key}"][car]
    }
