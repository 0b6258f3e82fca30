"""The processes of one car as `lapwing-car up` starts, watches and ends them."""

from __future__ import annotations

import ctypes
import errno
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shared.errors import LinkError

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LAST_WORDS_LINES = 4
END_TIMEOUT_S = 5.0


@dataclass(slots=True)
class Process:
    """One running program. log: what it said."""

    name: str
    running: subprocess.Popen[bytes]
    log: Path

    def last_words(self) -> str:
        """The end of what it said, for the sentence that reports its end."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return "\n".join(lines[-LAST_WORDS_LINES:])


class ProcessGroup:
    """Programs that belong together: they end in the reverse of their start, and with who started them."""

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._processes: list[Process] = []

    def start(self, name: str, command: Sequence[str]) -> Process:
        """Start a program in a session of its own: Ctrl-C reaches only us, who end all in order."""
        log = self._log_folder / f"{name}.log"
        with log.open("wb") as output:
            running = _popen(command, output)
        process = Process(name, running, log)
        self._processes.append(process)
        return process

    def check(self) -> None:
        """LinkError when one of them has ended by itself."""
        for process in self._processes:
            code = process.running.poll()
            if code is not None:
                words = process.last_words()
                raise LinkError(f"The process '{process.name}' ended with code {code}. It said last: {words}")

    def end(self) -> bool:
        """Ask each to end, newest first, and insist where asking does not help. Whether none died of a signal."""
        for process in reversed(self._processes):
            process.running.terminate()
            try:
                process.running.wait(END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.running.kill()
                process.running.wait()
        ended_well = all(process.running.returncode >= 0 for process in self._processes)
        self._processes.clear()
        return ended_well


def wait_for(path: Path, processes: ProcessGroup, timeout_s: float) -> None:
    """Until somebody serves a socket. LinkError when its process ends before, or takes too long."""
    deadline_s = time.monotonic() + timeout_s
    while not _is_served(path):
        processes.check()
        if time.monotonic() > deadline_s:
            raise LinkError(f"Nothing appeared at {path} within {timeout_s:g} s. Look at {path.parent}/*.log")
        time.sleep(0.02)


def _is_served(path: Path) -> bool:
    """A process that was killed leaves its socket behind, with nobody at it."""
    if not path.is_socket():
        return path.exists()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC) as probe:
        probe.setblocking(False)
        # Any other answer, such as that it is a socket of another kind, is somebody's.
        return probe.connect_ex(str(path)) != errno.ECONNREFUSED


def _popen(command: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    libc = ctypes.CDLL(None)

    def end_with_parent() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    except OSError as error:
        raise LinkError(f"Cannot start {command[0]}: {error.strerror}. Is it installed?") from error
