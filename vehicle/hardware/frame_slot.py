"""A place for one picture: who delivers replaces it, who looks gets the newest. Half of a Camera."""

from __future__ import annotations

import threading

from vehicle.hardware.protocols import Frame


class FrameSlot:
    """Safe between one thread that puts and any that look.

    problem: why no pictures come, a sentence for who asks the camera; empty while nothing is wrong.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._frame: Frame | None = None
        self._arrived = threading.Condition()

    def put(self, frame: Frame) -> None:
        """Replace the picture and wake those who wait for it."""
        with self._arrived:
            self._frame = frame
            self._arrived.notify_all()

    def latest(self) -> Frame | None:
        """The newest picture, None before the first one."""
        return self._frame

    def wait_newer(self, sequence: int, timeout_s: float) -> Frame | None:
        """The newest picture, as soon as its sequence is above the given one; None when none came in time."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._is_newer(sequence), timeout_s)
            return self._frame if self._is_newer(sequence) else None

    def close(self) -> None:
        """Nothing to let go of."""

    def _is_newer(self, sequence: int) -> bool:
        return self._frame is not None and self._frame.sequence > sequence
