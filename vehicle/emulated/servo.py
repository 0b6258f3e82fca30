"""A steering servo: follows pulses it understands, and stays where it is without them."""

from __future__ import annotations

SHORTEST_PULSE_US, LONGEST_PULSE_US = 500.0, 2500.0  # outside, hobby servos ignore what they hear


class Servo:
    """target_pulse_us: the pulse whose angle the servo holds; None until it has heard one."""

    def __init__(self) -> None:
        self.target_pulse_us: float | None = None

    def hear(self, pulse_us: float | None) -> None:
        """What the pin gives now. Silence and nonsense move nothing."""
        if pulse_us is not None and SHORTEST_PULSE_US <= pulse_us <= LONGEST_PULSE_US:
            self.target_pulse_us = pulse_us
