"""Devices that may keep one waiting, read in a thread beside the loop: the firmware answers when it likes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from vehicle.actuator.slack import SlackReader
from vehicle.hardware.protocols import BusDevice

PACE_S = 0.1


class BesideReader:
    """Its readings are a SlackReader's; only nobody waits for them. Start it before the process becomes real-time."""

    def __init__(self, devices: Sequence[BusDevice] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._reader = SlackReader(devices)
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_reading, name="beside", daemon=True)
        self.readings = self._reader.readings

    def start(self) -> None:
        """Begin, if there is anything to read."""
        if self._reader.names:
            self._thread.start()

    def close(self) -> None:
        """End. A device that never answers is not waited for: the process ends without it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(PACE_S)

    def _keep_reading(self) -> None:
        while not self._stop.wait(PACE_S):
            self._reader.read_one(self._clock(), PACE_S, may_retry=True)
