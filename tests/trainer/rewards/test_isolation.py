"""The walls of the reward worker, probed from inside with the checks of Python taken out of the way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trainer.rewards.batch import Rewards
from trainer.rewards.isolation import Isolation
from trainer.rewards.mistake import MistakeError
from trainer.rewards.seccomp import MACHINES, ONLY_ONESELF, REFUSED, UNKNOWN, filter_rows

Opener = Callable[..., Rewards]
Rows = Callable[..., np.ndarray]

# What a call behind Python's back returned: minus the error number.
BY_NUMBER = """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)

    def reward_function(params):
        ctypes.set_errno(0)
        result = libc.syscall(*{arguments})
        return float(-ctypes.get_errno() if result == -1 else abs(result) + 1)
"""


@pytest.mark.usefixtures("walls")
def test_nobody_can_be_called_over_the_network(opened: Opener, rows: Rows) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0.2)
        port = canary.getsockname()[1]
        rewards = opened(
            f"""
            import socket

            def reward_function(params):
                try:
                    socket.create_connection(("127.0.0.1", {port}), timeout=0.1)
                except OSError:
                    return 1.0
                return 0.0
            """
        )
        assert rewards.compute(rows()).tolist() == [1.0, 1.0]
        with pytest.raises(TimeoutError):
            canary.accept()


@pytest.mark.usefixtures("walls")
def test_files_of_the_user_cannot_be_seen_changed_or_made(opened: Opener, rows: Rows, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("canary")
    rewards = opened(
        f"""
        import os, shutil
        PATH = {str(secret)!r}
        ATTEMPTS = [
            lambda: open(PATH),
            lambda: open(PATH, "a"),
            lambda: os.remove(PATH),
            lambda: os.truncate(PATH, 0),
            lambda: os.rename(PATH, PATH + "x"),
            lambda: os.link(PATH, PATH + "y"),
            lambda: os.symlink("/", PATH + "z"),
            lambda: os.mkdir(PATH + "d"),
            lambda: os.mkfifo(PATH + "p"),
            lambda: os.listdir(os.path.dirname(PATH)),
            lambda: shutil.rmtree(os.path.dirname(PATH)),
            lambda: open("new", "w"),
            lambda: open("/root/x", "w"),
            lambda: open("/proc/1/environ"),
            lambda: open("/proc/self/mem"),
            lambda: os.listdir("/home"),
        ]

        def reward_function(params):
            refused = 0
            for attempt in ATTEMPTS:
                try: attempt()
                except OSError: refused += 1
            return refused / len(ATTEMPTS)
        """,
    )
    assert rewards.compute(rows()).tolist() == [1.0, 1.0]
    assert secret.read_text() == "canary"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my_reward.py", "secret.txt"]


def test_the_environment_holds_no_secrets(opened: Opener, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "canary")
    rewards = opened("import os\ndef reward_function(params): return 'canary' in str(os.environ)")
    assert rewards.compute(rows()).tolist() == [0.0, 0.0]


def test_libraries_can_be_imported_at_any_time(opened: Opener, rows: Rows) -> None:
    rewards = opened(
        """
        def reward_function(params):
            import decimal, sqlite3, zoneinfo
            import numpy.linalg
            return float(numpy.linalg.norm([3.0, 4.0]))
        """
    )
    assert rewards.compute(rows()).tolist() == [5.0, 5.0]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="system call numbers of x86_64")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("socket", (41, 2, 1, 0)), ("clone", (56, 17, 0, 0, 0, 0)), ("clone3", (435, 0, 0)),
        ("ptrace", (101, 16, 1, 0, 0)), ("unshare", (272, 0x10000000)), ("mount", (165, 0, 0, 0, 0, 0)),
        ("kill 1", (62, 1, 0)), ("kill all", (62, -1, 0)), ("tgkill", (234, 1, 1, 0)),
        ("bpf", (321, 0, 0, 0)),
        ("io_uring_setup", (425, 1, 0)), ("prlimit64 of 1", (302, 1, 0, 0, 0)),
        ("process_vm_readv", (310, 1, 0, 0, 0, 0, 0)), ("x32 getpid", (0x40000000 + 39,)),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("walls")
def test_dangerous_system_calls_are_refused(opened: Opener, rows: Rows, name: str, arguments: tuple[int, ...]) -> None:
    expected = -38.0 if name == "clone3" else -1.0  # ENOSYS, so that the C library falls back to clone; EPERM
    rewards = opened(BY_NUMBER.format(arguments=arguments))
    assert rewards.compute(rows()).tolist() == [expected, expected]


def test_the_filter_is_small_and_its_jumps_are_short() -> None:
    for column, architecture in MACHINES.values():
        filter_ = filter_rows(column, architecture, own_process=1234)
        assert len(filter_) < 4096
        assert all(0 <= jump <= 255 for _, yes, no, _ in filter_ for jump in (yes, no))
        numbers = [table[name][column] for table in (REFUSED, ONLY_ONESELF, UNKNOWN) for name in table]
        known = [number for number in numbers if number is not None]
        assert len(known) == len(set(known))


@pytest.mark.usefixtures("walls")
def test_forking_and_threading_without_end_stop_at_the_first(opened: Opener, rows: Rows) -> None:
    rewards = opened(
        """
        import os, threading, time

        def reward_function(params):
            while True:
                try: os.fork()
                except OSError: pass
                threading.Thread(target=time.sleep, args=(100,)).start()
        """
    )
    with pytest.raises(MistakeError, match="can't start new thread"):
        rewards.compute(rows())


def test_the_sentence_never_promises_what_was_not_granted() -> None:
    assert Isolation(True, True, True, 1024, 1.0).sentence() == (
        "reward isolation: separate process, no network (own namespace, calls refused), no files but "
        "Python's libraries, no other processes or threads, 1024 MB memory, 1 s per call"
    )
    nothing = Isolation(False, False, False, 1024, 1.0).sentence()
    assert "NETWORK NOT CLOSED" in nothing
    assert "FILES NOT CLOSED" in nothing
    assert "PROCESSES NOT CLOSED" in nothing


HANGS_FOR_EVER = """
import sys
from pathlib import Path
from trainer.rewards.catalogue import open_rewards
from trainer.rewards.settings import RewardSettings
from trainer.tracks import load_track
import numpy as np
from trainer.simulator.measurements import Column

rewards = open_rewards(
    Path(sys.argv[1]), [load_track("lapwing_loop")], cars=1, seed=0, settings=RewardSettings(call_limit_s=60)
)
rewards.begin(np.zeros((1, len(Column))))
print(rewards._processes[0]._process.pid, flush=True)
rewards.finish()
"""


def test_a_worker_dies_with_its_trainer_even_in_a_loop_without_end(
    reward_file: Callable[[str], Path],
) -> None:
    path = reward_file("def reward_function(params): return 7 ** 7 ** 7 ** 7")
    trainer = subprocess.Popen([sys.executable, "-c", HANGS_FOR_EVER, path], stdout=subprocess.PIPE, text=True)
    assert trainer.stdout is not None
    worker = int(trainer.stdout.readline())
    trainer.send_signal(signal.SIGKILL)
    trainer.wait()
    trainer.stdout.close()
    deadline = time.monotonic() + 5
    while is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(worker)


def is_running(process: int) -> bool:
    """Whether a process exists and is not just waiting to be collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ctrl_c_reaches_only_the_trainer(opened: Opener, rows: Rows) -> None:
    rewards = opened("def reward_function(params): return 1.0")
    worker = rewards._processes[0]._process
    worker.send_signal(signal.SIGINT)
    assert rewards.compute(rows()).tolist() == [1.0, 1.0]
    assert os.getpgid(worker.pid) != os.getpgid(0)


def test_closing_ends_the_processes_and_their_descriptors(opened: Opener) -> None:
    before = set(os.listdir("/proc/self/fd"))
    rewards = opened("def reward_function(params): return 1.0", workers=2)
    pids = [process._process.pid for process in rewards._processes]
    rewards.close()
    rewards.close()
    assert not any(is_running(pid) for pid in pids)
    assert set(os.listdir("/proc/self/fd")) - before <= {str(fd) for fd in range(3)}
