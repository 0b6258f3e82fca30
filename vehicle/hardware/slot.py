"""A place for the newest of what a device delivers: who delivers replaces it, who looks gets the newest."""

from __future__ import annotations

import threading
from typing import Generic, Protocol, TypeVar


class Numbered(Protocol):
    """What rises in number with every delivery."""

    @property
    def sequence(self) -> int: ...


Delivery = TypeVar("Delivery", bound=Numbered)


class NewestSlot(Generic[Delivery]):
    """Safe between one thread that puts and any that look.

    problem: why nothing comes, a sentence for who asks the device; empty while nothing is wrong.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._newest: Delivery | None = None
        self._arrived = threading.Condition()

    def put(self, delivery: Delivery) -> None:
        """Replace what is there and wake those who wait for it."""
        with self._arrived:
            self._newest = delivery
            self._arrived.notify_all()

    def latest(self) -> Delivery | None:
        """The newest, None before the first."""
        return self._newest

    def wait_newer(self, sequence: int, timeout_s: float) -> Delivery | None:
        """The newest, as soon as its sequence is above the given one; None when none came in time."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._is_newer(sequence), timeout_s)
            return self._newest if self._is_newer(sequence) else None

    def close(self) -> None:
        """Nothing to let go of."""

    def _is_newer(self, sequence: int) -> bool:
        return self._newest is not None and self._newest.sequence > sequence
