"""Runs a program as a unit of the car confines it, where no systemd runs: `python confined.py UNIT FOLDER PROGRAM …`.

For this computer's kernel, without a user of its own: resource limits, read-only files, private /tmp and /dev, no
network, no capabilities, the unit's filter of system calls, of socket families and of memory that is both written and
run. Not here: users, control groups and who may be seen in /proc. FOLDER stands for all that the unit may write; `-` is
none. Ends with 77 where a user may not do this, or where this checkout lies in a folder that the unit has for itself.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.systemd.units import FOLDER, Unit, read_unit
from vehicle.models import sandbox

NOT_ALLOWED = 77
PRIVATE_FOLDERS = ("/tmp", "/var/tmp")  # those of PrivateTmp=
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")  # those of PrivateDevices=
LIMITS = {
    "LimitCPU": resource.RLIMIT_CPU,
    "LimitFSIZE": resource.RLIMIT_FSIZE,
    "LimitNOFILE": resource.RLIMIT_NOFILE,
    "LimitCORE": resource.RLIMIT_CORE,
}
# linux/sched.h, linux/mount.h
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
CLONE_NEW = 0x7E020000  # every kind of namespace
MOUNT_SETATTR, MOUNT_ATTR_RDONLY = 442, 1
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
# linux/prctl.h, linux/capability.h, seccomp.h
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, CAPABILITIES, CAPABILITY_VERSION = 24, 38, 41, 0x20080522
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
EQUAL, EQUAL_MASKED = 4, 7
LAST_FAMILY = 45  # of linux/socket.h
PROT_WRITE, PROT_EXEC, SHM_EXEC = 2, 4, 0o100000

libc = ctypes.CDLL(None, use_errno=True)


class Comparison(ctypes.Structure):
    """One argument of a system call, as libseccomp compares it (struct scmp_arg_cmp)."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("other_value", ctypes.c_uint64),
    )


def main(name: str, folder: str, program: list[str]) -> None:
    """Never returns."""
    unit = read_unit(FOLDER / name)
    if any(FOLDER.resolve().is_relative_to(place) for place in PRIVATE_FOLDERS):
        print(f"cannot confine here: the unit does not see {FOLDER}", file=sys.stderr)
        sys.exit(NOT_ALLOWED)
    try:
        user, group = os.getuid(), os.getgid()
        checked(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET))
        for file, content in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            Path(f"/proc/self/{file}").write_text(content)
        close_files(unit, None if folder == "-" else folder)
    except OSError as error:
        print(f"cannot confine here: {error}", file=sys.stderr)
        os._exit(NOT_ALLOWED)
    for setting, kind in LIMITS.items():
        if value := unit.one(setting):
            resource.setrlimit(kind, (number(value), number(value)))
    calls = allowed_calls(unit)
    drop_capabilities()
    checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    os.umask(int(unit.one("UMask"), 8))
    os.environ["HOME"] = "/nonexistent"
    filter_calls(calls, unit)
    os.execvp(program[0], program)


def close_files(unit: Unit, writable: str | None) -> None:
    """ProtectSystem=strict, PrivateTmp=, PrivateDevices=, ReadWritePaths=."""
    place = None if writable is None else os.open(writable, os.O_PATH)
    assert (unit.one("ProtectSystem"), unit.one("PrivateTmp")) == ("strict", "yes")
    mount(b"none", b"/", MS_REC | MS_PRIVATE)
    sandbox._set_read_only(b"/")
    mount_memory("/tmp")
    if unit.one("PrivateDevices") == "yes":
        os.mkdir("/tmp/dev")
        mount_memory("/tmp/dev")
        for device in DEVICES:
            Path(f"/tmp/dev/{device}").touch()
            mount(f"/dev/{device}".encode(), f"/tmp/dev/{device}".encode(), MS_BIND)
        os.mkdir("/tmp/dev/shm")
        mount(b"/tmp/dev", b"/dev", MS_BIND | MS_REC)
        mount_memory("/tmp")
    mount_memory("/dev/shm")
    mount_memory("/var/tmp")
    if writable is not None:
        os.makedirs(writable, exist_ok=True)
        mount(f"/proc/self/fd/{place}".encode(), writable.encode(), MS_BIND)
        attributes = (ctypes.c_uint64 * 4)(0, MOUNT_ATTR_RDONLY, 0, 0)
        checked(libc.syscall(MOUNT_SETATTR, -100, writable.encode(), 0, ctypes.byref(attributes), 32))


def mount(source: bytes, place: bytes, flags: int, kind: bytes | None = None, options: bytes | None = None) -> None:
    checked(libc.mount(source, place, kind, ctypes.c_ulong(flags), options))


def mount_memory(place: str) -> None:
    mount(b"tmpfs", place.encode(), MS_NOSUID | MS_NODEV, b"tmpfs", b"mode=1777")


def drop_capabilities() -> None:
    """CapabilityBoundingSet= with nothing in it."""
    for capability in range(CAPABILITIES):
        checked(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    checked(libc.capset(header, (ctypes.c_uint32 * 6)()))


def allowed_calls(unit: Unit) -> set[str]:
    """Names of the system calls of SystemCallFilter=, which may hold others as well."""
    calls: set[str] = set()
    for value in unit.settings["SystemCallFilter"]:
        names = {name for word in value.lstrip("~").split() for name in calls_of(word)}
        calls = calls - names if value.startswith("~") else calls | names
    return calls


def calls_of(word: str) -> Iterator[str]:
    if not word.startswith("@"):
        yield word
        return
    listed = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines()[1:]:
        if (name := line.strip()) and not name.startswith("#"):
            yield from calls_of(name)


def filter_calls(calls: set[str], unit: Unit) -> None:
    """Everything else is refused with EPERM, as the unit says. RestrictAddressFamilies=, RestrictNamespaces=,
    MemoryDenyWriteExecute=.
    """
    rules = Rules(errno.EPERM)
    looked_at = {"socket", "clone", "clone3", "unshare", "setns"}
    families = {getattr(socket, name) for name in unit.one("RestrictAddressFamilies").split()}
    for family in range(LAST_FAMILY + 1):
        rules.add("socket", Comparison(0, EQUAL, family), error=0 if family in families else errno.EAFNOSUPPORT)
    assert unit.one("RestrictNamespaces") == "yes"
    rules.add("clone", Comparison(0, EQUAL_MASKED, CLONE_NEW, 0))
    rules.add("clone3", error=errno.ENOSYS)  # nobody can look into its arguments: who asks takes clone instead
    if unit.one("MemoryDenyWriteExecute") == "yes":
        looked_at |= {"mmap", "mprotect", "pkey_mprotect", "shmat"}
        for allowed in (0, PROT_WRITE, PROT_EXEC):
            rules.add("mmap", Comparison(2, EQUAL_MASKED, PROT_WRITE | PROT_EXEC, allowed))
        rules.add("mprotect", Comparison(2, EQUAL_MASKED, PROT_EXEC, 0))
        rules.add("pkey_mprotect", Comparison(2, EQUAL_MASKED, PROT_EXEC, 0))
        rules.add("shmat", Comparison(2, EQUAL_MASKED, SHM_EXEC, 0))
    for name in calls - looked_at:
        rules.add(name)
    rules.load()


class Rules:
    """A filter of system calls; what no rule allows ends with the given error."""

    def __init__(self, error: int) -> None:
        self._library = ctypes.CDLL("libseccomp.so.2")
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._rules = ctypes.c_void_p(self._library.seccomp_init(ctypes.c_uint32(REFUSE | error)))

    def add(self, name: str, *comparisons: Comparison, error: int = 0) -> None:
        """Allow a call, or let it end with an error, where its arguments are such."""
        call = self._library.seccomp_syscall_resolve_name(name.encode())
        if call == -1:  # another kind of computer has it
            return
        action = ctypes.c_uint32(REFUSE | error if error else ALLOW)
        array = (Comparison * len(comparisons))(*comparisons)
        assert self._library.seccomp_rule_add_array(self._rules, action, call, len(comparisons), array) == 0, name

    def load(self) -> None:
        """From now on, and for ever."""
        assert self._library.seccomp_load(self._rules) == 0


def number(value: str) -> int:
    """Of a limit, such as 60s or 512M."""
    factor = {"s": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(value[-1])
    return int(value) if factor is None else int(value[:-1]) * factor


def checked(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(sys.argv[1], sys.argv[2], sys.argv[3:])
