"""In the place of devices that a car does not have, or that are not to be had."""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import HardwareError
from vehicle.hardware.protocols import Colour


class UnreachableDevice:
    """A device of the bus that could not be opened. It says why to whoever reads it, and the car drives without it."""

    every_s = 1.0

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        self._problem = problem

    def read(self) -> Mapping[str, float]:
        """HardwareError, always."""
        raise HardwareError(self._problem)


class NoTailLight:
    """The car has none."""

    def show(self, colour: Colour) -> None:
        """Nothing to show it with."""
