"""The tail light tells from afar whether the car may move."""

from __future__ import annotations

from vehicle.actuator.slack import FAILURES_ALLOWED, NEEDED_S
from vehicle.actuator.state import Phase
from vehicle.hardware.protocols import Colour, TailLight

COLOURS = {
    Phase.BOOT: Colour.DARK,
    Phase.SAFE: Colour.YELLOW,
    Phase.READY: Colour.BLUE,
    Phase.ARMED: Colour.GREEN,
    Phase.STOPPING: Colour.YELLOW,
    Phase.FAULT: Colour.RED,
}


class StatusLight:
    """Changes the light with the phase. One that does not hear is left alone until the next change."""

    def __init__(self, light: TailLight) -> None:
        self._light = light
        self._phase: Phase | None = None
        self._is_shown = False
        self._failures = 0

    def follow(self, phase: Phase, left_s: float) -> None:
        """Show the phase, if left_s is enough for it.

        A fault is shown every turn anew: the servo board, whose outputs the light may hang on, is switched off as
        often.
        """
        if phase is not self._phase:
            self._phase, self._is_shown, self._failures = phase, False, 0
        if left_s < NEEDED_S or self._failures > FAILURES_ALLOWED or (self._is_shown and phase is not Phase.FAULT):
            return
        try:
            self._light.show(COLOURS[phase])
            self._is_shown, self._failures = True, 0
        except OSError:
            self._failures += 1
