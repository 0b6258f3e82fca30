"""Tells the drive what a person's hands do, so that its log has it. Who drives the car never waits for that."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from shared.errors import LinkError
from vehicle.drive.api import OperatorRequest
from vehicle.drive.client import DriveClient

BETWEEN_S = 0.05  # 20 a second are enough to see a hand move
RETRY_S = 2.0  # while no drive runs
ANSWER_S = 1.0


class OperatorLine:
    """One person. What is told is the newest of what was said, and only where it is another than before."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """path: the drive's socket; nothing is told while nobody serves there."""
        self._path = path
        self._clock = clock
        self._client: DriveClient | None = None
        self._try_at_s = float("-inf")
        self._newest: OperatorRequest | None = None
        self._told: OperatorRequest | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="operator", daemon=True)

    def start(self) -> OperatorLine:
        """Tell from now on."""
        self._thread.start()
        return self

    def say(self, hands: OperatorRequest) -> None:
        """What is so now. Never waits."""
        self._newest = hands

    def tell(self) -> None:
        """One look: whatever is new goes to the drive."""
        newest = self._newest
        if newest is None or newest == self._told or self._clock() < self._try_at_s:
            return
        try:
            self._client = self._client or DriveClient(self._path, ANSWER_S)
            self._client.ask(newest)
            self._told = newest
        except LinkError:
            self._hang_up()
            self._try_at_s = self._clock() + RETRY_S

    def close(self) -> None:
        """Say nothing more."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        self._hang_up()

    def _run(self) -> None:
        while not self._closed.wait(BETWEEN_S):
            self.tell()

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
