"""Values of a JSON file that other programs wrote: each is checked as it is read, and the error names its key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from shared.errors import MetadataError


def read_text(values: Mapping[str, Any], key: str, default: str) -> str:
    """A short text."""
    value = values.get(key, default)
    if not isinstance(value, str) or not value or len(value) > 200:
        raise MetadataError(f"{key} must be a short text, this one is {value!r:.80}.")
    return value


def read_mapping(value: Any, where: str) -> dict[str, Any]:
    """A group of keys."""
    if not isinstance(value, dict):
        raise MetadataError(f"{where} must be a group of keys in braces, this one is {value!r:.80}.")
    return value


def required(values: Mapping[str, Any], key: str, where: str) -> Any:
    """What the key holds."""
    if key not in values:
        raise MetadataError(f"{where} lacks '{key}'.")
    return values[key]


def read_number(value: Any, where: str) -> float:
    """A finite number, or text that is one: the service and its users have written both."""
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            found = float(value)
        except (ValueError, OverflowError):
            found = math.nan
        if math.isfinite(found):
            return found
    raise MetadataError(f"{where} must be a number, this one is {value!r:.80}.")


def read_whole(value: Any, where: str) -> int:
    """A whole number."""
    found = read_number(value, where)
    if found != int(found):
        raise MetadataError(f"{where} must be a whole number, this one is {value!r:.80}.")
    return int(found)


def check_number(where: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside of its range."""
    if not low <= value <= high:
        raise MetadataError(f"{where} is {value!r}; allowed is {low:g} to {high:g}.")
