"""Battery gauge: an INA219, which measures voltage and, over a shunt, current.

Source: Texas Instruments, INA219 data sheet (SBOS448), section 8.6. The settings that the chip wakes up with
(32 V, 320 mV, continuous) are the ones used, so that nothing is lost when it is reset.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import HardwareError
from vehicle.hardware.i2c_bus import I2CBus

DEFAULT_ADDRESS = 0x45  # both of its jumpers bridged: without, 0x40 is the servo board
SHUNT_VOLTAGE, BUS_VOLTAGE, POWER = 0x01, 0x02, 0x03
CONVERSION_READY = 0x0002
SHUNT_STEP_V, BUS_STEP_V = 10e-6, 0.004
HIGHEST_VOLTAGE_V = 32.0  # of the range in use; beyond, the bits are noise


class Ina219Battery:
    """shunt_ohm: the resistor on the board, 0.1 on most."""

    name = "battery"
    every_s = 0.4

    def __init__(self, bus: I2CBus, *, address: int = DEFAULT_ADDRESS, shunt_ohm: float = 0.1) -> None:
        self._bus = bus
        self._address = address
        self._shunt_ohm = shunt_ohm

    def read(self) -> Mapping[str, float]:
        """voltage_v and current_a, positive out of the battery."""
        bus, shunt = self._read(BUS_VOLTAGE), self._read(SHUNT_VOLTAGE)
        voltage_v = (bus >> 3) * BUS_STEP_V
        if voltage_v > HIGHEST_VOLTAGE_V:
            raise HardwareError(f"the battery gauge says {voltage_v:.1f} V, which it cannot measure; check its wires")
        if not bus & CONVERSION_READY:
            raise HardwareError("the battery gauge has measured nothing since it was last asked; check its power")
        self._read(POWER)  # clears the flag: set the next time, it proves that the chip still measures
        current_a = (shunt - 0x10000 if shunt & 0x8000 else shunt) * SHUNT_STEP_V / self._shunt_ohm
        return {"voltage_v": voltage_v, "current_a": current_a}

    def _read(self, register: int) -> int:
        answer = bytearray(2)
        self._bus.writeto_then_readfrom(self._address, bytes((register,)), answer)
        return int.from_bytes(answer, "big")
