"""One car as a Gymnasium environment."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from shared.actions import Action, DiscreteActionSpace
from shared.errors import LapwingError
from tests.trainer.sensor_sets import SENSOR_SETS, set_name
from trainer.environment import RacingEnv
from trainer.simulator.measurements import ObjectColumn

ID = "trainer.environment:Lapwing/Racing-v0"
STRAIGHT_ON = 8  # of the default list: no steering, 1 m/s
HARD_LEFT = 14


def drive(env: gymnasium.Env, action: int, limit: int = 2000) -> tuple[int, bool, bool, dict]:
    """Repeat one action to the end of the episode: steps, terminated, truncated, last info."""
    for step in range(1, limit):
        _, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            return step, terminated, truncated, info
    raise AssertionError(f"the episode goes on after {limit} steps")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"action_space": "continuous", "stack_size": 3},
        {"track": ["oval", "lapwing_loop"], "randomisation": "strong", "render_mode": "rgb_array"},
        {"simulator": {"race": {"boxes": {"count": 3}, "bots": {"count": 2}, "barriers": {"count": 4}}}},
    ],
    ids=["discrete", "continuous", "two tracks", "race"],
)
def test_gymnasiums_checker_is_content(arguments: dict) -> None:
    env = gymnasium.make(ID, **arguments)
    check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("sensors", SENSOR_SETS, ids=set_name)
def test_both_checkers_are_content_with_any_sensors(sensors: tuple[str, ...]) -> None:
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    env = gymnasium.make(ID, sensors=sensors, simulator={"rules": {"time_limit_s": 0.3}})
    check_env(env.unwrapped, skip_render_check=True)
    check_for_sb3(RacingEnv(sensors=sensors))
    env.close()


def test_running_into_a_box_ends_the_episode() -> None:
    told: list[dict] = []

    def reward(params: dict) -> float:
        told.append({name: params[name] for name in ("objects_distance", "is_crashed")})
        return 1.0

    boxes = {"count": 1, "positions": ["0.1,1"]}
    env = RacingEnv(reward=reward, randomisation="off", simulator={"race": {"boxes": boxes}})
    env.reset(seed=0)
    lateral_m = float(env.cars.simulator.object_rows[0, 0, ObjectColumn.LATERAL_M])
    env.reset(options={"start_fraction": 0.0, "start_lateral_m": lateral_m})
    steps, terminated, truncated, info = drive(env, STRAIGHT_ON)
    assert (terminated, truncated, info["status"]) == (True, False, "crashed")
    assert steps < 35
    assert told[-1]["is_crashed"]
    assert told[-1]["objects_distance"] == pytest.approx([0.1 * env.cars.tracks[0].length_m], abs=0.05)


def test_an_observation_has_every_sensor_by_its_name() -> None:
    lidar = {"num_values": 32, "num_sectors": 4, "num_values_per_sector": 3}
    sensors = ("STEREO_CAMERAS", "DISCRETIZED_SECTOR_LIDAR", "WHEEL_SPEED_AND_YAW_RATE")
    env = RacingEnv(sensors=sensors, lidar_config=lidar, stack_size=2, randomisation="off")
    env.reset(seed=0)
    for _ in range(10):
        observation, *_ = env.step(STRAIGHT_ON)
    assert list(observation) == list(sensors)
    assert {name: (seen.shape, seen.dtype.name) for name, seen in observation.items()} == {
        "STEREO_CAMERAS": ((4, 120, 160), "uint8"),
        "DISCRETIZED_SECTOR_LIDAR": ((8,), "float32"),
        "WHEEL_SPEED_AND_YAW_RATE": ((2,), "float32"),
    }
    assert observation["WHEEL_SPEED_AND_YAW_RATE"][0] == pytest.approx(1.0, abs=0.2)
    older, newer = observation["STEREO_CAMERAS"][:2], observation["STEREO_CAMERAS"][2:]
    assert not np.array_equal(older, newer)
    assert not np.array_equal(*newer)  # the two cameras are apart


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sensors": ("FRONT_CAMERA",)}, "Did you mean 'FRONT_FACING_CAMERA'"),
        ({"sensors": ("FRONT_FACING_CAMERA", "STEREO_CAMERAS")}, "exactly one camera"),
        ({"sensors": ("FRONT_FACING_CAMERA", "LIDAR", "SECTOR_LIDAR")}, "at most one LiDAR"),
        ({"sensors": ("LIDAR", "FRONT_FACING_CAMERA"), "lidar_config": {"num_value": 32}}, "Did you mean 'num_values'"),
        ({"sensors": ("SECTOR_LIDAR", "FRONT_FACING_CAMERA"), "lidar_config": {"num_sectors": 7}}, "divides 64"),
        ({"lidar_config": {"num_sectors": 7}}, "no LiDAR among the sensors"),
        ({"simulator": {"race": {"cars_per_world": 2}}}, "RacingEnv is one car alone. Use RacingVectorEnv"),
    ],
)
def test_sensors_and_worlds_that_cannot_be_are_refused(arguments: dict, words: str) -> None:
    with pytest.raises(LapwingError, match=words):
        RacingEnv(**arguments)


@pytest.mark.parametrize("arguments", [{}, {"action_space": "continuous", "stack_size": 4}])
def test_the_checker_of_stable_baselines_is_content(arguments: dict) -> None:
    from stable_baselines3.common.env_checker import check_env as check_for_sb3

    check_for_sb3(RacingEnv(**arguments))


def test_an_environment_can_be_written_down_and_made_again() -> None:
    env = gymnasium.make(ID, track="oval", action_space="continuous", simulator={"rules": {"laps": 2}})
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    first, _ = env.reset(seed=5)
    second, _ = again.reset(seed=5)
    assert np.array_equal(first, second)
    assert again.unwrapped.cars.simulator.settings.rules.laps == 2


def test_a_step_returns_plain_python_values() -> None:
    env = RacingEnv()
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(STRAIGHT_ON)
    assert (type(reward), type(terminated), type(truncated)) == (float, bool, bool)
    assert observation.dtype == np.uint8
    assert observation.shape == (1, 120, 160)
    assert {type(value) for value in info.values()} <= {float, int, bool, str}


def test_the_same_seed_gives_the_same_bytes_and_the_next_episode_differs() -> None:
    env = RacingEnv(randomisation="strong")

    def two_episodes(seed: int) -> list[bytes]:
        starts = [env.reset(seed=seed)[0], env.step(STRAIGHT_ON)[0], env.reset()[0]]
        return [picture.tobytes() for picture in starts]

    first = two_episodes(3)
    assert first == two_episodes(3)
    assert first[0] != first[2]
    assert first != two_episodes(4)


def test_leaving_the_road_ends_the_episode_for_good() -> None:
    env = RacingEnv(randomisation="off")
    env.reset(seed=0)
    _, terminated, truncated, info = drive(env, STRAIGHT_ON)
    assert (terminated, truncated) == (True, False)
    assert info["status"] == "off_track"


def test_the_time_limit_cuts_the_episode_short() -> None:
    env = RacingEnv(randomisation="off", simulator={"rules": {"time_limit_s": 1.0}})
    env.reset(seed=0)
    steps, terminated, truncated, info = drive(env, STRAIGHT_ON)
    assert (steps, terminated, truncated) == (15, False, True)
    assert info["status"] == "time_up"


def test_a_step_after_the_end_is_refused() -> None:
    env = RacingEnv(randomisation="off", simulator={"rules": {"time_limit_s": 0.2}})
    env.reset(seed=0)
    drive(env, STRAIGHT_ON)
    with pytest.raises(LapwingError, match="Call reset"):
        env.step(STRAIGHT_ON)


def test_a_step_before_the_first_reset_is_refused() -> None:
    with pytest.raises((gymnasium.error.ResetNeeded, LapwingError), match="reset"):
        RacingEnv().step(STRAIGHT_ON)


def test_the_start_can_be_chosen() -> None:
    env = RacingEnv(track=["lapwing_loop", "oval"], randomisation="off")
    env.reset(seed=0)
    _, ahead = env.reset(options={"track": "oval", "start_fraction": 0.5, "start_lateral_m": 0.1})
    assert ahead["track"] == "oval"
    length_m = env.cars.tracks[1].length_m
    assert ahead["arc_m"] == pytest.approx(0.5 * length_m + 0.14, abs=0.05)  # the front of the car
    assert ahead["lateral_m"] == pytest.approx(0.1, abs=0.02)
    _, back = env.reset(options={"track": "oval", "reversed": True})
    assert back["is_reversed"]
    assert not ahead["is_reversed"]


def test_steering_left_turns_the_car_left() -> None:
    env = RacingEnv(randomisation="off")
    _, start = env.reset(seed=0)
    for _ in range(8):
        *_, info = env.step(HARD_LEFT)
    assert info["lateral_m"] > start["lateral_m"]


def test_actions_may_be_listed_as_in_the_metadata() -> None:
    env = RacingEnv(action_space=[{"steering_angle": 0, "speed": 0.5}, {"steering_angle": "10", "speed": 1}])
    assert env.cars.actions == DiscreteActionSpace((Action(0.0, 0.5), Action(10.0, 1.0)))
    assert env.action_space == gymnasium.spaces.Discrete(2)


@pytest.mark.parametrize("action", [15, -1, 3.5, None, [1, 2]])
def test_an_action_outside_the_list_is_refused(action: object) -> None:
    env = RacingEnv()
    env.reset(seed=0)
    with pytest.raises(LapwingError, match="whole numbers from 0 to 14"):
        env.step(action)


@pytest.mark.parametrize("action", [[np.nan, 0], [0.0], [np.inf, 0.0], ["left", "fast"]])
def test_a_continuous_action_that_is_no_number_is_refused(action: object) -> None:
    env = RacingEnv(action_space="continuous")
    env.reset(seed=0)
    with pytest.raises(LapwingError, match="finite numbers"):
        env.step(action)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"track": "lapwing_lop"}, "lapwing_loop"),
        ({"track": []}, "at least one"),
        ({"reward": "follow_centre_line"}, "follow_center_line"),
        ({"action_space": "continous"}, "'continuous'"),
        ({"simulator": {"step_z": 1}}, "step_s"),
        ({"randomisation": "medium"}, "light"),
        ({"render_mode": "human"}, "rgb_array"),
        ({"render_mode": "rgb_array", "render_view": "bird"}, "chase"),
        ({"reward": lambda params: 1.0, "isolated": True}, "file"),
    ],
)
def test_a_wrong_argument_is_refused_with_what_would_be_right(arguments: dict, words: str) -> None:
    with pytest.raises(LapwingError, match=words):
        RacingEnv(**arguments)


@pytest.mark.parametrize(
    ("options", "words"), [({"tracks": "oval"}, "'track'"), ({"track": "oval"}, "has no track 'oval'")]
)
def test_a_wrong_reset_option_is_refused(options: dict, words: str) -> None:
    with pytest.raises(LapwingError, match=words):
        RacingEnv(track="lapwing_loop").reset(seed=0, options=options)


def test_a_function_may_be_the_reward() -> None:
    seen: list[int] = []

    def reward(params: dict) -> float:
        seen.append(params["steps"])
        return 2.5 * params["speed"]

    env = RacingEnv(reward=reward)
    env.reset(seed=0)
    assert env.step(STRAIGHT_ON)[1] == 2.5
    env.step(STRAIGHT_ON)
    assert seen == [2, 3]  # the reset is step 1, as in DeepRacer


COUNTING = """
import random
calls = 0
def reward_function(params):
    global calls
    calls += 1
    return calls + random.random()
"""


@pytest.mark.parametrize("isolated", [False, True])
def test_a_seeded_reset_makes_the_reward_forget_and_a_plain_one_does_not(tmp_path: Path, isolated: bool) -> None:
    file = tmp_path / "counting.py"
    file.write_text(COUNTING)
    env = RacingEnv(reward=str(file), isolated=isolated)

    def rewards(**reset: int) -> list[float]:
        env.reset(**reset)
        return [env.step(STRAIGHT_ON)[1] for _ in range(3)]

    first = rewards(seed=1)
    assert [int(value) for value in first] == [1, 2, 3]
    assert [int(value) for value in rewards()] == [4, 5, 6]
    assert rewards(seed=1) == first
    env.close()


def test_a_mistake_in_the_reward_names_the_users_line(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text("def reward_function(params):\n    return params['sped']\n")
    env = RacingEnv(reward=file)
    env.reset(seed=0)
    with pytest.raises(LapwingError, match=r"line 2.*'speed'"):
        env.step(STRAIGHT_ON)


def test_a_stack_holds_the_newest_picture_last() -> None:
    env = RacingEnv(stack_size=3, randomisation="off")
    first, _ = env.reset(seed=0)
    assert np.array_equal(first[0], first[2])
    second, *_ = env.step(HARD_LEFT)
    third, *_ = env.step(HARD_LEFT)
    assert np.array_equal(third[:2], second[1:])
    assert not np.array_equal(third[2], second[2])


def test_a_picture_is_drawn_when_asked_for() -> None:
    env = RacingEnv(render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render()
    assert picture is not None
    assert (picture.shape, picture.dtype) == ((480, 640, 3), np.uint8)
    assert picture.std() > 5
