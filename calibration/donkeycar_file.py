"""donkeycar's myconfig.py as a profile: counts of a PCA9685 at 60 Hz become microseconds.

The file is Python, and it is only read, never run: numbers assigned to the known names, at the top or within a
dictionary. What a file leaves out is what donkeycar has by itself.
"""

from __future__ import annotations

import ast

from calibration.profile import LONGEST_PULSE_US, SHORTEST_PULSE_US, CalibrationProfile
from shared.errors import CalibrationError
from shared.settings import parse_settings

COUNT_US = 1e6 / 60 / 4096  # 4.07 us
DEFAULT_COUNTS = {
    "STEERING_LEFT_PWM": 460,
    "STEERING_RIGHT_PWM": 290,
    "THROTTLE_FORWARD_PWM": 500,
    "THROTTLE_STOPPED_PWM": 370,
    "THROTTLE_REVERSE_PWM": 220,
}


def looks_like_donkeycar(text: str) -> bool:
    """Whether a text is meant to be such a file."""
    return any(name in text for name in DEFAULT_COUNTS)


def import_donkeycar(text: str, *, source: str = "myconfig.py") -> CalibrationProfile:
    """The profile that the file means, unconfirmed; straight ahead is midway, as donkeycar has it.

    CalibrationError when it has none of the names, or its values contradict each other.
    """
    counts = _counts(text, source)
    if not counts:
        raise CalibrationError(f"{source} sets none of {', '.join(DEFAULT_COUNTS)}. Choose the car's myconfig.py.")
    pulses_us = {name: _pulse_us(counts.get(name, default)) for name, default in DEFAULT_COUNTS.items()}
    left_us, right_us = pulses_us["STEERING_LEFT_PWM"], pulses_us["STEERING_RIGHT_PWM"]
    values = {
        "steering": {"left_us": left_us, "centre_us": round((left_us + right_us) / 2, 1), "right_us": right_us},
        "throttle": {
            "forward_us": pulses_us["THROTTLE_FORWARD_PWM"],
            "neutral_us": pulses_us["THROTTLE_STOPPED_PWM"],
            "reverse_us": pulses_us["THROTTLE_REVERSE_PWM"],
            "reverse": "double_tap",
            "arming_s": 3.0,
        },
        "note": f"Imported from donkeycar's {source.rpartition('/')[2]}: counts at 60 Hz."[:1000],
    }
    return parse_settings(CalibrationProfile, values, source=source)


def _counts(text: str, source: str) -> dict[str, float]:
    """The known names and their numbers; a later one replaces an earlier one, as in Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CalibrationError(f"{source} is not a Python file that can be read ({error}).") from error
    found: dict[str, float] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            pairs = [(str(target.id), node.value) for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.Dict):
            keyed = zip(node.keys, node.values)
            pairs = [(str(key.value), value) for key, value in keyed if isinstance(key, ast.Constant)]
        else:
            continue
        for name, value in pairs:
            if name in DEFAULT_COUNTS:
                found[name] = _number(name, value, source)
    return found


def _number(name: str, node: ast.expr, source: str) -> float:
    value = node.value if isinstance(node, ast.Constant) else None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 4095:
        raise CalibrationError(f"{source}: {name} must be a number of counts from 0 to 4095.")
    return float(value)


def _pulse_us(count: float) -> float:
    return round(min(max(count * COUNT_US, SHORTEST_PULSE_US), LONGEST_PULSE_US), 1)
