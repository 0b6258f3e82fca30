"""What bounds a stop when the computer itself dies: the wire to the servo board's /OE pin, and the speed controller."""

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
# Some controllers hold their last pulse for seconds, or for ever. Nothing but the car itself can tell.
_TRY_IT = (
    "The line takes the pulses away: with the wheels lifted, pull the speed controller's plug while they turn, and "
    "see that they stop."
)
_HOLDS = "Without pulses, as with a loose plug, its speed controller goes on with the last one: that does not stop it."
# Here the line waits for neutral: see guard_core.py. It does not wait where it loses its guard, which drives it.
_LINE_IS_NO_STOP = (
    "A program that dies or hangs is stopped over the bus, where neutral is said before the line takes the pulses "
    "away: without pulses, its speed controller goes on with the last one. So nothing stops this car when the "
    "computer hangs, nor when the guard itself dies, until that is back."
)
_WITHOUT_LINE = 'Set servo_board.output_enable = "none": at L0, the car stops when its guard dies, too.'
_BY_HAND = "Keep the speed low and a hand near the power switch, or fit a speed controller that stops without pulses."

_BY_WIRING = {"none": SafetyLevel.L0, "line": SafetyLevel.L1, "dead_man": SafetyLevel.L2}


def level_of(wiring: str) -> SafetyLevel:
    """The level that a wiring of the pin gives: none, line or dead_man, as in the settings."""
    return _BY_WIRING[wiring]


def meaning_of(level: SafetyLevel, stops_without_pulses_s: float | str | None = None) -> str:
    """What the level promises, for the person beside the car.

    stops_without_pulses_s: what the calibration says of the speed controller: seconds, 'holds', or None for not known.
    """
    has_line, meaning = level is not SafetyLevel.L0, _MEANINGS[level]
    if stops_without_pulses_s is None:
        return f"{meaning} {_TRY_IT}" if has_line else meaning
    if isinstance(stops_without_pulses_s, str):
        return _LINE_IS_NO_STOP if has_line else f"{meaning} {_HOLDS}"
    how = "The line takes the pulses away: without" if has_line else "Without"
    return f"{meaning} {how} pulses its wheels stop within {stops_without_pulses_s:g} s."


def advice_on(level: SafetyLevel, stops_without_pulses_s: float | str | None = None) -> str:
    """What to do about a speed controller that holds its last pulse; empty where there is nothing to do."""
    if not isinstance(stops_without_pulses_s, str):
        return ""
    return _BY_HAND if level is SafetyLevel.L0 else f"{_WITHOUT_LINE} {_BY_HAND}"
