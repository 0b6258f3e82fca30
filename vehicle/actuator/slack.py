"""Other devices on the servo board's bus, read between two turns: a battery gauge, a converter, an IMU.

The bus belongs to the actuator, so it reads them for everybody. One that fails twice in a row is not asked again:
a loose wire on it must not cost the servo board its turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

NEEDED_S = 0.008  # a reading is begun only with this much time left before the next turn
FAILURES_ALLOWED = 1


class BusDevice(Protocol):
    """A device that is read now and then, in one or two transactions."""

    @property
    def name(self) -> str: ...

    @property
    def every_s(self) -> float: ...

    def read(self) -> Mapping[str, float]:
        """What it measures, units in the names. OSError when it does not answer."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """values: what the device said last, at at_s. problem: why it is not asked any more, else empty."""

    values: Mapping[str, float]
    at_s: float
    problem: str = ""


class SlackReader:
    """Reads at most one device a time. readings: by the device's name, for those that were asked at all."""

    def __init__(self, devices: Sequence[BusDevice] = ()) -> None:
        self.readings: dict[str, Reading] = {}
        self._due_s = {device.name: float("-inf") for device in devices}
        self._devices = {device.name: device for device in devices}
        self._failures = dict.fromkeys(self._devices, 0)

    def read_one(self, now_s: float, left_s: float) -> None:
        """Ask the device that has waited longest, if one is due and left_s is enough for it."""
        if not self._devices or left_s < NEEDED_S:
            return
        name = min(self._devices, key=self._due_s.__getitem__)
        if self._due_s[name] > now_s:
            return
        device = self._devices[name]
        self._due_s[name] = now_s + device.every_s
        try:
            self.readings[name] = Reading(dict(device.read()), now_s)
            self._failures[name] = 0
        except OSError as error:
            self._failures[name] += 1
            if self._failures[name] > FAILURES_ALLOWED:
                self._drop(name, f"it failed twice ({error.strerror or error}); check its wires, then restart", now_s)

    def _drop(self, name: str, problem: str, now_s: float) -> None:
        last = self.readings.get(name, Reading({}, now_s))
        self.readings[name] = Reading(last.values, last.at_s, problem)
        del self._devices[name]
