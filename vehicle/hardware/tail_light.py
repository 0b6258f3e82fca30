"""The tail light: one RGB lamp on three free outputs of the servo board, or on LEDs that the kernel knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shared.errors import HardwareError
from vehicle.hardware.i2c_bus import I2CBus
from vehicle.hardware.pca9685 import FULL_OFF, LED0_ON_L
from vehicle.hardware.protocols import Colour

FULL_ON = 0x10  # of an output's ON_H register


class ServoBoardLight:
    """Three outputs of the PCA9685. Each is on or off: at the servos' 50 pulses a second, half of it would flicker.

    The throttle and the steering have outputs of their own, which this never writes.
    """

    def __init__(self, bus: I2CBus, *, address: int, channels: Sequence[int]) -> None:
        self._bus = bus
        self._address = address
        self._channels = channels

    def show(self, colour: Colour) -> None:
        """One write per output. OSError when the board does not answer."""
        for channel, is_on in zip(self._channels, colour.value, strict=True):
            register = LED0_ON_L + 4 * channel
            block = bytes((register, 0, FULL_ON, 0, 0)) if is_on else bytes((register, 0, 0, 0, FULL_OFF))
            self._bus.writeto(self._address, block)


class SysfsLight:
    """Three LEDs of /sys/class/leds."""

    def __init__(self, names: Sequence[str], folder: Path = Path("/sys/class/leds")) -> None:
        """names: red, green, blue. HardwareError when one of them does not exist."""
        self._leds = [folder / name for name in names]
        missing = [led.name for led in self._leds if not (led / "brightness").exists()]
        if missing:
            raise HardwareError(
                f"The kernel knows no LED {', '.join(missing)}. See: ls {folder}, then set devices.tail_light.leds"
            )

    def show(self, colour: Colour) -> None:
        """OSError when an LED cannot be written."""
        for led, is_on in zip(self._leds, colour.value, strict=True):
            brightness = (led / "max_brightness").read_text().strip() if is_on else "0"
            (led / "brightness").write_text(brightness)
