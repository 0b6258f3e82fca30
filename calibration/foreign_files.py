"""Any calibration file that we can read: our own, DeepRacer's, donkeycar's."""

from __future__ import annotations

import json

from calibration.deepracer_file import import_deepracer, looks_like_deepracer
from calibration.donkeycar_file import import_donkeycar, looks_like_donkeycar
from calibration.profile import CalibrationProfile
from calibration.profile_file import MAX_FILE_BYTES, import_profile
from shared.errors import CalibrationError


def import_any(content: bytes, *, source: str) -> CalibrationProfile:
    """The profile in a file of any of the kinds; never confirmed. CalibrationError where it is none of them."""
    if len(content) > MAX_FILE_BYTES:
        raise CalibrationError(f"{source} is {len(content)} bytes long, too large for a calibration file.")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise CalibrationError(f"{source} is not a calibration file: it is no text.") from error
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if isinstance(values, dict) and looks_like_deepracer(values):
        return import_deepracer(text, source=source)
    if values is None and looks_like_donkeycar(text):
        return import_donkeycar(text, source=source)
    return import_profile(text, source=source)
