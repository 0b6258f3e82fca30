"""The memory that the owner of the bus and its guard share: two counters, each written by one side alone.

Whole 64-bit words, so that neither ever sees half of a number.
"""

from __future__ import annotations

import mmap
import os
from typing import Any

from vehicle.actuator.guard_watch import Standing

PAGE_BYTES = 4096
_OWNER_BEATS, _STANDING = 0, 1
_GUARD_BEATS, _IS_LEAVING = 8, 9  # on a cache line of its own


class GuardPage:
    """A view of the shared memory; any writable buffer of PAGE_BYTES will do."""

    def __init__(self, buffer: Any) -> None:
        self._words = memoryview(buffer).cast("B").cast("Q")

    @property
    def owner_beats(self) -> int:
        """Turns that the owner completed."""
        return self._words[_OWNER_BEATS]

    @property
    def standing(self) -> Standing:
        """What the owner says of itself; nonsense counts as a fault."""
        try:
            return Standing(self._words[_STANDING])
        except ValueError:
            return Standing.FAULT

    @property
    def guard_beats(self) -> int:
        """Looks that the guard took."""
        return self._words[_GUARD_BEATS]

    @property
    def guard_is_leaving(self) -> bool:
        """Whether the guard was asked to end: drive no more."""
        return bool(self._words[_IS_LEAVING])

    def beat_owner(self, standing: Standing) -> None:
        """The owner's side: one more turn."""
        self._words[_STANDING] = standing
        self._words[_OWNER_BEATS] = (self._words[_OWNER_BEATS] + 1) % 2**63

    def beat_guard(self, *, is_leaving: bool) -> None:
        """The guard's side: one more look."""
        self._words[_IS_LEAVING] = is_leaving
        self._words[_GUARD_BEATS] = (self._words[_GUARD_BEATS] + 1) % 2**63


def make_page() -> tuple[int, GuardPage]:
    """New shared memory: the descriptor to hand over, and our view of it."""
    descriptor = os.memfd_create("lapwing-guard", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, PAGE_BYTES)
    return descriptor, open_page(descriptor)


def open_page(descriptor: int) -> GuardPage:
    """The view of memory that was handed over. OSError or ValueError when it is not such memory."""
    return GuardPage(mmap.mmap(descriptor, PAGE_BYTES))
