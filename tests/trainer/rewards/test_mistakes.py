"""What people get wrong: each mistake is one sentence that names their own line, and the trainer lives on."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from shared.errors import RewardError
from trainer.rewards.batch import Rewards
from trainer.rewards.mistake import MistakeError
from trainer.rewards.program import LARGEST_SOURCE_BYTES

Opener = Callable[..., Rewards]
Rows = Callable[..., np.ndarray]


def call(body: str) -> str:
    """A reward file whose function has this body; the body's first line is line 7 of the file."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    imports = "import math, os, re, sys\nimport numpy as np\n\n\nimport time\n"
    return f"{imports}def reward_function(params):\n{lines}\n"


RAISES = [
    ("return 1 / 0", 7, "ZeroDivisionError: division by zero"),
    ("x = 1\nreturn x + params", 8, "TypeError"),
    ("return params['all_wheel_on_track']", 7, "Did you mean 'all_wheels_on_track'?"),
    ("return params['nonsense']", 7, "lapwing reward params"),
    ("return params['throttle']", 7, "It was renamed to speed, in m/s instead of 0 to 1."),
    ("return undefined", 7, "NameError: name 'undefined' is not defined"),
    ("assert params['speed'] > 99", 7, "AssertionError"),
    ("raise StopIteration(3)", 7, "StopIteration: 3"),
    ("raise GeneratorExit", 7, "GeneratorExit"),
    ("sys.exit('bye')", 7, "SystemExit: bye"),
    ("exit()", 7, "it ended the program"),
    ("raise KeyboardInterrupt", 7, "KeyboardInterrupt"),
    ("def again(): return again()\nreturn again()", 7, "RecursionError"),
    ("class Odd(Exception):\n    def __str__(self): return 1/0\nraise Odd()", 9, "its text cannot be shown"),
    ("raise ValueError('a\\nb\\x1b[31m' + 'long ' * 1000)", 7, "ValueError: a b?[31mlong"),
    ("raise BaseExceptionGroup('g', [KeyboardInterrupt()])", 7, "BaseExceptionGroup"),
    (
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('deep') from e",
        10,
        "ValueError: deep",
    ),
    ("return sorted([3, 'a'])[0]", 7, "TypeError"),
    ("return list(map(math.sqrt, [-1]))[0]", 7, "ValueError"),
    ("import nowhere_to_be_found.inner", 7, "module 'nowhere_to_be_found' is not installed"),
    ("import cv3, cv2", 7, "module 'cv3' is not installed"),
]
RETURNS = [
    ("return None", 7, "returned None"),
    ("if params['speed'] > 99:\n    return 1.0", 7, "returned None"),
    ("return 'fast'", 7, "returned text ('fast')"),
    ("return '1.0'", 7, "returned text ('1.0')"),
    ("x = b'1'\nreturn x", 8, "returned text (b'1')"),
    ("return math.nan", 7, "returned NaN"),
    ("return math.inf", 7, "returned inf, outside -100000 to 100000"),
    ("return -math.inf", 7, "returned -inf"),
    ("return 1.1e5", 7, "returned 110000"),
    ("return 1e308", 7, "returned 1e+308"),
    ("return 10 ** 400", 7, "returned int that is not a real number"),
    ("return 1 + 2j", 7, "returned complex that is not a real number"),
    ("return [1.0]", 7, "returned list"),
    ("return {}", 7, "returned dict"),
    ("return np.zeros(3)", 7, "returned ndarray"),
    ("return np.float64('nan')", 7, "returned NaN"),
    ("class Odd:\n    def __float__(self): return 1/0\nreturn Odd()", 9, "not a number (ZeroDivisionError)"),
    ("return lambda: 1", 7, "returned function"),
]
NEVER_RETURNS = [
    ("while True: pass", 7),
    ("while True:\n    params['speed'] += 1", None),
    ("for _ in iter(int, 1): pass", 7),
    ("time.sleep(1000)", 7),
    ("def inner():\n    while True: pass\ninner()", 8),
    ("try:\n    while True: pass\nexcept BaseException: pass", 8),
    ("while True:\n    try: raise ValueError\n    except BaseException: pass", None),
    ("x = 7\nreturn x ** x ** x ** x", 8),
    ("re.match('(a+)+$', 'a' * 100 + 'b')", 7),
    ("sum(range(10 ** 12))", 7),
    ("import threading\nthreading.Event().wait()", 8),
    ("import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()", 10),
    ("os.read(os.pipe()[0], 1)", 7),
    ("import select\nselect.select([], [], [])", 8),
    ("import signal\nsignal.pause()", 8),
    ("'x' in iter(lambda: 'y', 'x')", 7),
    ("[0] * (10 ** 6) == [0] * (10 ** 6)\nwhile 1: [0] * 10 ** 6", 8),
    ("x = np.ones((500, 500))\nwhile True: x = x @ x / 500", 8),
    ("import signal\nsignal.signal(signal.SIGUSR2, signal.SIG_IGN)\nwhile True: pass", None),
    ("list(__import__('itertools').count())[0]", 7),
]  # fmt: skip
EATS_MEMORY = [
    ("[0] * 10 ** 12", 7),
    ("x = 'x'\nwhile True: x += x", 8),
    ("x = []\nwhile True: x.append(bytearray(10 ** 7))", 8),
    ("return np.zeros(10 ** 11)[0]", 7),
    ("return len(bytes(10 ** 10))", 7),
]
ESCAPES = [
    ("open('/etc/passwd')", 7, "PermissionError"),
    ("open('notes.txt', 'w')", 7, "no files, no network"),
    ("os.listdir('/root')", 7, "PermissionError"),
    ("os.remove('/tmp')", 7, "PermissionError"),
    ("os.fork()", 7, "PermissionError"),
    ("os.system('true')\nraise OSError('no shell')", 8, "no shell"),
    ("import subprocess\nsubprocess.run(['true'])", 8, "PermissionError"),
    ("import threading\nthreading.Thread(target=print).start()", 8, "can't start new thread"),
    ("import socket\nsocket.create_connection(('127.0.0.1', 80))", 8, "PermissionError"),
    ("import socket\nsocket.socketpair()", 8, "PermissionError"),
    ("os.kill(os.getppid(), 9)", 7, "PermissionError"),
    ("os.execv(sys.executable, ['python'])", 7, "PermissionError"),
    ("open('/proc/self/environ')", 7, "PermissionError"),
    ("open('/dev/shm/x', 'w')", 7, "PermissionError"),
    ("import ctypes\nctypes.string_at(0)", 8, "SIGSEGV"),
    ("os.abort()", 7, "its process was ended by"),
    ("os._exit(3)", None, "ended by itself (exit code 3)"),
    ("input('reward? ')", 7, "EOFError"),
    ("sys.settrace(lambda *_: 1 / 0)\n(lambda: 1)()", 7, "ZeroDivisionError"),
    ("sys.stdout.close()\nprint('gone')", 8, "ValueError"),
]


def mistake(opened: Opener, rows: Rows, body: str, **settings: object) -> MistakeError:
    """The mistake that the function with this body makes in its first step."""
    rewards = opened(call(body), **{"call_limit_s": 5.0, **settings})
    with pytest.raises(MistakeError) as caught:
        rewards.compute(rows())
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(("body", "line", "says"), RAISES + RETURNS)
def test_a_mistake_names_its_line(opened: Opener, rows: Rows, body: str, line: int, says: str) -> None:
    error = mistake(opened, rows, body)
    assert error.mistake.line == line, error
    assert says in str(error)
    assert f"my_reward.py, line {line}: " in str(error)
    assert "(car 0, step 2 of its episode)" in str(error)


@pytest.mark.parametrize(("body", "line", "says"), [RAISES[0], RAISES[10], RETURNS[0], RETURNS[5]])
def test_inside_the_trainer_mistakes_read_the_same(opened: Opener, rows: Rows, body: str, line: int, says: str) -> None:
    assert str(mistake(opened, rows, body, isolated=False)) == str(mistake(opened, rows, body))


@pytest.mark.parametrize(("body", "line"), NEVER_RETURNS)
def test_a_call_that_never_returns_is_ended_and_its_line_named(
    opened: Opener, rows: Rows, body: str, line: int | None
) -> None:
    begun = time.monotonic()
    error = mistake(opened, rows, body, memory_mb=1024, call_limit_s=0.3)
    assert time.monotonic() - begun < 20
    if "SIG_IGN" in body:
        assert error.mistake.line is None
    else:
        assert error.mistake.line is not None
        assert line in (None, error.mistake.line), error
    assert "took longer than 0.3 s" in str(error) or "memory" in str(error)


@pytest.mark.parametrize(("body", "line"), EATS_MEMORY)
def test_memory_ends_at_the_limit(opened: Opener, rows: Rows, body: str, line: int) -> None:
    error = mistake(opened, rows, body)
    assert error.mistake.line == line, error
    assert "emory" in str(error)


@pytest.mark.parametrize(("body", "line", "says"), ESCAPES)
@pytest.mark.usefixtures("walls")
def test_the_machine_is_out_of_reach(opened: Opener, rows: Rows, body: str, line: int | None, says: str) -> None:
    error = mistake(opened, rows, body)
    assert says in str(error)
    assert error.mistake.line == line, error


LOADING = [
    ("def reward_function(params)\n    return 1.0\n", 1, "SyntaxError: expected ':'"),
    ("x = 1\n  y = 2\n", 2, "IndentationError"),
    ("def reward_function(params):\n\treturn 1.0\n        return 2\n", 3, "TabError"),
    ("def reward(params): return 1.0\n", None, "there is no function reward_function"),
    ("reward_function = 3\n", None, "there is no function reward_function"),
    ("", None, "there is no function reward_function"),
    ("def reward_function(): return 1.0\n", 1, "must take exactly one argument"),
    ("def reward_function(params, more): return 1.0\n", 1, "must take exactly one argument"),
    ("#\ndef reward_function(on_track, x, y, distance): return 1.0\n", 2, "must take exactly one argument"),
    (
        "def reward_function(on_track, x, y, distance_from_center, car_orientation, progress, steps, throttle, "
        "steering, track_width, waypoints, closest_waypoint): return 1.0\n",
        1,
        "on_track is now all_wheels_on_track; car_orientation is now heading, in degrees",
    ),
    ("async def reward_function(params): return 1.0\n", 1, "async or has a yield"),
    ("def reward_function(params): yield 1.0\n", 1, "async or has a yield"),
    ("import math\nimport not_here\n", 2, "module 'not_here' is not installed"),
    ("import sklearn_not_here.x\n", 1, "-m pip install sklearn_not_here"),
    ("x = 1 / 0\n", 1, "ZeroDivisionError"),
    ("import sys\nsys.exit(1)\n", 2, "it ended the program"),
    ("raise KeyboardInterrupt\n", 1, "it ended the program"),
    ("x = 1\nwhile True: pass\n", 2, "took longer than 0.5 s"),
    ("x = [0] * 10 ** 12\n", 1, "memory limit"),
    ("x = " + "(" * 500 + ")" * 500 + "\n", 1, "too many nested parentheses"),
    ("x\x00y\n", None, "null bytes"),
    ("from trainer import nothing\n", 1, "ImportError"),
]


@pytest.mark.parametrize(("text", "line", "says"), LOADING)
def test_a_file_that_cannot_start_says_why(opened: Opener, text: str, line: int | None, says: str) -> None:
    with pytest.raises(MistakeError) as caught:
        opened(text, load_limit_s=0.5)
    assert says in str(caught.value)
    assert caught.value.mistake.line == line, caught.value


@pytest.mark.usefixtures("walls")
def test_no_file_is_open_to_the_top_of_a_reward_either(opened: Opener) -> None:
    with pytest.raises(MistakeError, match="line 1: PermissionError"):
        opened("open('/etc/passwd')\n")


def test_a_file_that_is_no_text_or_too_large_is_refused(opened: Opener, tmp_path: Path, track: object) -> None:
    from trainer.rewards.program import read_reward

    path = tmp_path / "picture.py"
    path.write_bytes(b"\x89PNG\xff")
    with pytest.raises(RewardError, match="not text in UTF-8"):
        read_reward(path)
    path.write_bytes(b"#" * (LARGEST_SOURCE_BYTES + 1))
    with pytest.raises(RewardError, match="larger than"):
        read_reward(path)
    with pytest.raises(RewardError, match="There is no reward file"):
        read_reward(tmp_path / "missing.py")
    with pytest.raises(RewardError, match="cannot be read"):
        read_reward(tmp_path)


GARBAGE = [
    "os.write(fd, b'garbage')",
    "os.write(fd, b'm' + (20).to_bytes(8, 'little') + b'half')",
    "os.write(fd, b'm' + (2).to_bytes(8, 'little') + b'[]')",
    "os.write(fd, b'o' + b'\\xff' * 8)",
    "os.close(fd)",
]


@pytest.mark.parametrize("attack", GARBAGE)
def test_nonsense_on_the_pipe_ends_the_worker_and_not_the_trainer(opened: Opener, rows: Rows, attack: str) -> None:
    body = f"for fd in range(3, 500):\n    try: {attack}\n    except OSError: pass\ntime.sleep(0.01)\nreturn 1.0"
    error = mistake(opened, rows, body, call_limit_s=0.5)
    assert "my_reward.py" in str(error)


def test_params_seeds_modules_and_builtins_may_be_spoilt(opened: Opener, rows: Rows) -> None:
    rewards = opened(
        """
        import builtins, gc, json, math, os, random, struct, sys, time
        import numpy as np

        def reward_function(params):
            params["waypoints"].clear()
            params["closest_waypoints"].append(3)
            speed = params.pop("speed")
            params.clear()
            random.seed and random.seed(1)
            np.random.seed(1)
            random.seed = time.perf_counter = math.degrees = None
            builtins.print = builtins.open = None
            os.write = os.read = json.dumps = None
            for name in ("random", "json", "os"):
                sys.modules.pop(name, None)
            gc.disable()
            return speed
        """
    )
    for _ in range(3):
        assert rewards.compute(rows(2, COMMANDED_SPEED_MPS=[1.0, 2.0])).tolist() == [1.0, 2.0]


def test_a_mistake_of_one_car_among_many_names_the_car(opened: Opener, rows: Rows) -> None:
    rewards = opened("def reward_function(params): return 1 / (params['x'] - 4)", cars=6, workers=2)
    with pytest.raises(MistakeError, match=r"\(car 4, step 2 of its episode\)"):
        rewards.compute(rows(6))


@pytest.mark.wall_clock
def test_a_worker_that_others_keep_from_running_does_not_hang(opened: Opener, rows: Rows) -> None:
    """Its calls take 5 ms of the processor and, beside two busy programs that go first, far more than the limit."""
    before = {child.pid for child in psutil.Process().children()}
    limited = opened(
        call("until = time.thread_time() + 0.005\nwhile time.thread_time() < until: pass\nreturn 1.0"), call_limit_s=0.2
    )
    (worker,) = (child for child in psutil.Process().children() if child.pid not in before)
    core = {min(os.sched_getaffinity(0))}
    os.sched_setaffinity(worker.pid, core)
    os.sched_setscheduler(worker.pid, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):  # where sessions share the processor, one with others
        Path(f"/proc/{worker.pid}/autogroup").write_text("19")
    # In sessions of their own, so that they go first whatever the priority of this one.
    program = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(program, start_new_session=True) for _ in range(2)]
    try:
        for each in busy:
            os.sched_setaffinity(each.pid, core)
        begun = time.monotonic()
        assert limited.compute(rows()).tolist() == [1.0, 1.0]
        assert time.monotonic() - begun > 0.2
    finally:
        for each in busy:
            each.kill()
            each.wait()
