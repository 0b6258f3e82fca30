"""Rewards from worker processes: the same numbers, whatever their number, and what users may rely on."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared.errors import RewardError
from trainer.rewards.batch import Rewards
from trainer.rewards.catalogue import open_rewards
from trainer.rewards.output_log import BURST_BYTES, OutputLog
from trainer.rewards.settings import RewardSettings
from trainer.tracks import Track

Opener = Callable[..., Rewards]
Rows = Callable[..., np.ndarray]

CHANCE = """
    import random
    import numpy as np
    from numpy.random import normal

    def reward_function(params):
        return random.random() + 10 * np.random.rand() + 100 * random.gauss(0, 1) + 1000 * normal()
"""
COUNTER = """
    calls = 0

    def reward_function(params):
        global calls
        calls += 1
        return calls
"""


def driven(rewards: Rewards, rows: Rows, cars: int, steps: int = 5) -> np.ndarray:
    """(steps, cars) rewards of a few steps in which every car is somewhere else."""
    return np.array([rewards.compute(rows(cars, STEPS=step, TIME_S=step / 15)) for step in range(2, 2 + steps)])


def test_the_number_of_workers_changes_no_reward(opened: Opener, rows: Rows) -> None:
    one, three = (opened(CHANCE, cars=5, workers=workers) for workers in (1, 3))
    first = driven(one, rows, 5)
    assert np.array_equal(first, driven(three, rows, 5))
    assert len(np.unique(first)) == first.size


def test_rewards_are_the_same_inside_the_trainer(opened: Opener, rows: Rows) -> None:
    assert np.array_equal(driven(opened(CHANCE, workers=2), rows, 2), driven(opened(CHANCE, isolated=False), rows, 2))


def test_objects_reach_isolated_rewards_as_they_do_inside_the_trainer(
    opened: Opener, rows: Rows, thing: Callable[..., list[float]]
) -> None:
    text = """
        def reward_function(params):
            behind, ahead = params["closest_objects"]
            return 100 * len(params["objects_speed"]) + 10 * params["objects_distance"][ahead] + params["overtakes"]
    """
    objects = [thing(ARC_M=3.5, GAP_M=2.5), thing(KIND=0), thing(ARC_M=2.0, GAP_M=1.0)]
    measured = np.hstack((rows(3, OVERTAKES=[0, 1, 2]), np.tile(np.ravel(objects), (3, 1))))
    isolated = opened(text, cars=3, workers=2, objects=3).compute(measured)
    assert isolated.tolist() == [220.0, 221.0, 222.0]
    assert isolated.tolist() == opened(text, cars=3, isolated=False, objects=3).compute(measured).tolist()


def test_chance_follows_the_seed_the_car_and_the_step(opened: Opener, rows: Rows) -> None:
    rewards = opened(CHANCE)
    again, other_seed, other_cars = opened(CHANCE), opened(CHANCE, seed=8), opened(CHANCE, first_car=1)
    first = driven(rewards, rows, 2)
    assert np.array_equal(first, driven(again, rows, 2))
    assert not np.isin(first, driven(other_seed, rows, 2)).any()
    assert np.array_equal(first[:, 1], driven(other_cars, rows, 2)[:, 0])
    later_episode = rewards.compute(rows(2, STEPS=2, EPISODE=1))
    assert not np.isin(later_episode, first).any()


def test_chance_inside_the_trainer_leaves_its_generators_alone(opened: Opener, rows: Rows) -> None:
    rewards = opened(CHANCE, isolated=False)
    random.seed(1)
    expected = random.random()
    random.seed(1)
    rewards.compute(rows())
    assert random.random() == expected


def test_every_car_has_a_module_of_its_own(opened: Opener, rows: Rows) -> None:
    rewards = opened(COUNTER, cars=3, workers=2)
    rewards.compute(rows(3))
    held = np.array([False, True, False])
    assert rewards.compute(rows(3), held).tolist() == [2.0, 0.0, 2.0]
    assert rewards.compute(rows(3)).tolist() == [3.0, 2.0, 3.0]


def test_rows_may_change_while_rewards_are_computed(opened: Opener, rows: Rows) -> None:
    rewards = opened("def reward_function(params): return params['x']")
    measurements = rows(2)
    rewards.begin(measurements)
    measurements[:] = -1.0
    assert rewards.finish().tolist() == [0.0, 1.0]


def test_the_clock_goes_on_when_an_episode_ends(opened: Opener, rows: Rows) -> None:
    rewards = opened("def reward_function(params): return params['sim_time']", cars=1)
    times = [(0, 1.0), (0, 2.0), (1, 0.5), (1, 1.0), (2, 0.25)]
    seen = [rewards.compute(rows(1, EPISODE=e, TIME_S=t))[0] for e, t in times]
    assert seen == [1.0, 2.0, 2.5, 3.0, 3.25]


@pytest.mark.parametrize(
    ("expression", "reward"),
    [("True", 1.0), ("7", 7.0), ("-1e5", -1e5), ("np.float32(0.5)", 0.5), ("np.int64(3)", 3.0),
     ("np.array(2.0)", 2.0), ("Fraction(1, 4)", 0.25), ("Decimal('1.5')", 1.5)],
)  # fmt: skip
def test_whatever_float_takes_is_a_reward(opened: Opener, rows: Rows, expression: str, reward: float) -> None:
    rewards = opened(
        f"""
        import numpy as np
        from decimal import Decimal
        from fractions import Fraction

        def reward_function(params):
            return {expression}
        """,
        cars=1,
    )
    assert rewards.compute(rows(1)).tolist() == [reward]


def test_prints_go_to_the_log(opened: Opener, rows: Rows, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    rewards = opened(
        """
        import os, sys
        print("loaded")

        def reward_function(params):
            print("at", params["x"])
            print("seen", file=sys.stderr)
            os.write(1, b"behind Python's back")
            return 1.0
        """,
        cars=1,
        log_path=log,
    )
    rewards.compute(rows(1))
    assert log.read_text().splitlines() == ["before", "reward| loaded", "reward| at 0.0", "reward| seen"]
    assert capfd.readouterr() == ("", "")


def test_a_flood_of_prints_is_cut_and_counted(opened: Opener, rows: Rows, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    rewards = opened(
        """
        def reward_function(params):
            print("x" * 10_000_000)
            return 1.0
        """,
        log_path=log,
        log_limit_mb=0.05,
        call_limit_s=5,
    )
    for _ in range(5):
        assert rewards.compute(rows()).tolist() == [1.0, 1.0]
    rewards.close()
    assert log.stat().st_size < 60_000
    assert "bytes" in log.read_text()[-100:]


def test_the_log_takes_only_so_much_per_second(tmp_path: Path) -> None:
    now = 0.0
    log = OutputLog(tmp_path / "log.txt", 100.0, monotonic=lambda: now)
    line = b"x" * 1000
    for _ in range(1000):
        log.write(line)
    burst = (tmp_path / "log.txt").stat().st_size
    assert BURST_BYTES - 2000 < burst <= BURST_BYTES
    now = 1.0
    log.write(line)
    assert b"bytes of output were dropped" in (tmp_path / "log.txt").read_bytes()


def test_a_sentence_says_what_was_granted(opened: Opener) -> None:
    sentence = opened("def reward_function(params): return 1.0", memory_mb=200, call_limit_s=2).isolation
    assert sentence.startswith("reward isolation: separate process")
    assert "200 MB memory, 2 s per call" in sentence
    assert opened("def reward_function(params): return 1.0", isolated=False).isolation.startswith(
        "reward isolation: none"
    )


def test_the_time_of_a_call_is_measured(opened: Opener, rows: Rows) -> None:
    rewards = opened("def reward_function(params): return sum(range(100_000)) * 0.0")
    assert rewards.seconds_per_call == 0.0
    rewards.compute(rows())
    assert 1e-5 < rewards.seconds_per_call < 1.0


def test_workers_load_neither_torch_nor_numba_nor_numpy(opened: Opener, rows: Rows) -> None:
    rewards = opened(
        """
        import sys

        def reward_function(params):
            return len({"torch", "numba", "numpy", "pydantic", "click"} & set(sys.modules))
        """
    )
    assert rewards.compute(rows()).tolist() == [0.0, 0.0]


def test_there_are_at_most_as_many_workers_as_cores(track: Track, rows: Rows) -> None:
    import os

    cores = len(os.sched_getaffinity(0))
    with open_rewards(None, [track], cars=256, seed=0, settings=RewardSettings()) as rewards:
        assert 1 <= len(rewards._processes) <= cores
        assert rewards.compute(rows(256)).shape == (256,)


def test_a_state_of_another_number_of_cars_is_refused(opened: Opener) -> None:
    with pytest.raises(RewardError, match="of 1 cars and this run has 2"):
        opened(COUNTER).restore([None])


def test_chance_at_the_top_of_the_file_follows_the_seed_and_the_car(opened: Opener, rows: Rows) -> None:
    text = """
        import random
        import numpy as np
        drawn = random.random() + 10 * np.random.rand()

        def reward_function(params):
            return drawn
        """
    first, again = (opened(text, cars=4, workers=workers).compute(rows(4)) for workers in (1, 2))
    inside = opened(text, cars=4, isolated=False).compute(rows(4))
    assert first.tolist() == again.tolist() == inside.tolist()
    assert len(set(first.tolist())) == 4
    assert opened(text, seed=8).compute(rows())[0] != first[0]
