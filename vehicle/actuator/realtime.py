"""Running before other programs, where the system permits it. Standard library only: the guard loads this too."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os

ACTUATOR_PRIORITY = 20
GUARD_PRIORITY = 30  # above the actuator: a busy one must not keep its guard from looking
FALLBACK_NICENESS = -15
MCL_CURRENT, MCL_FUTURE = 1, 2  # linux/mman.h


def become_realtime(priority: int) -> str | None:
    """Ask the kernel to run this process first and to keep its memory in place. A sentence where it refuses."""
    gc.collect()
    gc.freeze()  # what is loaded stays, so that a collection in the loop has little to look through
    refused = []
    try:
        # Reset on fork: nothing that this process starts shall outrank anything.
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except OSError:
        refused.append("real-time scheduling")
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, FALLBACK_NICENESS)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(MCL_CURRENT | MCL_FUTURE) != 0:
        refused.append("locked memory")
    if not refused:
        return None
    return f"This user is not allowed {' and '.join(refused)}: under load, a stop may come late."
