"""A machine with more to do than it can, for as long as a benchmark wants it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

BUSY_PROCESSES = 6


@contextmanager
def busy_machine(*, is_busy: bool) -> Iterator[None]:
    """Six processes that never wait, or none."""
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(BUSY_PROCESSES if is_busy else 0)
    ]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()
