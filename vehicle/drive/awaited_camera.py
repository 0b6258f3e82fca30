"""A camera that is opened when it is there: until then, and when it fails to open, it is tried again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from shared.errors import LapwingError
from vehicle.hardware.protocols import Camera, Frame

RETRY_S = 1.0


class AwaitedCamera:
    """The Camera protocol in front of one that may not be there yet. problem: why it is not, else what it says."""

    def __init__(self, open_camera: Callable[[], Camera]) -> None:
        self._open = open_camera
        self._camera: Camera | None = None
        self._problem = "The camera is being opened."
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._try_to_open, name="camera opening", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str:
        """Why the device gives no pictures, a sentence; empty while it is there."""
        return self._problem if self._camera is None else self._camera.problem

    def latest(self) -> Frame | None:
        """The newest picture, None before the first one."""
        return None if self._camera is None else self._camera.latest()

    def wait_newer(self, sequence: int, timeout_s: float) -> Frame | None:
        """The newest picture, as soon as its sequence is above the given one; None when none came in time."""
        if self._camera is None:
            self._closed.wait(timeout_s)
            return None
        return self._camera.wait_newer(sequence, timeout_s)

    def close(self) -> None:
        """Let go of the device."""
        self._closed.set()
        self._thread.join()
        if self._camera is not None:
            self._camera.close()

    def _try_to_open(self) -> None:
        while not self._closed.is_set():
            try:
                self._camera = self._open()
                return
            except LapwingError as error:  # whatever keeps it away may pass
                self._problem = str(error)
            self._closed.wait(RETRY_S)
