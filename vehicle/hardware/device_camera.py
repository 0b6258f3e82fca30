"""The Camera of a device that may be absent, fail and come back: opened again and again, with growing pauses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from shared.errors import HardwareError
from vehicle.hardware.frame_slot import FrameSlot
from vehicle.hardware.protocols import CameraDevice, Frame, OpenCameraDevice

LOOK_S = 0.1  # how often an open device is looked at
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0  # before it is opened again
FIRST_PICTURE_S = 5.0  # what a camera may take to begin
SILENT_S = 1.5  # without a picture for this long it is opened anew: some drivers lose a camera without a word

OPENING = "The camera is being opened."
SILENT = "The camera gives no pictures although it is there. Check its cable."

log = logging.getLogger(__name__)


class DeviceCamera(FrameSlot):
    """A Camera whatever becomes of the device. problem: why there are no pictures."""

    def __init__(self, open_device: OpenCameraDevice, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is opened yet: `start` begins, or who calls `look` in its own time."""
        super().__init__()
        self.problem = OPENING
        self._open_device = open_device
        self._clock = clock
        self._device: CameraDevice | None = None
        self._delivered = 0
        self._alive_until_s = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="camera", daemon=True)

    def start(self) -> DeviceCamera:
        """Look after the device in a thread of its own until closed."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Let go of the device."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        self._let_go()

    def look(self) -> float:
        """Open the device, or see whether it is well; seconds until the next look."""
        if self._device is None:
            return self._try_to_open()
        problem = self._device.problem()
        if not problem and self._clock() > self._alive_until_s:
            problem = SILENT
        if not problem:
            return LOOK_S
        self._let_go()
        return self._say_problem(problem)

    def _try_to_open(self) -> float:
        self._alive_until_s = self._clock() + FIRST_PICTURE_S
        try:
            self._device = self._open_device(self._deliver)
        except HardwareError as error:
            return self._say_problem(str(error))
        return LOOK_S

    def _say_problem(self, problem: str) -> float:
        """Another pause, twice as long as the last unless pictures came in between."""
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem
        pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, LONGEST_PAUSE_S)
        return pause_s

    def _deliver(self, frame: Frame) -> None:
        """Pictures are counted here: a device that was opened again counts anew."""
        if self._closed.is_set():
            return
        now_s = self._clock()
        self._delivered += 1
        self._alive_until_s = now_s + SILENT_S
        self.problem, self._pause_s = "", FIRST_PAUSE_S
        # A device's idea of the time may be ahead of ours by a little, and no picture is of the future.
        self.put(replace(frame, taken_at_s=min(frame.taken_at_s, now_s), sequence=self._delivered))

    def _let_go(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _keep(self) -> None:
        while not self._closed.wait(self.look()):
            pass
