"""Which limits hold this process: looked at and tried, not remembered, so that it is true under any launcher."""

from __future__ import annotations

import ctypes
import os
import resource
from contextlib import suppress
from pathlib import Path

_PR_GET_NO_NEW_PRIVS = 39  # linux/prctl.h
_SMALL_TREE = 8  # processes that an importer may see: itself and who waits for it
LARGEST_MEMORY_BYTES = 4 << 30


def held_limits() -> dict[str, bool]:
    """By a name for people, whether it holds. Tries, among others, to write and to reach the network."""
    return {
        "memory": _is_limited(resource.RLIMIT_AS) or _control_group_limits_memory(),
        "processor time": _is_limited(resource.RLIMIT_CPU),
        "file size": _is_limited(resource.RLIMIT_FSIZE),
        "open files": resource.getrlimit(resource.RLIMIT_NOFILE)[1] <= 4096,
        "no new privileges": ctypes.CDLL(None).prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
        "no capabilities": _has_no_capabilities(),
        "no network": _has_no_network(),
        "read-only files": _is_read_only("/") and _is_read_only(str(Path.home())),
        "no other processes": _sees_few_processes(),
    }


def _is_limited(kind: int) -> bool:
    return resource.getrlimit(kind)[1] != resource.RLIM_INFINITY


def _control_group_limits_memory() -> bool:
    """What MemoryMax= of a unit does."""
    with suppress(OSError, ValueError, IndexError):
        group = Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2]
        limit = Path(f"/sys/fs/cgroup{group}/memory.max").read_text().strip()
        return limit != "max" and int(limit) <= LARGEST_MEMORY_BYTES
    return False


def _has_no_capabilities() -> bool:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16) == 0
    return False


def _has_no_network() -> bool:
    """By what the kernel lists: to ask it over a socket may itself be forbidden."""
    with suppress(OSError):
        _, _, *lines = Path("/proc/self/net/dev").read_text().splitlines()
        return all(line.partition(":")[0].strip() == "lo" for line in lines)
    return False


def _is_read_only(path: str) -> bool:
    """What is not there cannot be written either: a service has no home."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _sees_few_processes() -> bool:
    with suppress(OSError):
        return sum(name.isdigit() for name in os.listdir("/proc")) <= _SMALL_TREE
    return False
