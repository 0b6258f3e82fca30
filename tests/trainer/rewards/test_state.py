"""A reward that remembers goes on where it was; one that cannot be saved says which name is to blame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from shared.errors import RewardError
from trainer.rewards.batch import Rewards

Opener = Callable[..., Rewards]
Rows = Callable[..., np.ndarray]

REMEMBERING = {
    "a global number": """
        total = 0.0
        def reward_function(params):
            global total
            total += params["x"] + 1
            return total
        """,
    "a name made while driving, and one deleted": """
        first = True
        def reward_function(params):
            if "first" in globals():
                del globals()["first"]
            globals()["made"] = globals().get("made", 0) + 1
            return made * 10 + ("first" in globals())
        """,
    "an object of the file's own class": """
        class Memory:
            def __init__(self): self.seen = []
            def add(self, value):
                self.seen.append(value)
                return len(self.seen)
        memory = Memory()
        def reward_function(params): return memory.add(params["x"])
        """,
    "attributes of a class": """
        class Reward:
            last = None
            seen = []
            def __call__(self, params):
                Reward.last = (Reward.last or 0) + 1
                self.seen.append(1)
                return Reward.last * 100 + len(self.seen)
        reward = Reward()
        def reward_function(params): return reward(params)
        """,
    "attributes of a function and default arguments": """
        def reward_function(params, seen=[]):
            seen.append(params["x"])
            reward_function.calls = getattr(reward_function, "calls", 0) + 1
            return reward_function.calls * 100 + len(seen)
        """,
    "a closure": """
        def make():
            count = 0
            def count_up():
                nonlocal count
                count += 1
                return count
            return count_up
        count_up = make()
        def reward_function(params): return count_up()
        """,
    "a decorated function with a counter": """
        import functools
        def counted(function):
            calls = [0]
            @functools.wraps(function)
            def wrapper(params):
                calls[0] += 1
                return function(params) + calls[0]
            return wrapper
        @counted
        def reward_function(params): return 0.5
        """,
    "generators of chance of its own": """
        import random
        import numpy as np
        mine, numpys = random.Random(3), np.random.default_rng(3)
        def reward_function(params): return mine.random() + numpys.random()
        """,
    "two names for one list": """
        seen = []
        same = seen
        def reward_function(params):
            seen.append(1)
            return len(same)
        """,
    "which function comes next": """
        def even(): return 2
        odd = lambda: 1
        following = {"now": even}
        def reward_function(params):
            result = following["now"]()
            following["now"] = odd if following["now"] is even else even
            return result
        """,
    "deque, Counter, dataclass, enum, numpy array, namedtuple": """
        from collections import Counter, deque, namedtuple
        from dataclasses import dataclass, field
        from enum import Enum
        import numpy as np
        import sys
        class Mode(Enum):
            SLOW = 1
            FAST = 2
        @dataclass
        class Lap:
            times: list = field(default_factory=list)
        Point = namedtuple("Point", "x y")
        recent, counts, lap, mode, array = deque(maxlen=3), Counter(), Lap(), Mode.SLOW, np.zeros(3)
        point, module = Point(0, 0), sys
        def reward_function(params):
            global mode, point
            recent.append(params["steps"])
            counts["calls"] += 1
            lap.times.append(params["time"])
            array[1] += 1
            mode = Mode.FAST if mode is Mode.SLOW else Mode.SLOW
            point = Point(point.x + 1, point.y)
            return sum(recent) + counts["calls"] + len(lap.times) + array[1] + mode.value * 1000 + point.x
        """,
}
FUNCTION = "\ndef reward_function(params): return 1.0\n"
NOT_SAVED = [
    (
        "numbers = (n for n in range(10 ** 6))\ndef reward_function(params): return next(numbers)\n",
        "'numbers' is a generator",
    ),
    ("import threading\nkept = {'lock': threading.Lock()}" + FUNCTION, "'kept' is a dict with a lock in it"),
    (
        "def make(): return lambda: 1\nfs = []\ndef reward_function(params):\n    fs.append(make())\n    return 1.0\n",
        "'fs' is a list with a function in it",
    ),
    ("class Odd:\n    def __reduce__(self): return 1 / 0\nodd = Odd()" + FUNCTION, "'odd' is a Odd"),
    ("class C: pass\nC.kept = open('/dev/null')" + FUNCTION, "'C.kept' is a TextIOWrapper"),
    ("big = bytearray(40_000_000)" + FUNCTION, "more than 32 MB"),
]


def drive(rewards: Rewards, rows: Rows, first: int, last: int) -> list[list[float]]:
    return [rewards.compute(rows(3, STEPS=step, TIME_S=step / 15)).tolist() for step in range(first, last)]


@pytest.mark.parametrize("isolated", [True, False])
@pytest.mark.parametrize("text", REMEMBERING.values(), ids=REMEMBERING)
def test_a_restored_reward_goes_on_as_if_nothing_had_happened(
    opened: Opener, rows: Rows, text: str, isolated: bool
) -> None:
    uninterrupted = opened(text, cars=3, isolated=isolated)
    drive(uninterrupted, rows, 2, 6)
    states = uninterrupted.snapshot()
    assert uninterrupted.bit_exact == (True, "")
    expected = drive(uninterrupted, rows, 6, 10)

    resumed = opened(text, cars=3, workers=3, isolated=isolated)
    resumed.restore(states)
    assert drive(resumed, rows, 6, 10) == expected
    fresh = opened(text, cars=3, isolated=isolated)
    assert drive(fresh, rows, 6, 10) != expected or "following" in text


def test_the_clock_of_a_car_is_restored(opened: Opener, rows: Rows) -> None:
    text = "def reward_function(params): return params['sim_time']"
    rewards = opened(text, cars=1)
    for episode in range(3):
        rewards.compute(rows(1, EPISODE=episode, TIME_S=2.0))
    resumed = opened(text, cars=1)
    resumed.restore(rewards.snapshot())
    assert resumed.compute(rows(1, EPISODE=3, TIME_S=1.0)).tolist() == [7.0]


@pytest.mark.parametrize(("text", "reason"), NOT_SAVED)
def test_what_cannot_be_saved_is_named(opened: Opener, rows: Rows, text: str, reason: str) -> None:
    rewards = opened(text)
    assert rewards.bit_exact == (True, "")
    rewards.compute(rows())
    assert rewards.snapshot() == [None, None]
    exact, why = rewards.bit_exact
    assert not exact
    assert reason in why


def test_a_state_that_cannot_be_put_back_is_one_sentence(opened: Opener) -> None:
    rewards = opened("def reward_function(params): return 1.0")
    with pytest.raises(RewardError, match="its saved variables cannot be put back"):
        rewards.restore([b"garbage", None])


def test_the_trainer_never_unpickles_a_state(opened: Opener, rows: Rows) -> None:
    text = """
        import os
        class Bomb:
            def __reduce__(self): return os._exit, (3,)
        bomb = Bomb()
        def reward_function(params): return 1.0
        """
    rewards = opened(text)
    states = rewards.snapshot()
    assert all(isinstance(state, bytes) for state in states)
    with pytest.raises(RewardError, match="exit code 3"):
        opened(text).restore(states)
