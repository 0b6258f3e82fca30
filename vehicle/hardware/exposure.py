"""When automatic exposure has settled, and what to hold it at: a model sees best what does not change its brightness.

Pure: it is shown the metadata of each picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SETTLED_PICTURES = 10  # with the same exposure
SETTLED_FRACTION = 0.02  # that exposure times gain may differ between them
PATIENCE_PICTURES = 90  # flickering light never settles


class ExposureLock:
    """Says once what to hold, in libcamera's names."""

    def __init__(self) -> None:
        self._seen = 0
        self._settled = 0
        self._reference = 0.0
        self._is_done = False

    def look(self, metadata: Mapping[str, Any]) -> dict[str, Any] | None:
        """The controls to set now, None for nothing."""
        if self._is_done:
            return None
        exposure = float(metadata["ExposureTime"]) * float(metadata["AnalogueGain"])
        self._seen += 1
        if abs(exposure - self._reference) <= SETTLED_FRACTION * self._reference:
            self._settled += 1
        else:
            self._settled, self._reference = 1, exposure
        if self._settled < SETTLED_PICTURES and self._seen < PATIENCE_PICTURES:
            return None
        self._is_done = True
        return {
            "AeEnable": False,
            "ExposureTime": metadata["ExposureTime"],
            "AnalogueGain": metadata["AnalogueGain"],
            "AwbEnable": False,
            "ColourGains": metadata["ColourGains"],
        }
