"""The battery gauges as their data sheets describe them, on the emulated bus. What they measure is a plain number.

Sources: TI SBAS444 (ADS1115), TI SBOS448 (INA219), aws-deepracer-i2c-pkg (DeepRacer's gauge).
"""

from __future__ import annotations

from collections.abc import Callable

from vehicle.emulated.word_registers import WordRegisters

FULL_SCALE_V = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256)  # by the bits PGA
RATE_HZ = (8, 16, 32, 64, 128, 250, 475, 860)  # by the bits DR
ADS1115_POWER_ON = 0x8583
INA219_POWER_ON = 0x399F
INA219_CONVERSION_S = 0.0011  # of both voltages at 12 bits


class Ads1115Chip(WordRegisters):
    """inputs_v: what lies on the four inputs, against ground. standing_still: conversions begin and never end.

    Modelled: single conversions of one input against ground, and the continuous mode as one that is always done.
    """

    def __init__(self, clock: Callable[[], float], *, address: int = 0x48) -> None:
        super().__init__(address, {0: 0, 1: ADS1115_POWER_ON})
        self.inputs_v = [0.0, 0.0, 0.0, 0.0]
        self.standing_still = False
        self._clock = clock
        self._done_at_s: float | None = None

    def reset(self) -> None:
        """Power-on."""
        self.registers.update({0: 0, 1: ADS1115_POWER_ON})
        self._done_at_s = None

    def on_write(self, register: int, value: int) -> None:
        """A start bit begins a conversion; it is not stored."""
        if register != 1:
            return
        self.registers[1] = value | 0x8000
        if value & 0x8000:
            self._done_at_s = self._clock() + 1.0 / RATE_HZ[value >> 5 & 7]

    def on_read(self, register: int) -> int:
        """The start bit reads 0 while a conversion is going on; the result appears at its end."""
        if self._done_at_s is not None and self._clock() >= self._done_at_s and not self.standing_still:
            self._done_at_s = None
            self.registers[0] = self._converted(self.registers[1])
        if register == 1 and self._done_at_s is not None:
            return self.registers[1] & ~0x8000
        return super().on_read(register)

    def _converted(self, config: int) -> int:
        mux = config >> 12 & 7
        voltage_v = self.inputs_v[mux - 4] if mux >= 4 else 0.0
        steps = round(voltage_v / FULL_SCALE_V[config >> 9 & 7] * 32768)
        return max(-32768, min(32767, steps)) & 0xFFFF


class Ina219Chip(WordRegisters):
    """voltage_v, current_a: of the battery, over a shunt of 0.1 ohm. standing_still: it measures no more."""

    SHUNT_OHM = 0.1

    def __init__(self, clock: Callable[[], float], *, address: int = 0x45) -> None:
        super().__init__(address, {0: INA219_POWER_ON})
        self.voltage_v, self.current_a = 0.0, 0.0
        self.standing_still = False
        self._clock = clock
        self._cleared_at_s = clock()

    def on_write(self, register: int, value: int) -> None:
        """Configuration and calibration can be written; a new mode clears the conversion flag."""
        if register in (0, 5):
            self.registers[register] = value
            self._cleared_at_s = self._clock()

    def on_read(self, register: int) -> int:
        """Shunt voltage in 10 uV, bus voltage in 4 mV above three flag bits; reading the power clears the flag."""
        if register == 1:
            return max(-32000, min(32000, round(self.current_a * self.SHUNT_OHM / 10e-6))) & 0xFFFF
        if register == 2:
            ready = not self.standing_still and self._clock() - self._cleared_at_s >= INA219_CONVERSION_S
            return max(0, min(8000, round(self.voltage_v / 0.004))) << 3 | ready << 1
        if register == 3:
            self._cleared_at_s = self._clock()
        return super().on_read(register)


class DeepRacerGaugeChip:
    """level_byte: what register 3 says; below 0x8c, no battery is connected."""

    def __init__(self, *, address: int = 0x3F) -> None:
        self.address = address
        self.level_byte = 0xE0
        self._pointer = 0

    def acknowledges(self, address: int) -> bool:
        """Whether the chip answers this 7-bit address."""
        return address == self.address

    def write(self, address: int, data: bytes) -> bool:
        """Only the pointer can be written."""
        if data:
            self._pointer = data[0]
        return len(data) <= 1

    def read(self, length: int) -> bytes:
        """The register that the pointer is on."""
        return bytes((self.level_byte if self._pointer == 0x03 else 0,)) * length

    def stop(self) -> None:
        """A STOP changes nothing."""
