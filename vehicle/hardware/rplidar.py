"""An RPLIDAR as a Lidar: a thread of its own reads the stream, and opens the device again when it was lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from shared.errors import HardwareError
from vehicle.hardware.lidar_mount import ScanFrame
from vehicle.hardware.rplidar_nodes import NodeStream, Turn
from vehicle.hardware.scan_slot import ScanSlot

SILENCE_S = 0.5
UNREADABLE_S = 2.0  # bytes come, but no whole turn of them
SPIN_UP_S = 3.0  # before the first turn is complete, from a standing motor
READ_EVERY_S = 0.010  # bytes come one by one; this many milliseconds of them are read at once
WAIT_FOR_BYTES_S = 0.1
LONGEST_CLOSE_S = 0.5
FIRST_RETRY_S, LONGEST_RETRY_S = 0.2, 5.0

SILENT = "The LiDAR has gone silent. See that its head can turn, and check its cable."
UNREADABLE = (
    "The LiDAR's bytes make no scan: some are lost, or they come at another rate. Check its cable, and lidar.baud_rate."
)

log = logging.getLogger(__name__)


class Port(Protocol):
    """A device that scans, such as an RplidarPort."""

    def read(self, timeout_s: float) -> bytes:
        """What has come; nothing when nothing came in time. HardwareError when the device is gone."""
        ...

    def close(self) -> None:
        """Stop the motor and let go of the device."""
        ...


class TurnWatch:
    """From bytes to turns, and to the errors of a device that gives none. Pure: the time is an argument."""

    def __init__(self, now_s: float) -> None:
        self.stream = NodeStream()
        self._heard_at_s = now_s
        self._turn_by_s = now_s + SPIN_UP_S

    def take(self, data: bytes, now_s: float) -> Turn | None:
        """The newest turn that these bytes complete. HardwareError when there has been none for too long."""
        if data:
            self._heard_at_s = now_s
        elif now_s - self._heard_at_s >= SILENCE_S:
            raise HardwareError(SILENT)
        turns = self.stream.feed(data, now_s)
        if turns:
            self._turn_by_s = now_s + UNREADABLE_S
        elif now_s >= self._turn_by_s:
            raise HardwareError(UNREADABLE)
        return turns[-1] if turns else None


class Rplidar(ScanSlot):
    """Scans from a thread that opens the device, reads it, and after a failure tries again, less and less often.

    Building one waits for nothing: until the first scan, problem says how far it is.
    """

    def __init__(
        self, open_port: Callable[[], Port], frame: ScanFrame, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self.problem = "The LiDAR is starting."
        self._open_port = open_port
        self._frame = frame
        self._clock = clock
        self._sequence = 0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lidar", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the motor and let go of the device. Where a wrong device is being asked who it is, a moment later."""
        self._closed.set()
        self._thread.join(LONGEST_CLOSE_S)  # the control loop waits for this

    def _run(self) -> None:
        """Until closed."""
        retry_s = FIRST_RETRY_S
        while not self._closed.is_set():
            scans_before = self._sequence
            try:
                self._scan_until_closed()
            except HardwareError as error:
                self._tell(str(error))
            if self._sequence > scans_before:
                retry_s = FIRST_RETRY_S
            self._closed.wait(retry_s)
            retry_s = min(2 * retry_s, LONGEST_RETRY_S)

    def _scan_until_closed(self) -> None:
        port = self._open_port()
        try:
            watch = TurnWatch(self._clock())
            while not self._closed.is_set():
                turn = watch.take(port.read(WAIT_FOR_BYTES_S), self._clock())
                if turn is not None:
                    self._sequence += 1
                    self.problem = ""
                    self.put(self._frame.scan(turn, self._sequence))
                self._closed.wait(READ_EVERY_S)
        finally:
            port.close()

    def _tell(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem
