"""What the owner of the bus and its guard know of each other. Standard library only: the guard loads this too."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol


class Standing(IntEnum):
    """What the owner says of itself. LEFT: the pulses are off and it goes; nobody need be alarmed."""

    STARTING = 0
    AT_REST = 1
    DRIVING = 2
    FAULT = 3
    LEFT = 4


class GuardWatch(Protocol):
    """The guard as the owner sees it."""

    @property
    def safety_level(self) -> str:
        """See safety_level.py; empty while there is no guard to ask."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of the guard."""
        ...

    def problem(self, now_s: float) -> str | None:
        """Why the car must not drive: nobody would stop it if this process stood still. None when all is well."""
        ...

    def beat(self, standing: Standing, now_s: float) -> None:
        """One turn was completed. A guard that hears nothing for too long ends this process."""
        ...


class SameProcess:
    """No guard: where board and actuator share a process and a virtual clock, none can outlive the other."""

    safety_level = ""
    warnings: tuple[str, ...] = ()

    def problem(self, now_s: float) -> str | None:
        """Nothing can go wrong here."""
        return None

    def beat(self, standing: Standing, now_s: float) -> None:
        """Nobody listens."""
