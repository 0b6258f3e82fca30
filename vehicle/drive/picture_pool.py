"""Memory for pictures that wait to be recorded, made once and used again.

Fresh memory costs the control loop more than the copy itself: the kernel hands it out page by page. So the thread that
gives the first picture back makes all the rest: what a drive takes is taken at its start, not at its first slow disk.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vehicle.hardware.protocols import Frame

Planes = tuple[NDArray[np.uint8], ...]


class PicturePool:
    """One thread copies, another gives back. left_out: pictures for which there was no memory."""

    def __init__(self, most: int) -> None:
        """most: pictures that may wait at once."""
        self.left_out = 0
        self._to_make = deque(range(most))  # either thread may make memory: who takes one from here does
        self._free: deque[Planes] = deque()

    def copy(self, frame: Frame) -> Frame | None:
        """The same picture in memory that stays until it is given back; None when all of it is in use."""
        if frame.jpeg is not None:  # all that is recorded of it, and it does not change
            return frame
        source = (frame.image, *(frame.chroma or ()))
        planes = self._taken(source)
        if planes is None:
            self.left_out += 1
            return None
        for plane, values in zip(planes, source, strict=True):
            np.copyto(plane, values)
        return replace(frame, image=planes[0], chroma=None if frame.chroma is None else (planes[1], planes[2]))

    def give_back(self, frame: Frame) -> None:
        """Use its memory again."""
        if frame.jpeg is not None:
            return
        planes = (frame.image, *(frame.chroma or ()))
        self._free.append(planes)
        while self._may_make():
            self._free.append(tuple(plane.copy() for plane in planes))  # a copy, since it has to be written to be had

    def _taken(self, source: Planes) -> Planes | None:
        """What was used last, which the processor still has at hand."""
        if self._free:
            planes = self._free.pop()
            if [plane.shape for plane in planes] == [values.shape for values in source]:
                return planes
        elif not self._may_make():
            return None
        return tuple(np.empty_like(values) for values in source)

    def _may_make(self) -> bool:
        try:
            self._to_make.pop()
        except IndexError:
            return False
        return True
