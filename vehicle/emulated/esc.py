"""An electronic speed controller (ESC): arms on a steady neutral, then drives; on lost pulses it does its
worst.

Controllers differ in what they do without pulses: some cut within 0.1 s, some hold the last command for ever.
The emulated one holds unless it is told when to cut, so that a test that relies on silence fails here first. Most
also take the first backward pulse for a brake, and go backwards only after brake and neutral; this one does if told to.
"""

from __future__ import annotations

from enum import Enum

NEUTRAL_WINDOW_US = (1400.0, 1600.0)  # where controllers look for neutral at power-on
STEADY_US = 12.0  # how much a neutral may wander while it is being learned
ARMING_S = 0.5


NOTICED_S = 0.1  # what a controller takes to believe a brake or a neutral
DEAD_BAND_US = 12.0


class SpeedController:
    """drive_pulse_us: the pulse the motor follows; None while not armed or cut.

    cuts_after_s: how long after the last pulse it cuts the motor; None: it holds the last command for ever.
    double_tap: pulses shorter than neutral brake until one of them and then neutral was heard.
    """

    def __init__(self, cuts_after_s: float | None = None, *, double_tap: bool = False) -> None:
        self.drive_pulse_us: float | None = None
        self.armed = False
        self._cuts_after_s = cuts_after_s
        self._steady_pulse_us: float | None = None
        self._steady_since_s = 0.0
        self._heard_at_s = 0.0
        self._backward = BackwardLock() if double_tap else None

    def hear(self, pulse_us: float | None, now_s: float) -> None:
        """What the pin gives now."""
        if pulse_us is None:
            self._lose(now_s)
            return
        self._heard_at_s = now_s
        if not self.armed:
            self._look_for_neutral(pulse_us, now_s)
        if self.armed:
            self.drive_pulse_us = pulse_us
            if self._backward is not None and self._steady_pulse_us is not None:
                self.drive_pulse_us = self._backward.passed(pulse_us, self._steady_pulse_us, now_s)

    def _look_for_neutral(self, pulse_us: float, now_s: float) -> None:
        lowest_us, highest_us = NEUTRAL_WINDOW_US
        if not lowest_us <= pulse_us <= highest_us:
            self._steady_pulse_us = None
        elif self._steady_pulse_us is None or abs(pulse_us - self._steady_pulse_us) > STEADY_US:
            self._steady_pulse_us, self._steady_since_s = pulse_us, now_s
        else:
            self.armed = now_s - self._steady_since_s >= ARMING_S

    def _lose(self, now_s: float) -> None:
        if not self.armed:
            self._steady_pulse_us = None
        if self._cuts_after_s is not None and now_s - self._heard_at_s >= self._cuts_after_s:
            self.drive_pulse_us = None


class Backward(Enum):
    """What the next backward pulse does: brake first, or drive."""

    LOCKED = "a first backward pulse brakes"
    BRAKING = "it brakes"
    PAUSED = "neutral follows the brake"
    FREE = "it drives backwards"


class BackwardLock:
    """Backward is a brake until a brake and then neutral were heard; forward locks it again."""

    def __init__(self) -> None:
        self._stage = Backward.LOCKED
        self._since_s = 0.0

    def passed(self, pulse_us: float, neutral_us: float, now_s: float) -> float:
        """The pulse that the motor follows."""
        offset_us = pulse_us - neutral_us
        was_noticed = now_s - self._since_s >= NOTICED_S
        if offset_us > DEAD_BAND_US:
            self._stage = Backward.LOCKED
        elif offset_us >= -DEAD_BAND_US:
            if self._stage is Backward.BRAKING:
                self._go(Backward.PAUSED if was_noticed else Backward.LOCKED, now_s)
        elif self._stage is Backward.LOCKED:
            self._go(Backward.BRAKING, now_s)
        elif self._stage is Backward.PAUSED:
            self._go(Backward.FREE if was_noticed else Backward.BRAKING, now_s)
        return neutral_us if self._stage in (Backward.BRAKING, Backward.PAUSED) else pulse_us

    def _go(self, stage: Backward, now_s: float) -> None:
        self._stage, self._since_s = stage, now_s
