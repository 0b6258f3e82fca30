"""Which model drives next: chosen by a person, made ready in the background, put in place while the car is disarmed.

The newest choice counts. A model that was chosen before it never takes its place, however late it gets ready.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from shared.errors import ArchiveError, LinkError
from vehicle.drive.api import THE_NEXT
from vehicle.drive.pilot import ModelPilot
from vehicle.drive.ready_models import ReadyModels

BETWEEN_TRIES_S = 0.1


class Installed(Protocol):
    """One model of the store."""

    @property
    def name(self) -> str: ...

    @property
    def sha256(self) -> str: ...


class Models(Protocol):
    """The installed models."""

    def installed(self) -> Sequence[Installed]:
        """Every one, by name."""
        ...

    def choose(self, name: str) -> None:
        """The model that drives next, also after a restart."""
        ...


class ModelChoice:
    """Any thread may ask.

    coming: the model that was chosen and is still being prepared, as a person calls it; empty while none is.
    """

    def __init__(
        self,
        ready: ReadyModels,
        models: Models,
        put_in_place: Callable[[ModelPilot], str],
        placed: Callable[[ModelPilot], None] = lambda pilot: None,
    ) -> None:
        """put_in_place: hands a model to the control loop; why not, LinkError while there is no loop that turns.

        placed: hears of every model put in place.
        """
        self.coming = ""
        self._ready = ready
        self._models = models
        self._put_in_place = put_in_place
        self._placed = placed
        self._choosing = threading.Lock()
        self._choices = 0

    def begin(self) -> None:
        """At the start: the model that drives next comes into place as soon as it is ready."""
        with self._choosing:
            self._prepare("")

    def choose(self, name: str) -> str:
        """Put a model in place: at once if it is ready, else as soon as it is. Why not; empty when it will be.

        ArchiveError when it is not installed. LinkError when it is ready and there is no loop to drive with it.
        StorageError when it is in place, and cannot be remembered for the next start.
        """
        sha256 = self.sha256_of(name)
        with self._choosing:
            pilot = self._ready.take(name, sha256)
            if pilot is None:
                self._prepare(name)
                return ""
            try:
                problem = self._place(name, pilot)
            except LinkError:
                self._ready.keep(name, pilot)
                raise
            if problem:
                self._ready.keep(name, pilot)
            return problem

    def sha256_of(self, name: str) -> str:
        """Of the archive installed under this name; ArchiveError when there is none."""
        hashes = {model.name: model.sha256 for model in self._models.installed()}
        if name not in hashes:
            raise ArchiveError(f"The model {name!r} is not installed. Installed: {', '.join(hashes) or 'none'}.")
        return hashes[name]

    def _prepare(self, name: str) -> None:
        """A new choice, under the lock. name: empty for the one that drives next."""
        self._choices += 1
        number, self.coming = self._choices, name or THE_NEXT
        self._ready.prepare(
            name,
            lambda pilot: self._place_when_possible(number, name, pilot),
            lambda: self._give_up(number),
        )

    def _place_when_possible(self, number: int, name: str, pilot: ModelPilot) -> None:
        """In the thread that prepares: there may be no loop yet, or the car is armed."""
        while not self._is_settled(number, name, pilot):
            if self._ready.closed.wait(BETWEEN_TRIES_S):
                return

    def _is_settled(self, number: int, name: str, pilot: ModelPilot) -> bool:
        """Whether the model is in place now, or another one was chosen meanwhile."""
        with self._choosing:
            if number != self._choices:
                if name:
                    self._ready.keep(name, pilot)
                return True
            try:
                return not self._place(name, pilot)
            except LinkError:
                return False

    def _place(self, name: str, pilot: ModelPilot) -> str:
        """Hand the model to the loop, and remember it for the next start. Why not; empty when it is in place."""
        problem = self._put_in_place(pilot)
        if not problem:
            self._choices += 1  # whatever is on its way was chosen before
            self.coming = ""
            self._placed(pilot)
            if name:
                self._models.choose(name)  # last: a disk that is full changes nothing of what drives now
        return problem

    def _give_up(self, number: int) -> None:
        """It cannot be made ready; ReadyModels tells why."""
        with self._choosing:
            if number == self._choices:
                self.coming = ""
