"""The PCA9685 as its data sheet describes it: register writes in, pulses out, with its own clock.

Source: NXP, PCA9685 product data sheet, revisions 2 to 4. What is modelled, and where it is written there:

| fact | where |
|---|---|
| control register = pointer; it is the first byte of a write | 7.2 |
| auto-increment: past register 69 (45h) to 0; 250 to 254 (FAh to FEh), then to 0 | table 4, remark |
| ALL_LED registers load every channel and read as zero | table 4 |
| PRE_SCALE can be written only while SLEEP is 1; a smaller value than 3 counts as 3 | table 4 [1], 7.3.5 |
| period = 4096 x (PRE_SCALE + 1) / oscillator, 25 MHz inside | 7.3.5 |
| SLEEP with a channel running sets RESTART; registers are kept, outputs are silent | 7.3.1.1 |
| RESTART clears by writing 1 to it awake, by a PWM register write and STOP (OCH = 0), by reset | 7.3.1.1 |
| an orderly shutdown (every channel full-off) before SLEEP leaves RESTART at 0 | 7.3.1.1 |
| EXTCLK is sticky: only a reset clears it | table 5 |
| outputs change on STOP (OCH = 0) | table 6 |
| bit 4 of LEDn_OFF_H: full off; bit 4 of LEDn_ON_H: full on; off wins | 7.3.3 |
| ALLCALL 70h answered after reset, SUBADR1 to 3 (71h, 72h, 74h) not | 7.3.6, 7.3.7 |
| general call 00h with the byte 06h resets to the power-on values | 7.6 |

| a high /OE pin with OUTNE = 00 holds every output low | 7.4 |

Not modelled: other values of OUTNE, OCH = 1, an external clock's frequency, test mode.
A new width starts with the next period; the data sheet promises no more than that. Full off is immediate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

CHANNELS = 16
STEPS_PER_PERIOD = 4096
INTERNAL_OSCILLATOR_HZ = 25_000_000.0
GENERAL_CALL_ADDRESS = 0x00
SOFTWARE_RESET_BYTE = 0x06

MODE1, MODE2, SUBADR1, SUBADR2, SUBADR3, ALLCALLADR, LED0_ON_L = range(7)
LED15_OFF_H = 0x45
ALL_LED_ON_L, ALL_LED_OFF_H = 0xFA, 0xFD
PRE_SCALE = 0xFE
LOWEST_PRE_SCALE = 3

RESTART, EXTCLK, AUTO_INCREMENT, SLEEP, ALLCALL = 0x80, 0x40, 0x20, 0x10, 0x01
SUB_BITS = ((0x08, SUBADR1), (0x04, SUBADR2), (0x02, SUBADR3))
FULL = 0x1000  # bit 4 of the high byte, in the 13-bit view of a register pair
POWER_ON_VALUES = {MODE1: 0x11, MODE2: 0x04, SUBADR1: 0xE2, SUBADR2: 0xE4, SUBADR3: 0xE8, ALLCALLADR: 0xE0}
POWER_ON_PRE_SCALE = 0x1E

HISTORY_LENGTH = 5_000  # changes kept: the last ten minutes of driving, and no memory that grows for an hour


@dataclass(frozen=True, slots=True)
class PulseChange:
    """From start_s on, a channel gives pulses of width_us; None is silence (the pin stays low)."""

    start_s: float
    channel: int
    width_us: float | None


class Pca9685Chip:
    """One chip.

    It keeps its last pulse when its master dies: nothing but a write, reset or power-off ends it.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        address: int = 0x40,
        oscillator_hz: float = INTERNAL_OSCILLATOR_HZ,
    ) -> None:
        self.address = address
        self.oscillator_hz = oscillator_hz
        self.registers = bytearray(256)
        self.history: deque[PulseChange] = deque(maxlen=HISTORY_LENGTH)
        self.restarts_used = 0
        self.oe_is_high = False  # boards pull it low: outputs enabled
        self._clock = clock
        self._pointer = 0
        self._widths: list[float | None] = [None] * CHANNELS
        self._scheduled: list[PulseChange | None] = [None] * CHANNELS
        self._awake_since_s = 0.0
        self.reset()

    def reset(self) -> None:
        """Power-on, or the software reset call."""
        self.registers[:] = bytes(256)
        for register, value in POWER_ON_VALUES.items():
            self.registers[register] = value
        for channel in range(CHANNELS):
            self.registers[_led(channel) + 3] = FULL >> 8
        self.registers[PRE_SCALE] = POWER_ON_PRE_SCALE
        self._pointer = 0
        self.stop()

    def load(self, image: bytes) -> None:
        """Take over a register image, as after a restart of everything but the chip."""
        self.registers[:] = image
        self.registers[PRE_SCALE] = max(LOWEST_PRE_SCALE, self.registers[PRE_SCALE])
        self._awake_since_s = self._clock()
        self.stop()

    # What the bus sees.

    def acknowledges(self, address: int) -> bool:
        """Whether the chip answers this 7-bit address."""
        mode1 = self.registers[MODE1]
        if address in (self.address, GENERAL_CALL_ADDRESS):
            return True
        if mode1 & ALLCALL and address == self.registers[ALLCALLADR] >> 1:
            return True
        return any(mode1 & bit and address == self.registers[register] >> 1 for bit, register in SUB_BITS)

    def write(self, address: int, data: bytes) -> bool:
        """Bytes after a START and our address. False where the chip would not acknowledge them."""
        if address == GENERAL_CALL_ADDRESS:
            if data != bytes((SOFTWARE_RESET_BYTE,)):
                return False
            self.reset()
            return True
        if data:
            self._pointer = data[0]
            for value in data[1:]:
                self._set_register(self._pointer, value)
                self._advance_pointer()
        return True

    def read(self, length: int) -> bytes:
        """Bytes from the pointer on; the ALL_LED registers read as zero."""
        answer = bytearray()
        for _ in range(length):
            silent = ALL_LED_ON_L <= self._pointer <= ALL_LED_OFF_H
            answer.append(0 if silent else self.registers[self._pointer])
            self._advance_pointer()
        return bytes(answer)

    def stop(self) -> None:
        """The STOP that ends a transaction: outputs take over what was written (OCH = 0)."""
        now_s = self._clock()
        self._settle(now_s)
        for channel in range(CHANNELS):
            width_us = self._programmed_width_us(channel)
            pending = self._scheduled[channel]
            if width_us == (pending.width_us if pending else self._widths[channel]):
                continue
            start_s = now_s if width_us is None else self._next_period_s(now_s)
            self._scheduled[channel] = PulseChange(start_s, channel, width_us)
        self._settle(now_s)

    def set_oe(self, *, is_high: bool) -> None:
        """The level of the /OE pin."""
        self.oe_is_high = is_high
        self.stop()

    # What an oscilloscope on the pins sees.

    @property
    def tick_us(self) -> float:
        """Duration of one of the 4096 steps of a period."""
        return (self.registers[PRE_SCALE] + 1) / self.oscillator_hz * 1e6

    @property
    def frequency_hz(self) -> float:
        """Pulses per second on every channel."""
        return 1e6 / (STEPS_PER_PERIOD * self.tick_us)

    def pulse_us(self, channel: int) -> float | None:
        """Width of the pulse this channel gives now; None when its pin is silent."""
        self._settle(self._clock())
        return self._widths[channel]

    def settled_history(self) -> list[PulseChange]:
        """Every change of a pulse until now, in the order in which they began."""
        self._settle(self._clock())
        return list(self.history)

    def _advance_pointer(self) -> None:
        if self.registers[MODE1] & AUTO_INCREMENT:
            self._pointer = 0 if self._pointer in (LED15_OFF_H, PRE_SCALE) else (self._pointer + 1) & 0xFF

    def _set_register(self, register: int, value: int) -> None:
        if register == MODE1:
            self._set_mode1(value)
        elif register == PRE_SCALE:
            if self.registers[MODE1] & SLEEP:
                self.registers[PRE_SCALE] = max(LOWEST_PRE_SCALE, value)
        elif ALL_LED_ON_L <= register <= ALL_LED_OFF_H:
            for channel in range(CHANNELS):
                self.registers[_led(channel) + register - ALL_LED_ON_L] = value
            self.registers[MODE1] &= ~RESTART
        elif LED0_ON_L <= register <= LED15_OFF_H:
            self.registers[register] = value
            self.registers[MODE1] &= ~RESTART
        elif register < LED0_ON_L:
            self.registers[register] = value

    def _set_mode1(self, value: int) -> None:
        before = self.registers[MODE1]
        after = (value & 0x3F) | ((before | value) & EXTCLK)
        falls_asleep = value & SLEEP and not before & SLEEP
        running = any(self._ticks(channel) not in (0, STEPS_PER_PERIOD) for channel in range(CHANNELS))
        restarts = value & RESTART and not value & SLEEP
        self.restarts_used += bool(restarts and before & RESTART)
        if (falls_asleep and running) or (before & RESTART and not restarts):
            after |= RESTART
        if before & SLEEP and not value & SLEEP:
            self._awake_since_s = self._clock()
        self.registers[MODE1] = after

    def _ticks(self, channel: int) -> int:
        """High steps of a period, 0 to 4096, as the registers ask for them."""
        base = _led(channel)
        on = self.registers[base] | self.registers[base + 1] << 8
        off = self.registers[base + 2] | self.registers[base + 3] << 8
        if off & FULL:
            return 0
        if on & FULL:
            return STEPS_PER_PERIOD
        return ((off & 0xFFF) - (on & 0xFFF)) % STEPS_PER_PERIOD

    def _programmed_width_us(self, channel: int) -> float | None:
        if self.oe_is_high or self.registers[MODE1] & (SLEEP | RESTART):
            return None
        ticks = self._ticks(channel)
        return ticks * self.tick_us if ticks else None

    def _next_period_s(self, now_s: float) -> float:
        period_s = STEPS_PER_PERIOD * self.tick_us * 1e-6
        periods = -(-(now_s - self._awake_since_s) // period_s)
        return self._awake_since_s + periods * period_s

    def _settle(self, now_s: float) -> None:
        """Let every scheduled change whose time has come happen."""
        due = [change for change in self._scheduled if change is not None and change.start_s <= now_s]
        for change in sorted(due, key=lambda change: (change.start_s, change.channel)):
            self._widths[change.channel] = change.width_us
            self._scheduled[change.channel] = None
            self.history.append(change)


def _led(channel: int) -> int:
    return LED0_ON_L + 4 * channel
