"""What bounds a stop when the computer itself dies: it depends on the wire to the servo board's /OE pin."""

from __future__ import annotations

from enum import StrEnum


class SafetyLevel(StrEnum):
    """L0: the pin is not connected. L1: a plain output drives it. L2: a dead-man circuit does, fed by the guard."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"


# Some controllers hold their last pulse for seconds, or for ever. Nothing but the car itself can tell.
_TRY_IT = (
    " The line takes the pulses away: with the wheels lifted, pull the speed controller's plug while they turn, and "
    "see that they stop."
)
_MEANINGS = {
    SafetyLevel.L0: (
        "A program that dies or hangs is stopped over the servo board's bus. If the computer itself hangs, nothing "
        "stops the car: keep the speed low and a hand near the power switch."
    ),
    SafetyLevel.L1: (
        "A program that dies or hangs is stopped over the bus and by the board's enable line. If the computer itself "
        f"hangs, nothing stops the car: keep a hand near the power switch.{_TRY_IT}"
    ),
    SafetyLevel.L2: (
        "A program that dies or hangs is stopped over the bus; the dead-man circuit stops the car even when the "
        f"computer hangs, restarts or loses its power.{_TRY_IT}"
    ),
}


_BY_WIRING = {"none": SafetyLevel.L0, "line": SafetyLevel.L1, "dead_man": SafetyLevel.L2}


def level_of(wiring: str) -> SafetyLevel:
    """The level that a wiring of the pin gives: none, line or dead_man, as in the settings."""
    return _BY_WIRING[wiring]


def meaning_of(level: SafetyLevel) -> str:
    """What the level promises, for the person beside the car."""
    return _MEANINGS[level]
