"""Which files a reward worker may read: Python's own libraries and nothing else (Linux Landlock).

Landlock needs no privileges and no namespaces; kernels since 5.13 have it, most distributions switch it on.
"""

from __future__ import annotations

import ctypes
import os
import site
import sys
from pathlib import Path

# linux/landlock.h; the numbers are the same on every processor.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_READING_FOLDERS = _EXECUTE | _READ_FILE | _READ_DIR
# Number of file rights that each version of the interface knows.
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_TCP_BIND, _TCP_CONNECT = 1, 2
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1, 2
_PR_SET_NO_NEW_PRIVS = 38

SYSTEM_FOLDERS = ("/usr", "/lib", "/lib32", "/lib64", "/nix/store", "/sys/devices/system/cpu")
SYSTEM_FILES = (
    "/etc/ld.so.cache", "/etc/localtime", "/proc/cpuinfo", "/proc/meminfo",
    "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom",
)  # fmt: skip


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def only_read_libraries() -> bool:
    """Close every file but the libraries to this process, for good. False where there is no Landlock."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < 1:
        return False
    files = (1 << _RIGHTS_BY_VERSION.get(version, max(_RIGHTS_BY_VERSION.values()))) - 1
    rules = _Ruleset(
        files,
        _TCP_BIND | _TCP_CONNECT if version >= 4 else 0,
        _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS if version >= 6 else 0,
    )
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    try:
        for path in readable_folders():
            _allow(libc, ruleset, path, _READING_FOLDERS)
        for path in SYSTEM_FILES:
            _allow(libc, ruleset, path, _READ_FILE | (_WRITE_FILE if path == "/dev/null" else 0))
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        restricted: int = libc.syscall(_RESTRICT_SELF, ruleset, 0)
        return restricted == 0
    finally:
        os.close(ruleset)


def readable_folders() -> list[str]:
    """Python itself, what is installed in it, and the system's libraries; not the rest of sys.path."""
    installed = [p for p in sys.path if Path(p).name in {"site-packages", "dist-packages"}]
    prefixes = {
        sys.prefix,
        sys.base_prefix,
        sys.exec_prefix,
        sys.base_exec_prefix,
        site.getusersitepackages(),
    }
    return sorted({*SYSTEM_FOLDERS, *installed, *prefixes} - {"/"})


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not on this machine
        return
    try:
        rule = _PathRule(rights, descriptor)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(descriptor)
