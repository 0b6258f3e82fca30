"""Battery gauge of the AWS DeepRacer: one register that stands for one of twelve levels of charge.

Source: aws-deepracer-i2c-pkg. Nothing there says what a step means in volts, so none are given.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import HardwareError
from vehicle.hardware.i2c_bus import I2CBus

DEFAULT_ADDRESS = 0x3F
LEVEL_REGISTER = 0x03
# The lowest value of each level, from level 0 up. What is below is a gauge without a battery.
LEVELS = (0x8C, 0xB4, 0xC0, 0xC3, 0xC5, 0xC8, 0xCB, 0xCF, 0xD3, 0xD9, 0xE0, 0xEC)
FULL_LEVEL = 10  # what its console shows as 100 %; there is one level more


class DeepRacerBattery:
    """The gauge of the motor's battery."""

    name = "battery"
    every_s = 0.4

    def __init__(self, bus: I2CBus, *, address: int = DEFAULT_ADDRESS) -> None:
        self._bus = bus
        self._address = address

    def read(self) -> Mapping[str, float]:
        """charge_percent, in steps of ten; HardwareError when no battery is connected."""
        answer = bytearray(1)
        self._bus.writeto_then_readfrom(self._address, bytes((LEVEL_REGISTER,)), answer)
        level = sum(answer[0] >= lowest for lowest in LEVELS) - 1
        if level < 0 or answer[0] == 0xFF:
            raise HardwareError("the gauge finds no battery; connect the motor's battery and switch it on")
        return {"charge_percent": min(100.0, 100.0 * level / FULL_LEVEL)}
