"""The emulated board as it is reached by sockets, in a thread of the tests' own process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.board_process import BoardProcess
from vehicle.runtime_folder import RuntimeFolder


@contextmanager
def switched_on(folder: RuntimeFolder) -> Iterator[EmulatedBoard]:
    """A board that answers in this folder; off again at the end, whatever happens."""
    board, stop = EmulatedBoard(time.monotonic), threading.Event()
    thread = threading.Thread(target=BoardProcess(board, folder, None, lambda _: None).run, args=(stop,))
    thread.start()
    try:
        while not folder.board_camera.exists():
            time.sleep(0.005)
        yield board
    finally:
        stop.set()
        thread.join()
