"""Memory for pictures that wait to be recorded, made once and used again.

Fresh memory costs the control loop more than the copy itself: the kernel hands it out page by page.
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
        self._most = most
        self._made = 0
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
        if frame.jpeg is None:
            self._free.append((frame.image, *(frame.chroma or ())))

    def _taken(self, source: Planes) -> Planes | None:
        if self._free:
            planes = self._free.popleft()
            if [plane.shape for plane in planes] == [values.shape for values in source]:
                return planes
        elif self._made == self._most:
            return None
        else:
            self._made += 1
        return tuple(np.empty_like(values) for values in source)
