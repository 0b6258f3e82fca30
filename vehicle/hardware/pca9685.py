"""The servo board: a PCA9685 on I2C, channel 0 the speed controller, channel 1 the steering servo.

Adafruit's library resets the chip and knows its mode and prescale registers. Three things are done here
instead: a pulse (the library truncates twice, which puts neutral 2 us low), both channels at once (one block
of 8 registers; the chip changes its outputs on the STOP), and the order at the start. The library's frequency
setter is not used because it sets RESTART, which brings back whatever pulses ran before; its `deinit` is not
enough because it leaves the outputs running.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from shared.errors import HardwareError
from vehicle.hardware.i2c_bus import I2CBus

DEFAULT_ADDRESS = 0x40
PULSE_RATE_HZ = 50.0  # what every hobby servo and speed controller understands
STEPS_PER_PERIOD = 4096
LOWEST_PRE_SCALE, HIGHEST_PRE_SCALE = 3, 255

THROTTLE_CHANNEL, STEERING_CHANNEL = 0, 1  # neighbours, so that one block write reaches both
MODE1, LED0_ON_L, ALL_LED_OFF_H, PRE_SCALE = 0x00, 0x06, 0xFD, 0xFE
FULL_OFF = 0x10
# Registers keep AUTO_INCREMENT alone: no RESTART, no all-call or sub-addresses, awake.
MODE1_SLEEP, MODE1_RUNNING = 0x30, 0x20
MODE2_TOTEM_POLE = 0x04  # OUTDRV; OUTNE = 00, so that a raised /OE line means low outputs; change on STOP
OSCILLATOR_START_S = 0.0005  # data sheet 7.3.1.1

SHORTEST_PULSE_US, LONGEST_PULSE_US = 700.0, 2300.0  # beyond, a servo may turn against its end stop


def prescale_for(oscillator_hz: float) -> int:
    """What PRE_SCALE must be for PULSE_RATE_HZ. HardwareError when no value gives it."""
    prescale = round(oscillator_hz / (STEPS_PER_PERIOD * PULSE_RATE_HZ)) - 1
    if not LOWEST_PRE_SCALE <= prescale <= HIGHEST_PRE_SCALE:
        raise HardwareError(f"A servo board with a clock of {oscillator_hz:g} Hz cannot give 50 Hz pulses.")
    return prescale


def ticks_for(pulse_us: float, oscillator_hz: float) -> int:
    """The nearest whole number of steps. HardwareError for a pulse that no servo takes, and for NaN."""
    if not math.isfinite(pulse_us) or not SHORTEST_PULSE_US <= pulse_us <= LONGEST_PULSE_US:
        raise HardwareError(
            f"A pulse of {pulse_us:g} us was asked for; servos take {SHORTEST_PULSE_US:g} to "
            f"{LONGEST_PULSE_US:g} us. Check the calibration."
        )
    return round(pulse_us / tick_us_at(oscillator_hz))


def tick_us_at(oscillator_hz: float) -> float:
    """One step of the period we really get, not of the one we asked for: the prescaler is a whole number."""
    return 1e6 * (prescale_for(oscillator_hz) + 1) / oscillator_hz


class Pca9685Board:
    """The servo board of the car. One thread uses it: the actuator's."""

    def __init__(
        self,
        bus: I2CBus,
        *,
        address: int = DEFAULT_ADDRESS,
        oscillator_hz: float = 25_000_000.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """oscillator_hz: what this chip's clock really does; boards differ by several percent."""
        # Imported here: the library loads Adafruit's platform detection, which only a car needs; and not later,
        # because it takes longer than a guard waits for a turn.
        from adafruit_pca9685 import PCA9685

        self._library = PCA9685
        self._prescale = prescale_for(oscillator_hz)
        self.tick_us = tick_us_at(oscillator_hz)
        self._bus = bus
        self._address = address
        self._oscillator_hz = oscillator_hz
        self._sleep = sleep
        self._written = bytes(8)

    def start(self) -> None:
        """Make the chip ready, whatever state it was left in.

        Every output is silent from the first write on.
        """
        self._first_words()
        try:
            self._set_up()
            self.all_off()
        except HardwareError:
            raise
        except (OSError, ValueError) as error:  # ValueError: how Adafruit's device says that nobody answers
            raise HardwareError(
                f"The servo board at I2C address {self._address:#04x} fell silent while it was set up. "
                "Check its power and the SDA/SCL wires, then try again."
            ) from error

    def _set_up(self) -> None:
        """The registers of mode and rate, read back."""
        chip = self._library(self._bus, address=self._address, reference_clock_speed=round(self._oscillator_hz))
        chip.mode1_reg = MODE1_SLEEP
        chip.prescale_reg = self._prescale
        chip.mode2_reg = MODE2_TOTEM_POLE
        chip.mode1_reg = MODE1_RUNNING
        self._sleep(OSCILLATOR_START_S)
        if (chip.mode1_reg, chip.mode2_reg, chip.prescale_reg) != (
            MODE1_RUNNING, MODE2_TOTEM_POLE, self._prescale,
        ):  # fmt: skip
            raise HardwareError("The servo board does not keep its settings. Switch the car off and on again.")

    def write_pulses(self, steering_us: float, throttle_us: float | None) -> None:
        """Change both pulses in one transaction. throttle_us: None: no pulse, until one is written again."""
        block = bytearray(8)
        for channel, pulse_us in ((THROTTLE_CHANNEL, throttle_us), (STEERING_CHANNEL, steering_us)):
            ticks = FULL_OFF << 8 if pulse_us is None else ticks_for(pulse_us, self._oscillator_hz)
            block[4 * channel + 2] = ticks & 0xFF
            block[4 * channel + 3] = ticks >> 8
        self._write(bytes((LED0_ON_L,)) + block)
        self._written = bytes(block)

    def check(self) -> None:
        """Read back what was written last; HardwareError when the board disagrees, as after a brown-out."""
        modes, pulses, prescale = bytearray(2), bytearray(8), bytearray(1)  # MODE2 follows MODE1
        self._read(MODE1, modes)
        self._read(LED0_ON_L, pulses)
        self._read(PRE_SCALE, prescale)
        settings = (*modes, prescale[0])
        if settings != (MODE1_RUNNING, MODE2_TOTEM_POLE, self._prescale) or bytes(pulses) != self._written:
            raise HardwareError(
                "The servo board lost its settings, as after a dip of its supply. "
                "Check the battery and the board's power wires, then arm again."
            )

    def all_off(self) -> None:
        """Stop every pulse of the board, also of channels that are not ours."""
        self._write(bytes((ALL_LED_OFF_H, FULL_OFF)))
        written = bytearray(self._written)
        written[3] = written[7] = FULL_OFF
        self._written = bytes(written)

    def close(self) -> None:
        """Stop every pulse and let go of the bus."""
        try:
            self.all_off()
        finally:
            self._bus.deinit()

    def _first_words(self) -> None:
        """Silence first: the chip may hold the pulses of an earlier life, and waking it would play them."""
        try:
            self.all_off()
        except OSError as error:
            raise HardwareError(
                f"No answer from the servo board at I2C address {self._address:#04x}. "
                "Check its power and the SDA/SCL wires, then run: i2cdetect -y 1"
            ) from error

    def _write(self, message: bytes) -> None:
        self._bus.writeto(self._address, message)

    def _read(self, register: int, answer: bytearray) -> None:
        self._bus.writeto_then_readfrom(self._address, bytes((register,)), answer)
