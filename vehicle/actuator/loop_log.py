"""Logging from a loop that must not wait: another thread writes, however long the disk or the terminal takes."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def logging_beside() -> Iterator[None]:
    """Everything logged meanwhile goes to stderr by a thread of its own; what is left is written at the end."""
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(waiting, logging.StreamHandler(sys.stderr))
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = [logging.handlers.QueueHandler(waiting)]
    root.setLevel(logging.INFO)
    listener.start()
    try:
        yield
    finally:
        listener.stop()
        root.handlers[:] = before
        root.setLevel(level)
