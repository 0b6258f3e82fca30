"""One car as a Gymnasium environment: the batch of one."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from shared.errors import SettingsError
from trainer.environment.arguments import simulator_settings_of
from trainer.environment.vector import Observation, RacingVectorEnv


class RacingEnv(gymnasium.Env):
    """Drive a 1/18-scale car around a track by its front camera.

    ## Description
    A small car with a camera shall drive a lap without leaving the road. The simulator steps 1/15 s at a
    time, the rate of AWS DeepRacer; its episode rules, progress and reward parameters have DeepRacer's
    meaning.

    ## Action Space
    `Discrete(n)`: the number of an action of a list; the default list has 15, steering -30 to 30 degrees in
    five angles (negative is right) with speeds of 1/3, 2/3 and 1 m/s each. With `action_space="continuous"`
    it is `Box(-1, 1, (2,), float32)`: steering and speed, scaled linearly to their ranges.

    ## Observation Space
    `Box(0, 255, (stack_size, 120, 160), uint8)`: the newest grey pictures of the camera, newest last.

    | axis | size | meaning |
    |---|---|---|
    | 0 | stack_size | pictures 1/15 s apart; the first of an episode fills all |
    | 1 | 120 | rows, from the top |
    | 2 | 160 | columns, from the left |

    With several `sensors` it is a `Dict` of such boxes by the sensor's name, exactly one of them a camera:

    | sensor | box | meaning |
    |---|---|---|
    | FRONT_FACING_CAMERA, LEFT_CAMERA | (stack_size, 120, 160) uint8 | as above |
    | STEREO_CAMERAS | (2 stack_size, 120, 160) uint8 | left and right picture, newest pair last |
    | LIDAR | (64,) float32 | metres, limited to 1: nothing is nearer |
    | SECTOR_LIDAR | (8,) float32 | 1: something in this sector is nearer than 0.5 m |
    | DISCRETIZED_SECTOR_LIDAR | (8 x 7,) float32 | how near, one of 7 distances per sector; none: nothing |
    | WHEEL_SPEED_AND_YAW_RATE | (2,) float32 | m/s and rad/s, left positive |

    ## Rewards
    Whatever `reward` says: an example by name (default `follow_center_line`: near the centre line, and
    fast), a file with a `reward_function(params)` or such a function. It runs once per step, on the last
    one too.

    ## Starting State
    The car stands on the road, at the start line in its first episode and 5 % of the track further on in
    each that follows. With randomisation, its place, its direction and the look of the world are drawn for
    every episode. `reset(options={...})` takes `track`, `start_fraction`, `start_lateral_m` and `reversed`.

    ## Episode End
    Terminated: a lap is complete, all four wheels are off the road, the car ran into something, or it drives
    backwards or stands still for 15 steps. Truncated: the time limit is reached (120 s, the setting
    `simulator.rules.time_limit_s`).

    ## Arguments
    | argument | default | meaning |
    |---|---|---|
    | track | "lapwing_loop" | name or file of a track, or several: each episode draws one |
    | action_space | "discrete" | or "continuous", or as `action_space` in model_metadata.json |
    | reward | "follow_center_line" | an example, a file or a function |
    | isolated | False | run the reward file in a process without network or files |
    | randomisation | None | "off", "light" or "strong"; None: as `simulator` says (light) |
    | simulator | None | `SimulatorSettings`, or a dictionary of what differs from them: `{"race": {"boxes": …}}` |
    | calibration | None | of a car, or its file: the simulator becomes that car, as in `lapwing train` |
    | sensors | ("FRONT_FACING_CAMERA",) | what is observed, by name |
    | lidar_config | None | as `lidar_config` in model_metadata.json: rays, sectors, clip distance |
    | stack_size | 1 | pictures in an observation |
    | render_mode | None | "rgb_array" |
    | render_view | "chase" | or "camera" or "top" |

    ## Info
    `progress_percent`, `status` (DeepRacer's words), `laps`, `lap_time_s` (of the last lap, 0 before),
    `track`, `is_reversed`, `x_m`, `y_m` (front of the car), `heading_rad`, `arc_m`, `lateral_m`,
    `speed_mps`, `steering_angle_deg`, `time_s`, `contacts` and `overtakes` in this episode.

    ## Version History
    * v0: first version.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15}  # noqa: RUF012 - Gymnasium's own form

    def __init__(self, **arguments: Any) -> None:
        settings = simulator_settings_of(arguments.get("simulator"), None)
        if settings.race.cars_per_world > 1:
            raise SettingsError(
                f"race.cars_per_world is {settings.race.cars_per_world}, and a RacingEnv is one car alone. Use "
                "RacingVectorEnv (gymnasium.make_vec) with as many cars or a multiple, or let it race bots: race.bots."
            )
        self.cars = RacingVectorEnv(1, autoreset_mode=AutoresetMode.DISABLED, **arguments)
        self.metadata = {key: value for key, value in self.cars.metadata.items() if key != "autoreset_mode"}
        self.render_mode = self.cars.render_mode
        self.observation_space = self.cars.single_observation_space
        self.action_space = self.cars.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; options: track, start_fraction, start_lateral_m, reversed."""
        super().reset(seed=seed)
        if not self.cars.started:
            # All chance comes from np_random, also when nobody gave a seed.
            seed = int(self.np_random.integers(2**63)) if seed is None else seed
        self.cars.reset(seed=[seed], options=options)
        return self.cars.observation_of(0), self.cars.info_of(0)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One step: observation, reward, terminated, truncated, info."""
        cars = self.cars
        rewards, terminated, truncated = cars.advance(np.asarray(action)[None])
        return (
            cars.observation_of(0),
            float(rewards[0]),
            bool(terminated[0]),
            bool(truncated[0]),
            cars.info_of(0),
        )

    def render(self) -> NDArray[np.uint8] | None:
        """A (480, 640, 3) picture; None without a render mode."""
        pictures = self.cars.render()
        return None if pictures is None else pictures[0]

    def close(self) -> None:
        """Release the reward function."""
        self.cars.close()
