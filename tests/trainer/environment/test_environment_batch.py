"""N cars in one batch are N single environments, in every autoreset mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import psutil
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit

from shared.errors import LapwingError
from trainer.environment import RacingEnv, RacingVectorEnv
from trainer.tracks import load_track

ID = "trainer.environment:Lapwing/Racing-v0"
CARS = 4
STEPS = 90
MAX_STEPS = 40
SENSORS_OF = {
    "discrete": ("FRONT_FACING_CAMERA",),
    "continuous": ("LIDAR", "STEREO_CAMERAS", "WHEEL_SPEED_AND_YAW_RATE"),
}
RACE_OF = {"discrete": {}, "continuous": {"boxes": {"count": 3}, "bots": {"count": 2}}}
ARGUMENTS: dict[str, Any] = {"track": ["lapwing_loop", "oval"], "randomisation": "light", "stack_size": 2}


def batch_and_singles(mode: AutoresetMode, **arguments: Any) -> tuple[RacingVectorEnv, SyncVectorEnv]:
    batch = RacingVectorEnv(CARS, autoreset_mode=mode, max_episode_steps=MAX_STEPS, **arguments)
    singles = SyncVectorEnv(
        [lambda: TimeLimit(RacingEnv(**arguments), MAX_STEPS) for _ in range(CARS)], autoreset_mode=mode
    )
    return batch, singles


def assert_same(ours: Any, theirs: Any, place: str) -> None:
    """The same values, dtypes and keys, whatever they are nested in."""
    assert type(ours) is type(theirs), place
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), place
        for key in ours:
            assert_same(ours[key], theirs[key], f"{place}.{key}")
    elif isinstance(ours, tuple) or (isinstance(ours, np.ndarray) and ours.dtype == object):
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(a, b, f"{place}[{i}]")
    elif isinstance(ours, np.ndarray):
        assert ours.dtype == theirs.dtype, place
        assert np.array_equal(ours, theirs), place
    else:
        assert ours == theirs, place


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("action_space", ["discrete", "continuous"])
def test_a_batch_equals_as_many_single_environments(mode: AutoresetMode, action_space: str) -> None:
    sensors, simulator = SENSORS_OF[action_space], {"race": RACE_OF[action_space]}
    batch, singles = batch_and_singles(
        mode, action_space=action_space, sensors=sensors, simulator=simulator, **ARGUMENTS
    )
    assert batch.observation_space == singles.observation_space
    assert batch.action_space == singles.action_space
    seeds = [11, 5, 7, 400]
    assert_same(batch.reset(seed=seeds), singles.reset(seed=seeds), "reset")
    batch.action_space.seed(1)
    ended = {"terminated": 0, "truncated": 0}
    for step in range(STEPS):
        actions = batch.action_space.sample()
        actions[0] = (-1, 1) if action_space == "continuous" else 2  # fast into the right border
        ours, theirs = batch.step(actions), singles.step(actions)
        assert_same(ours, theirs, f"step {step}")
        ended["terminated"] += int(ours[2].sum())
        ended["truncated"] += int(ours[3].sum())
        done = ours[2] | ours[3]
        if mode is AutoresetMode.DISABLED and done.any():
            options = {"reset_mask": done}
            assert_same(batch.reset(options=dict(options)), singles.reset(options=dict(options)), f"reset {step}")
    assert min(ended.values()) > 0, "both ways of ending must have been compared"
    batch.close()
    singles.close()


def test_some_cars_can_be_seeded_anew_while_the_others_go_on() -> None:
    batch, singles = batch_and_singles(AutoresetMode.DISABLED, **ARGUMENTS)
    assert_same(batch.reset(seed=3), singles.reset(seed=3), "reset")
    actions = np.full(CARS, 8)
    assert_same(batch.step(actions), singles.step(actions), "step")
    again = {"seed": [None, 9, None, None], "options": {"reset_mask": np.array([True, True, False, False])}}
    ours = batch.reset(seed=again["seed"], options=dict(again["options"]))
    assert_same(ours, singles.reset(seed=again["seed"], options=dict(again["options"])), "reset some")
    assert_same(batch.step(actions), singles.step(actions), "step after")


def test_make_vec_finds_the_batch_and_passes_the_step_limit() -> None:
    cars = gymnasium.make_vec(ID, num_envs=3, randomisation="off", max_episode_steps=5)
    assert isinstance(cars.unwrapped, RacingVectorEnv)
    assert cars.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    cars.reset(seed=0)
    truncated = [cars.step(np.full(3, 8))[3].all() for _ in range(5)]
    assert truncated == [False, False, False, False, True]
    cars.close()


def test_gymnasiums_vector_wrappers_fit() -> None:
    cars = gymnasium.wrappers.vector.RecordEpisodeStatistics(
        RacingVectorEnv(2, randomisation="off", max_episode_steps=4, autoreset_mode="same_step")
    )
    cars.reset(seed=0)
    for _ in range(4):
        *_, infos = cars.step(np.array([8, 8]))
    assert infos["episode"]["l"].tolist() == [4, 4]


def test_returned_arrays_stay_as_they_were() -> None:
    cars = RacingVectorEnv(2, randomisation="off")
    observations, infos = cars.reset(seed=0)
    kept = observations.copy(), infos["x_m"].copy()
    cars.step(np.array([0, 14]))
    assert np.array_equal(observations, kept[0])
    assert np.array_equal(infos["x_m"], kept[1])


def test_the_first_reset_is_for_all_cars() -> None:
    with pytest.raises(LapwingError, match="reset_mask"):
        RacingVectorEnv(2).reset(options={"reset_mask": np.array([True, False])})


@pytest.mark.parametrize("mask", [[True, False], np.array([1, 0]), np.array([True]), np.array([False, False])])
def test_a_malformed_reset_mask_is_refused(mask: Any) -> None:
    cars = RacingVectorEnv(2)
    cars.reset(seed=0)
    with pytest.raises(LapwingError, match="reset_mask"):
        cars.reset(options={"reset_mask": mask})


def test_cars_of_one_world_start_behind_one_another_and_drive_on_one_track() -> None:
    cars = RacingVectorEnv(
        6,
        track=["lapwing_loop", "oval", "bowtie"],
        sensors=("FRONT_FACING_CAMERA", "LIDAR"),
        simulator={"race": {"cars_per_world": 2}},
        randomisation="off",
        max_episode_steps=5,
    )
    seen_together = set()
    for seed in range(4):
        _, infos = cars.reset(seed=seed)
        for _ in range(7):
            tracks, arcs_m = infos["track"].reshape(3, 2), infos["arc_m"].reshape(3, 2)
            assert (tracks[:, 0] == tracks[:, 1]).all()
            *_, infos = cars.step(np.full(6, 8))
        seen_together.add(tuple(tracks[:, 0]))
        assert arcs_m.shape == (3, 2)
    assert len(seen_together) > 1
    observation, infos = cars.reset(seed=0)
    ahead_m = infos["arc_m"].reshape(3, 2)
    lengths_m = np.array([load_track(name).length_m for name in infos["track"][::2]])
    assert (ahead_m[:, 0] - ahead_m[:, 1]) % lengths_m == pytest.approx(0.75, abs=0.05)
    assert (observation["LIDAR"][::2].min(axis=1) < 0.9).all()  # the first one sees the one behind


COUNTING = """
calls = 0
def reward_function(params):
    global calls
    calls += 1
    return calls + 100 * len(params["objects_location"])
"""


@pytest.mark.parametrize("isolated", [False, True])
def test_every_car_of_a_world_may_have_a_reward_of_its_own(tmp_path: Path, isolated: bool) -> None:
    counting, speedy = tmp_path / "counting.py", tmp_path / "speedy.py"
    counting.write_text(COUNTING)
    speedy.write_text("def reward_function(params):\n    return params['speed']\n")
    race = {"race": {"cars_per_world": 2}}
    cars = RacingVectorEnv(4, reward=[speedy, counting], isolated=isolated, simulator=race, randomisation="off")
    cars.reset(seed=0)
    actions = np.array([6, 8, 8, 6])  # straight on: at a third of the top speed, or at all of it
    for calls in (1, 2):
        rewards = cars.step(actions)[1]
        assert rewards == pytest.approx([1 / 3, 100 + calls, 1.0, 100 + calls], abs=1e-3)
    cars.reset(seed=[None, None, None, 5], options={"reset_mask": np.array([False, False, True, True])})
    assert cars.step(actions)[1] == pytest.approx([1 / 3, 103, 1.0, 101], abs=1e-3)
    cars.close()


def test_a_refused_reward_leaves_no_worker_of_the_others_behind(tmp_path: Path) -> None:
    good, broken = tmp_path / "good.py", tmp_path / "broken.py"
    good.write_text("def reward_function(params):\n    return 1.0\n")
    broken.write_text("def reward_function(params)\n")
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(LapwingError, match=r"broken\.py"):
        RacingVectorEnv(2, reward=[good, broken], isolated=True, simulator={"race": {"cars_per_world": 2}})
    left = [child for child in psutil.Process().children() if child.pid not in before]
    assert [child for child in left if child.status() != psutil.STATUS_ZOMBIE] == []


def test_rewards_must_be_as_many_as_the_cars_of_a_world() -> None:
    with pytest.raises(LapwingError, match=r"3 rewards are given.* are 2 .*one for each"):
        RacingVectorEnv(4, reward=["race_bots"] * 3, simulator={"race": {"cars_per_world": 2}})


def test_cars_must_fill_their_worlds() -> None:
    with pytest.raises(LapwingError, match=r"num_envs is 5.* multiple of 3, for example 6"):
        RacingVectorEnv(5, simulator={"race": {"cars_per_world": 3}})


def test_the_number_of_seeds_must_fit() -> None:
    with pytest.raises(LapwingError, match="3 seeds for 2 cars"):
        RacingVectorEnv(2).reset(seed=[1, 2, 3])


def test_an_unknown_autoreset_mode_is_refused() -> None:
    with pytest.raises(LapwingError, match="Did you mean 'same_step'"):
        RacingVectorEnv(2, autoreset_mode="same_stp")
