"""How busy the computer and this process are, from the kernel's own figures."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Load:
    """cpu_percent: of all cores together since the last question; process_cpu_percent: of one core, by this process.

    None: not known, or not yet. memory_percent: what is not available to a program that asks for more.
    """

    cpu_percent: float | None = None
    memory_percent: float | None = None
    process_cpu_percent: float | None = None
    process_memory_bytes: int | None = None


class LoadMeter:
    """Asked about once a second. One thread uses it. proc: the kernel's files; tests give a folder of their own."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._busy_ticks = self._all_ticks = self._process_ticks = 0
        self._asked_at_s: float | None = None

    def read(self, now_s: float) -> Load:
        """What is so now; shares of the time are those since the question before."""
        cpu_percent, process_cpu_percent = self._shares(now_s)
        return Load(cpu_percent, self._memory_percent(), process_cpu_percent, self._process_memory_bytes())

    def _shares(self, now_s: float) -> tuple[float | None, float | None]:
        with suppress(OSError, ValueError, IndexError):
            ticks = [int(word) for word in _text(self._proc / "stat").splitlines()[0].split()[1:9]]
            busy, every = sum(ticks) - ticks[3] - ticks[4], sum(ticks)  # without idle and waiting for a disk
            # The name of the program stands in brackets and may hold anything.
            words = _text(self._proc / "self/stat").rpartition(")")[2].split()
            process = int(words[11]) + int(words[12])
            new = busy - self._busy_ticks, every - self._all_ticks, process - self._process_ticks
            asked_at_s, self._asked_at_s = self._asked_at_s, now_s
            self._busy_ticks, self._all_ticks, self._process_ticks = busy, every, process
            if asked_at_s is not None and now_s > asked_at_s and new[1] > 0:
                return 100 * new[0] / new[1], 100 * new[2] / CLOCK_TICKS_PER_S / (now_s - asked_at_s)
        return None, None

    def _memory_percent(self) -> float | None:
        with suppress(OSError, ValueError, KeyError, IndexError, ZeroDivisionError):
            lines = dict(line.split(":", 1) for line in _text(self._proc / "meminfo").splitlines())
            kilobytes = [int(lines[name].split()[0]) for name in ("MemTotal", "MemAvailable")]
            return 100 * (1 - kilobytes[1] / kilobytes[0])
        return None

    def _process_memory_bytes(self) -> int | None:
        with suppress(OSError, ValueError, IndexError):
            return int(_text(self._proc / "self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return None


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace")
