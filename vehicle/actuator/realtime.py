"""Running before other programs, where the system permits it. Standard library only: the guard loads this too."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os

ACTUATOR_PRIORITY = 20
GUARD_PRIORITY = 30  # above the actuator: a busy one must not keep its guard from looking
BOARD_PRIORITY = 10  # of the emulated board; the real one needs no processor at all
OTHER_THREADS_PRIORITY = 1
FALLBACK_NICENESS = -15
MCL_CURRENT, MCL_FUTURE = 1, 2  # linux/mman.h


def become_realtime(priority: int) -> str | None:
    """Ask the kernel to run this process first and to keep its memory in place. A sentence where it refuses.

    Call it from the main thread, when every other thread has begun.
    """
    gc.collect()
    gc.freeze()  # what is loaded stays, so that a collection in the loop has little to look through
    refused = [] if run_first(priority) else ["real-time scheduling"]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(MCL_CURRENT | MCL_FUTURE) != 0:
        refused.append("locked memory")
    if not refused:
        return None
    return f"This user is not allowed {' and '.join(refused)}: under load, a stop may come late."


def run_first(priority: int) -> bool:
    """Run the calling thread before ordinary programs, and the other threads of this process after it, but too.

    The others (numerical libraries start some) have little to do, but a process that was killed is not gone, and
    its sockets are not closed, before its last thread has had a turn to die.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
        for thread in os.listdir("/proc/self/task"):
            if int(thread) != os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setscheduler(int(thread), os.SCHED_FIFO, os.sched_param(OTHER_THREADS_PRIORITY))
    except OSError:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, FALLBACK_NICENESS)
        return False
    return True
