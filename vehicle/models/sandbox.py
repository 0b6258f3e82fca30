"""Runs one program where it can do little harm: `python -m vehicle.models.sandbox PROGRAM ARGUMENTS`.

Takes away what the kernel lets this user take away (memory, time, files, the network, writing, other processes) and
becomes the program. What could not be taken is passed over in silence: the program looks for itself, see held.py.
Standard library only, and one thread: namespaces are entered by a process before it has loaded anything.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import sys
from contextlib import suppress

MEMORY_BYTES = 3 << 30  # of address space; the shipped model takes 0.6, one of 256 MiB four times its size
CPU_TIME_S = 60
FILE_BYTES = 512 << 20  # a TensorFlow graph passes through a file
OPEN_FILES = 128
SCRATCH = "/dev/shm"  # in a namespace of its own, in memory, gone with the process

# linux/prctl.h, linux/sched.h, linux/mount.h
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_NEW_MOUNTS, _NEW_UTS, _NEW_IPC = 0x00020000, 0x04000000, 0x08000000
_NEW_USER, _NEW_PIDS, _NEW_NET = 0x10000000, 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x4000, 1 << 18
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
_NOBODY = 65534

_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> None:
    """Never returns: becomes the program, or waits for it and ends as it did."""
    limit_resources()
    os.umask(0o077)
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if may_enter_namespaces() and enter_namespaces():
        _become_parent_of_the_program()
    os.execvp(arguments[0], arguments)


def limit_resources() -> None:
    """Never more than is allowed already."""
    wanted = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: CPU_TIME_S,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def may_enter_namespaces() -> bool:
    """Tried by a child: who may make namespaces but not use them, as under some systems' rules, is stuck half-way."""
    child = os.fork()
    if child == 0:
        os._exit(0 if enter_namespaces() else 1)
    return os.waitpid(child, 0)[1] == 0


def enter_namespaces() -> bool:
    """A user who is nobody, no network, no other processes, files that cannot be changed. False: not allowed here."""
    uid, gid = os.getuid(), os.getgid()
    try:
        _checked(_libc.unshare(_NEW_USER | _NEW_MOUNTS | _NEW_NET | _NEW_IPC | _NEW_UTS | _NEW_PIDS))
        _write("/proc/self/setgroups", "deny")
        # Not root in there either: with the next program every capability is gone.
        _write("/proc/self/uid_map", f"{_NOBODY} {uid} 1")
        _write("/proc/self/gid_map", f"{_NOBODY} {gid} 1")
    except OSError:
        return False
    return True


def _become_parent_of_the_program() -> None:
    """A new process tree begins with a child; this process waits for it. Returns in the child only."""
    child = os.fork()
    if child == 0:
        _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
        _close_the_file_system()
        return
    # The program's input and output are its own: whoever reads must see them end with it.
    os.closerange(0, 2)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:  # the same end as the program's
        os.kill(os.getpid(), -code)
    os._exit(abs(code))


def _close_the_file_system() -> None:
    """Everything read-only but a scratch folder in memory; only the own processes to be seen."""
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    with suppress(OSError):
        _mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    with suppress(OSError):
        _set_read_only(b"/")
    with suppress(OSError):
        _mount(b"proc", b"/proc", b"proc", flags, None)
    with suppress(OSError):
        _mount(b"tmpfs", SCRATCH.encode(), b"tmpfs", flags, f"size={FILE_BYTES},mode=700".encode())
        os.environ["TMPDIR"] = SCRATCH
    with suppress(OSError):  # no namespaces inside of this one
        _write("/proc/sys/user/max_user_namespaces", "0")


def _set_read_only(path: bytes) -> None:
    attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_RDONLY, 0, 0, 0)
    size = ctypes.sizeof(attributes)
    _checked(_libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, path, _AT_RECURSIVE, ctypes.byref(attributes), size))


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes | None) -> None:
    _checked(_libc.mount(source, target, kind, ctypes.c_ulong(flags), options))


def _write(path: str, content: str) -> None:
    with open(path, "w") as file:
        file.write(content)


def _checked(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno() or errno.EPERM
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    main(sys.argv[1:])
