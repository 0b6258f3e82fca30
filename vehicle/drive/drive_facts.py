"""What every log of this car tells besides its messages: who drove what, where, with which versions."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from contextlib import suppress
from pathlib import Path

from calibration.profile_file import export_profile
from shared.model_archive import ModelArchive
from shared.model_metadata import METADATA_NAME
from shared.settings import dump_settings
from vehicle.drive.open_log import DriveFacts
from vehicle.hardware.this_car import Car, load_profile

PACKAGES = ("lapwing", "numpy", "openvino", "onnxruntime", "mcap", "simplejpeg", "picamera2")
_SOURCE = Path(__file__).resolve().parents[2]


def drive_facts(car: Car, archive: ModelArchive) -> DriveFacts:
    """Of a drive with this model."""
    profile, settings = load_profile(car), car.config.record
    about = {
        "car": profile.car_id,
        "model": archive.name,
        "model_sha256": archive.sha256,
        "calibration_sha256": profile.sha256(),
        "driver": settings.driver,
        "track": settings.track,
        "surface": settings.surface,
        "tyres": settings.tyres,
    }
    attachments = {
        METADATA_NAME: ("application/json", archive.metadata.to_json().encode()),
        "calibration.json": ("application/json", export_profile(profile).encode()),
        "car.toml": ("application/toml", dump_settings(car.config).encode()),
        "versions.json": ("application/json", json.dumps(versions(), indent=2).encode()),
    }
    return DriveFacts({name: text for name, text in about.items() if text}, attachments)


def versions() -> dict[str, str]:
    """Of the system, of Python, and of the packages that drive the car."""
    found = {"system": " ".join(platform.uname()), "python": platform.python_version()}
    for package in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    commit = _commit()
    return {**found, "commit": commit} if commit else found


def _commit() -> str:
    """Of the source folder that runs; empty where it is installed."""
    if not (_SOURCE / ".git").exists():
        return ""
    try:
        asked = subprocess.run(
            ["git", "-C", _SOURCE, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""
