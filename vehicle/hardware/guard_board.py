"""The servo board as the guard reaches it: by a handle of its own, for two words only. Standard library only.

The guard gets everything it needs to know on its command line, because it must be able to act when nothing else
works any more: neither a calibration file nor the libraries that read one.
"""

from __future__ import annotations

from pathlib import Path

from shared.errors import HardwareError
from vehicle.hardware.i2c_bus import I2CBus, LinuxI2C
from vehicle.hardware.pca9685 import (
    ALL_LED_OFF_H,
    FULL_OFF,
    LED0_ON_L,
    MODE1,
    MODE1_RUNNING,
    PRE_SCALE,
    THROTTLE_CHANNEL,
)

NO_NEUTRAL_TICKS = 0  # of a car that was never calibrated: no pulse is known to leave its motor at rest


class GuardBoard:
    """neutral_ticks: the throttle's neutral in steps of the chip, at the rate that prescale gives."""

    def __init__(self, bus: I2CBus, *, address: int, prescale: int, neutral_ticks: int) -> None:
        self._bus = bus
        self._address = address
        self._prescale = prescale
        self._knows_neutral = neutral_ticks != NO_NEUTRAL_TICKS
        block = (LED0_ON_L + 4 * THROTTLE_CHANNEL, 0, 0, neutral_ticks & 0xFF, neutral_ticks >> 8)
        self._neutral = bytes(block)

    def say_neutral(self) -> None:
        """Neutral throttle in one transaction; the wheels stay as they are.

        On a chip that runs at another rate, as after a dip of its supply, those steps would be another pulse:
        there every output is switched off instead. So it is where nobody knows the neutral.
        """
        if self._knows_neutral and self._runs_as_known():
            self._bus.writeto(self._address, self._neutral)
        else:
            self.all_off()

    def all_off(self) -> None:
        """Stop every pulse of the board, whatever state it is in."""
        self._bus.writeto(self._address, bytes((ALL_LED_OFF_H, FULL_OFF)))

    def _runs_as_known(self) -> bool:
        return self._register(MODE1) == MODE1_RUNNING and self._register(PRE_SCALE) == self._prescale

    def _register(self, register: int) -> int:
        answer = bytearray(1)
        self._bus.writeto_then_readfrom(self._address, bytes((register,)), answer)
        return answer[0]


def open_guard_bus(name: str) -> I2CBus:
    """`i2c:1` is /dev/i2c-1; `emulated:PATH` the emulated bus behind that socket. HardwareError when it is not there.

    The handle is not claimed: the owner has the claim, and the guard must get in beside it.
    """
    kind, _, where = name.partition(":")
    if kind == "i2c" and where.isdecimal():
        return LinuxI2C(int(where))
    if kind == "emulated" and where:
        # Imported here: a real car needs nothing of the emulated one.
        from vehicle.emulated.i2c import SocketI2C

        return SocketI2C(Path(where))
    raise HardwareError(f"'{name}' is not a bus. Write i2c:1, or emulated:SOCKET.")
