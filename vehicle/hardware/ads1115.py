"""Battery gauge: an ADS1115 converter behind a voltage divider.

Source: Texas Instruments, ADS1113, ADS1114, ADS1115 data sheet (SBAS444), registers and timing.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import HardwareError
from vehicle.hardware.i2c_bus import I2CBus

DEFAULT_ADDRESS = 0x48
CONVERSION, CONFIG = 0x00, 0x01
START = 0x8000  # written: begin a conversion; read: none is going on
SINGLE_SHOT = 0x0100
RANGE_4_096_V = 0x0200
RATE_128_HZ = 0x0080  # one conversion takes 8 ms
NO_COMPARATOR = 0x0003
STEP_V = 4.096 / 32768


class Ads1115Battery:
    """One input of the converter. A value is as old as one interval: it was begun with the reading before.

    Conversions are single, because only those tell whether they were finished: a converter that stands still
    would otherwise go on giving its last value.
    """

    name = "battery"
    every_s = 0.4

    def __init__(
        self, bus: I2CBus, *, address: int = DEFAULT_ADDRESS, adc_input: int = 0, divider: float = 3.0
    ) -> None:
        """divider: battery volts per volt at the input."""
        self._bus = bus
        self._address = address
        self._divider = divider
        self._config = (4 + adc_input) << 12 | RANGE_4_096_V | SINGLE_SHOT | RATE_128_HZ | NO_COMPARATOR

    def read(self) -> Mapping[str, float]:
        """voltage_v of the battery; nothing the first time, and after the chip was reset."""
        config = self._read(CONFIG)
        if config & ~START != self._config:
            self._begin()
            return {}
        if not config & START:
            raise HardwareError("the battery's converter does not finish a measurement; check its power")
        raw = self._read(CONVERSION)
        self._begin()
        return {"voltage_v": (raw - 0x10000 if raw & 0x8000 else raw) * STEP_V * self._divider}

    def _begin(self) -> None:
        self._bus.writeto(self._address, bytes((CONFIG, (START | self._config) >> 8, self._config & 0xFF)))

    def _read(self, register: int) -> int:
        answer = bytearray(2)
        self._bus.writeto_then_readfrom(self._address, bytes((register,)), answer)
        return int.from_bytes(answer, "big")
