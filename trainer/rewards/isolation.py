"""Shuts a reward worker off from the machine before any of the user's code runs, and says what it could.

Everything here is asked of the kernel without special rights. What it refuses is skipped and said so: the
answer is what was granted, never what was hoped for.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from dataclasses import asdict, dataclass
from typing import Any

from trainer.rewards.landlock import only_read_libraries
from trainer.rewards.seccomp import refuse_dangerous_calls

LARGEST_FILE_BYTES = 1_000_000  # what is left to write to: the worker's own messages
MOST_OPEN_FILES = 64
_NEW_USER, _NEW_NETWORK, _NEW_IPC, _NEW_UTS = 0x10000000, 0x40000000, 0x08000000, 0x04000000  # linux/sched.h
_CAPABILITY_VERSION = 0x20080522  # linux/capability.h, version 3


@dataclass(frozen=True, slots=True)
class Isolation:
    """What the kernel granted."""

    namespaces: bool = False
    calls_filtered: bool = False
    files_closed: bool = False
    memory_mb: int = 0
    call_limit_s: float = 0.0

    def sentence(self) -> str:
        """For the person who starts a training."""
        network = {
            (True, True): "no network (own namespace, calls refused)",
            (True, False): "no network (own namespace)",
            (False, True): "no network (calls refused)",
            (False, False): "NETWORK NOT CLOSED (the kernel allows neither namespaces nor filters)",
        }[self.namespaces, self.calls_filtered]
        files = "no files but Python's libraries" if self.files_closed else "FILES NOT CLOSED (no Landlock)"
        processes = "no other processes or threads" if self.calls_filtered else "PROCESSES NOT CLOSED"
        limits = f"{self.memory_mb} MB memory, {self.call_limit_s:g} s per call"
        return f"reward isolation: separate process, {network}, {files}, {processes}, {limits}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def isolate(memory_mb: int, call_limit_s: float) -> Isolation:
    """Shut this process off, for good. Only one thread may exist."""
    namespaces = _own_namespaces()
    _limit_resources(memory_mb)
    _drop_capabilities()
    files_closed = only_read_libraries()
    calls_filtered = refuse_dangerous_calls()
    return Isolation(namespaces, calls_filtered, files_closed, memory_mb, call_limit_s)


def _own_namespaces() -> bool:
    """A network of its own with nothing in it."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_USER | _NEW_NETWORK | _NEW_IPC | _NEW_UTS) != 0:
        return False
    with contextlib.suppress(OSError):  # an unmapped user is nobody, which is as good
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    return True


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _limit_resources(memory_mb: int) -> None:
    limits = {
        resource.RLIMIT_AS: memory_mb << 20,
        resource.RLIMIT_FSIZE: LARGEST_FILE_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: MOST_OPEN_FILES,
        resource.RLIMIT_NPROC: 1,
    }
    for kind, value in limits.items():
        _, hard = resource.getrlimit(kind)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (allowed, allowed))


def _drop_capabilities() -> None:
    """Root inside the namespace, or root outside, keeps no special rights."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    ctypes.CDLL(None, use_errno=True).capset(ctypes.byref(header), ctypes.byref(none))
