"""Repairs the drives that a power cut left without an end, in a process of its own while the car gets ready.

Not in a thread: reading a gigabyte in Python would hold up the control loop.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vehicle.drive.drives import DriveStore

LOWEST_PRIORITY = 19
ENOUGH_BYTES = 1 << 62  # a repair deletes nothing to make room
WAIT_S = 5.0


@contextmanager
def repairing(store: DriveStore) -> Iterator[subprocess.Popen[bytes] | None]:
    """A repair of the folder beside the block, and no longer than it; None where there is no folder yet."""
    if not store.folder.is_dir():
        yield None
        return
    process = subprocess.Popen([sys.executable, "-m", "vehicle.drive.repairing", str(store.folder)])
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)  # the drives stay as they were: a repaired one appears whole
        with suppress(subprocess.TimeoutExpired):
            process.wait(WAIT_S)


def main() -> None:
    """Repair the folder named on the command line, when nothing else wants the processor."""
    os.nice(LOWEST_PRIORITY)
    for drive in DriveStore(Path(sys.argv[1]), ENOUGH_BYTES).repair():
        print(f"The drive {drive.name} had no end: {drive.messages} messages of it are saved.", file=sys.stderr)


if __name__ == "__main__":
    main()
