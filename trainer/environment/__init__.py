"""The simulator as Gymnasium environments: `RacingEnv`, one car, and `RacingVectorEnv`, N cars in one batch.

Importing this package registers them:

import gymnasium
env = gymnasium.make("trainer.environment:Lapwing/Racing-v0", track="oval")
cars = gymnasium.make_vec("trainer.environment:Lapwing/Racing-v0", num_envs=64, randomisation="light")
"""

from gymnasium.envs.registration import register, registry

from trainer.environment.racing_env import RacingEnv
from trainer.environment.vector import RacingVectorEnv

__all__ = ["ENVIRONMENT_ID", "RacingEnv", "RacingVectorEnv"]

ENVIRONMENT_ID = "Lapwing/Racing-v0"

if ENVIRONMENT_ID not in registry:
    register(
        ENVIRONMENT_ID,
        entry_point="trainer.environment:RacingEnv",
        vector_entry_point="trainer.environment:RacingVectorEnv",
    )
