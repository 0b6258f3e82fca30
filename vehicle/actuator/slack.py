"""Other devices on the servo board's bus, read between two turns: a battery gauge, a converter, an IMU.

The bus belongs to the actuator, so it reads them for everybody. One that fails twice in a row is not asked again
before the car stands: a loose wire on it must not cost the servo board its turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vehicle.hardware.protocols import BusDevice

NEEDED_S = 0.008  # a reading is begun only with this much time left before the next turn
FAILURES_ALLOWED = 1
RETRY_S = 2.0  # how often one that failed is asked again while the car stands


@dataclass(frozen=True, slots=True)
class Reading:
    """values: what the device said last, at at_s. problem: why it failed twice and is left alone, else empty."""

    values: Mapping[str, float]
    at_s: float
    problem: str = ""


class SlackReader:
    """Reads at most one device a time. readings: by the device's name, for those that were asked at all."""

    def __init__(self, devices: Sequence[BusDevice] = ()) -> None:
        self.readings: dict[str, Reading] = {}
        self._devices = {device.name: device for device in devices}
        self._due_s = dict.fromkeys(self._devices, float("-inf"))
        self._failures = dict.fromkeys(self._devices, 0)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the devices there are."""
        return tuple(self._devices)

    def read_one(self, now_s: float, left_s: float, *, may_retry: bool = False) -> None:
        """Ask the device that has waited longest, if one is due and left_s is enough for it.

        may_retry: whether those that failed get another chance.
        """
        asked = [name for name in self._devices if may_retry or not self._has_failed(name)]
        if not asked or left_s < NEEDED_S:
            return
        name = min(asked, key=self._due_s.__getitem__)
        if self._due_s[name] > now_s:
            return
        device = self._devices[name]
        self._due_s[name] = now_s + device.every_s
        try:
            self.readings[name] = Reading(dict(device.read()), now_s)
            self._failures[name] = 0
        except OSError as error:
            self._failures[name] += 1
            if self._has_failed(name):
                self._due_s[name] = now_s + RETRY_S
                self._note_failure(name, error, now_s)

    def _has_failed(self, name: str) -> bool:
        return self._failures[name] > FAILURES_ALLOWED

    def _note_failure(self, name: str, error: OSError, now_s: float) -> None:
        last = self.readings.get(name, Reading({}, now_s))
        problem = f"it does not answer ({error.strerror}); check its wires" if error.strerror else str(error)
        self.readings[name] = Reading(last.values, last.at_s, problem)
