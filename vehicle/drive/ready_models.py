"""Models made ready in a thread of their own: loaded, compiled and warm, so that putting one in place takes no time."""

from __future__ import annotations

import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from shared.errors import LapwingError
from vehicle.drive.api import THE_NEXT
from vehicle.drive.pilot import ModelPilot

LONGEST_WAIT_S = 3.0
MOST_READY = 2  # besides the one that drives; each keeps its network in memory

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    then: Callable[[ModelPilot], None]
    otherwise: Callable[[], None]


class ReadyModels:
    """Any thread may ask. load: makes a model ready, however long it takes, or raises a LapwingError that says why.

    closed: set when nothing more is to be prepared.
    """

    def __init__(self, load: Callable[[str], ModelPilot]) -> None:
        self.closed = threading.Event()
        self._load = load
        self._lock = threading.Lock()
        self._ready: OrderedDict[str, ModelPilot] = OrderedDict()
        self._preparing: list[str] = []
        self._problems: dict[str, str] = {}
        self._wanted: queue.SimpleQueue[_Wanted | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="models", daemon=True)
        self._thread.start()

    def prepare(
        self,
        name: str,
        then: Callable[[ModelPilot], None] | None = None,
        otherwise: Callable[[], None] = lambda: None,
    ) -> None:
        """Make it ready in the background, from the disk, even if it is ready already: it may be another by now.

        then: called with it by the thread that prepares; without it, it is kept for `take`. otherwise: called where
        it cannot be made ready.
        """
        with self._lock:
            self._preparing.append(name)
            self._problems.pop(name, None)
        self._wanted.put(_Wanted(name, then or (lambda pilot: self.keep(name, pilot)), otherwise))

    def keep(self, name: str, pilot: ModelPilot) -> None:
        """One that is ready, for `take`; the oldest of too many is let go of."""
        with self._lock:
            self._ready[name] = pilot
            self._ready.move_to_end(name)
            while len(self._ready) > MOST_READY:
                self._ready.popitem(last=False)

    def take(self, name: str, sha256: str) -> ModelPilot | None:
        """The model, which is then no longer kept; None when it is not ready, or was another one."""
        with self._lock:
            pilot = self._ready.get(name)
            if pilot is None or pilot.archive.sha256 != sha256:
                return None
            return self._ready.pop(name)

    def names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Those being prepared, those ready."""
        with self._lock:
            return tuple(self._preparing), tuple(self._ready)

    def problems(self) -> dict[str, str]:
        """By name, why it could not be made ready."""
        with self._lock:
            return dict(self._problems)

    def close(self) -> None:
        """Prepare nothing more. What is being prepared is waited for a while: engines do not like to be interrupted."""
        self.closed.set()
        self._wanted.put(None)
        self._thread.join(LONGEST_WAIT_S)

    def _run(self) -> None:
        while (wanted := self._wanted.get()) is not None and not self.closed.is_set():
            name = wanted.name
            try:
                wanted.then(self._load(name))
            except LapwingError as error:  # an edge: it is told to whoever looks
                log.warning("The model %s is not ready: %s", name or THE_NEXT, error)
                with self._lock:
                    self._problems[name] = str(error)
                wanted.otherwise()
            finally:
                with self._lock:
                    self._preparing.remove(name)
