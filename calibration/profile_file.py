"""A calibration profile as a file: JSON with its hash, to copy between machines; and the profiles we ship."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from calibration.profile import PROFILE_VERSION, CalibrationProfile, canonical_sha256
from shared.errors import CalibrationError, SettingsError
from shared.settings import parse_settings

FILE_KIND = "lapwing-calibration"
MAX_FILE_BYTES = 1 << 20
_KEYS = {"kind", "profile", "sha256", "history"}


def export_profile(profile: CalibrationProfile) -> str:
    """The profile as the text of a file."""
    return with_hash({"kind": FILE_KIND, "profile": profile.model_dump(mode="json")})


def with_hash(values: Mapping[str, Any]) -> str:
    """The text of a file that holds these values and their hash."""
    return json.dumps({**values, "sha256": canonical_sha256(values)}, indent=2, ensure_ascii=False) + "\n"


def import_profile(text: str | bytes, *, source: str = "the calibration file") -> CalibrationProfile:
    """A profile from elsewhere. It is not confirmed: a person must see this car's wheels obey it first."""
    profile = read_profile(text, source=source)
    return profile.changed(confirmed_on_board=False)


def read_profile(text: str | bytes, *, source: str, needs_hash: bool = False) -> CalibrationProfile:
    """The profile exactly as written; CalibrationError when it is damaged, changed by hand or too new.

    A file without a hash (written by hand) is taken as it is, unless needs_hash.
    """
    values = _parsed(text, source)
    profile_values = values.get("profile")
    if values.get("kind") != FILE_KIND or not isinstance(profile_values, dict) or not set(values) <= _KEYS:
        raise CalibrationError(f"{source} is not a calibration file of Lapwing. Choose another file.")
    version = profile_values.get("version")
    if isinstance(version, int) and version > PROFILE_VERSION:
        raise CalibrationError(f"{source} was written by a newer Lapwing (version {version}). Update this one.")
    sha256 = values.pop("sha256", None)
    if (sha256 is not None or needs_hash) and sha256 != canonical_sha256(values):
        raise CalibrationError(f"{source} is damaged: its content does not match its hash. Export it again.")
    try:
        return parse_settings(CalibrationProfile, profile_values, source=source)
    except SettingsError as error:
        raise CalibrationError(str(error)) from error


def _parsed(text: str | bytes, source: str) -> dict[str, Any]:
    if len(text) > MAX_FILE_BYTES:
        raise CalibrationError(f"{source} is {len(text)} bytes long, too large for a calibration file.")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CalibrationError(f"{source} is damaged: not JSON ({error}).") from error
    if not isinstance(values, dict):
        raise CalibrationError(f"{source} is not a calibration file of Lapwing. Choose another file.")
    return values


def shipped_profiles() -> tuple[str, ...]:
    """The names of the profiles that come with Lapwing: starting values, and the emulated board's own."""
    folder = resources.files("calibration") / "profiles"
    return tuple(sorted(item.name.removesuffix(".json") for item in folder.iterdir() if item.name.endswith(".json")))


def shipped_profile(name: str) -> CalibrationProfile:
    """One of them by name."""
    if name not in shipped_profiles():
        raise CalibrationError(f"There is no profile '{name}'. There are: {', '.join(shipped_profiles())}.")
    file = resources.files("calibration") / "profiles" / f"{name}.json"
    return read_profile(file.read_bytes(), source=f"calibration/profiles/{name}.json")
