"""DeepRacer's own calibration.json as a profile: whole nanoseconds for min, mid and max of servo and motor.

Its wizard stores the two steering limits mirrored about 1500 us and under each other's name: a limit that the owner
found at 1500 + 10 u for the left is kept as min = 1500 - 10 u, and the right one as max in the same way. The limits
that were found are what we want. A file that still has the values the car was shipped with never went through that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from calibration.profile import (
    LONGEST_PULSE_US,
    SHORTEST_PULSE_US,
    CalibrationProfile,
    SteeringCalibration,
    ThrottleCalibration,
)
from shared.errors import CalibrationError
from shared.settings import parse_settings

STOCK_SERVO_NS = (1_200_000, 1_450_000, 1_700_000)
_MIRROR_US = 3000.0  # twice the 1500 us about which the steering limits were mirrored


def looks_like_deepracer(values: Mapping[str, Any]) -> bool:
    """Whether a JSON object is meant to be such a file."""
    return isinstance(values.get("Calibration"), Mapping)


def import_deepracer(text: str | bytes, *, source: str = "calibration.json") -> CalibrationProfile:
    """The profile that the file means, unconfirmed. CalibrationError when it is none, or contradicts itself."""
    try:
        values = json.loads(text)
        blocks = values["Calibration"]
        servo, motor = _block(blocks["Servo"]), _block(blocks["Motor"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CalibrationError(f"{source} is not a calibration.json of DeepRacer ({error}).") from error
    left_us, right_us = _steering_limits(servo)
    forward_us, reverse_us = (motor[2], motor[0]) if motor[3] > 0 else (motor[0], motor[2])
    return parse_settings(
        CalibrationProfile,
        {
            "steering": _checked(SteeringCalibration, source, left_us=left_us, centre_us=servo[1], right_us=right_us),
            "throttle": _checked(
                ThrottleCalibration,
                source,
                forward_us=forward_us,
                neutral_us=motor[1],
                reverse_us=reverse_us,
                reverse="double_tap",
                arming_s=3.0,
            ),
            "note": f"Imported from DeepRacer's {source.rpartition('/')[2]}."[:1000],
        },
        source=source,
    )


def _block(block: Mapping[str, Any]) -> tuple[float, float, float, int]:
    """min, mid and max in microseconds, and the polarity."""
    numbers = [block[name] for name in ("min", "mid", "max", "polarity")]
    for number in numbers:
        if not isinstance(number, int) or isinstance(number, bool):
            raise TypeError(f"{number!r} is not a whole number")
    low, middle, high, polarity = numbers
    if polarity not in (-1, 1):
        raise ValueError(f"polarity {polarity} is neither 1 nor -1")
    if not low < middle < high:
        raise ValueError(f"min {low}, mid {middle} and max {high} do not rise")
    return low / 1000, middle / 1000, high / 1000, polarity


def _steering_limits(servo: tuple[float, float, float, int]) -> tuple[float, float]:
    """The left and the right limit, microseconds."""
    low, middle, high, polarity = servo
    stock = tuple(round(1000 * value) for value in (low, middle, high)) == STOCK_SERVO_NS
    if not stock and _MIRROR_US - high < middle < _MIRROR_US - low:
        low, high = _MIRROR_US - high, _MIRROR_US - low
    low, high = max(low, SHORTEST_PULSE_US), min(high, LONGEST_PULSE_US)
    return (high, low) if polarity > 0 else (low, high)


def _checked(kind: type[Any], source: str, **values: Any) -> Any:
    return parse_settings(kind, values, source=source)
