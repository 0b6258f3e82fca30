"""What the kernel refuses is said, and what it grants holds for every thread."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

AS_NOBODY = """
import os, resource, threading
from vehicle.actuator.realtime import become_realtime
for limit in (resource.RLIMIT_RTPRIO, resource.RLIMIT_MEMLOCK):
    resource.setrlimit(limit, (0, 0))
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(become_realtime(20))
"""

WITH_A_THREAD = """
import os, threading
from vehicle.actuator.realtime import become_realtime
wait = threading.Event()
thread = threading.Thread(target=wait.wait, daemon=True)
thread.start()
refused = become_realtime(20)
print(refused, [(os.sched_getscheduler(t), os.sched_getparam(t).sched_priority) for t in (0, thread.native_id)])
"""


def printed_by(program: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_a_user_who_may_not_is_told_that_stops_may_come_late() -> None:
    sentence = printed_by(AS_NOBODY)
    assert sentence.startswith("This user is not allowed real-time scheduling and locked memory")
    assert "late" in sentence


def test_every_thread_comes_before_ordinary_programs() -> None:
    printed = printed_by(WITH_A_THREAD)
    if not printed.startswith("None"):
        pytest.skip(f"real-time scheduling is not allowed here: {printed}")
    assert printed == f"None [({os.SCHED_FIFO}, 20), ({os.SCHED_FIFO}, 1)]"
