"""System calls that a reward worker has no business with, refused by the kernel (Linux seccomp filters).

No network, no other processes or threads, no signals to others, nothing that changes the machine. A refused
call fails with EPERM, so that the mistake is an ordinary exception with the user's own line. The list names
what is refused; it limits damage and is no promise against a determined attacker.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform

# name -> number on (x86_64, aarch64), from Linux' syscall_64.tbl and asm-generic/unistd.h; None: none
REFUSED = {
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "sendto": (44, 206),
    "recvfrom": (45, 207), "sendmsg": (46, 211), "recvmsg": (47, 212), "bind": (49, 200),
    "listen": (50, 201), "socketpair": (53, 199), "accept4": (288, 242), "sendmmsg": (307, 269),
    "recvmmsg": (299, 243), "clone": (56, 220), "fork": (57, None), "vfork": (58, None),
    "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "kcmp": (312, 272), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "setpriority": (141, 140), "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "ioprio_set": (251, 30), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "unshare": (272, 97), "setns": (308, 268), "swapon": (167, 224),
    "swapoff": (168, 225), "reboot": (169, 142), "quotactl": (179, 60), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "acct": (163, 89), "syslog": (103, 116), "bpf": (321, 280),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "perf_event_open": (298, 241),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "userfaultfd": (323, 282),
    "open_by_handle_at": (304, 265), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186),
    "mq_open": (240, 180), "memfd_create": (319, 279), "pidfd_send_signal": (424, 424),
    "io_uring_setup": (425, 425), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "mount_setattr": (442, 442),
}  # fmt: skip
# Allowed only with one's own process number as the first argument (0 means oneself, for prlimit64).
ONLY_ONESELF = {"kill": (62, 129), "tgkill": (234, 131), "prlimit64": (302, 261)}
# glibc then falls back to clone, and Python to the exception people know.
UNKNOWN = {"clone3": (435, 435)}

MACHINES = {
    "x86_64": (0, 0xC000003E),
    "aarch64": (1, 0xC00000B7),
}  # column above, AUDIT_ARCH_* of linux/audit.h
X32_CALLS_FROM = 0x40000000

# linux/bpf_common.h and linux/seccomp.h
_LOAD_WORD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_NUMBER_AT, _MACHINE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("yes", ctypes.c_uint8),
        ("no", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction)))


def refuse_dangerous_calls() -> bool:
    """Install the filter in this process, for good. False where the kernel or the processor has none."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return False
    rows = filter_rows(*machine, own_process=os.getpid())
    instructions = (_Instruction * len(rows))(*(_Instruction(*row) for row in rows))
    program = _Program(len(rows), instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    installed: int = libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0)
    return installed == 0


def filter_rows(column: int, audit_arch: int, *, own_process: int) -> list[tuple[int, int, int, int]]:
    """The filter as (code, jump if true, jump if false, value) rows of classic BPF."""
    fail, allow = (_RETURN, 0, 0, _FAIL | errno.EPERM), (_RETURN, 0, 0, _ALLOW)
    rows = [
        (_LOAD_WORD, 0, 0, _MACHINE_AT),
        (_JUMP_EQUAL, 1, 0, audit_arch),
        fail,
        (_LOAD_WORD, 0, 0, _NUMBER_AT),
        (_JUMP_AT_LEAST, 0, 1, X32_CALLS_FROM),
        fail,
    ]
    for number in (numbers[column] for numbers in REFUSED.values()):
        if number is not None:
            rows += [(_JUMP_EQUAL, 0, 1, number), fail]
    for number in (numbers[column] for numbers in UNKNOWN.values()):
        rows += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _FAIL | errno.ENOSYS)]
    for number in (numbers[column] for numbers in ONLY_ONESELF.values()):
        rows += [
            (_JUMP_EQUAL, 0, 5, number),
            (_LOAD_WORD, 0, 0, _FIRST_ARGUMENT_AT),
            (_JUMP_EQUAL, 1, 0, own_process),
            (_JUMP_EQUAL, 0, 1, 0),
            allow,
            fail,
        ]
    return [*rows, allow]
