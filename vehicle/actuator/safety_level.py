"""What bounds a stop when the computer itself dies: it depends on the wire to the servo board's /OE pin."""

from __future__ import annotations

from enum import StrEnum


class SafetyLevel(StrEnum):
    """L0: the pin is not connected. L1: a plain output drives it. L2: a dead-man circuit does, fed by the guard."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"


_MEANINGS = {
    SafetyLevel.L0: (
        "A program that dies or hangs is stopped over the servo board's bus. If the computer itself hangs, nothing "
        "stops the car: keep the speed low and a hand near the power switch."
    ),
    SafetyLevel.L1: (
        "A program that dies or hangs is stopped over the bus and by the board's enable line. If the computer itself "
        "hangs, nothing stops the car: keep a hand near the power switch."
    ),
    SafetyLevel.L2: (
        "A program that dies or hangs is stopped over the bus; the dead-man circuit stops the car even when the "
        "computer hangs, restarts or loses its power."
    ),
}


_BY_WIRING = {"none": SafetyLevel.L0, "line": SafetyLevel.L1, "dead_man": SafetyLevel.L2}


def level_of(wiring: str) -> SafetyLevel:
    """The level that a wiring of the pin gives: none, line or dead_man, as in the settings."""
    return _BY_WIRING[wiring]


def meaning_of(level: SafetyLevel) -> str:
    """What the level promises, for the person beside the car."""
    return _MEANINGS[level]
