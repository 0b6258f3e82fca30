"""The car's systemd units as tests and benchmarks read them: every setting with all of its values, drop-in included."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "systemd"
PROGRAM = "/opt/lapwing/bin/lapwing-car"
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "": 1.0}


@dataclass(frozen=True)
class Unit:
    """name: of the file. settings: by name, in their order; section names do not matter, they have none in common."""

    name: str
    settings: dict[str, list[str]]

    def one(self, setting: str) -> str:
        """The value that counts; empty when there is none."""
        return self.settings.get(setting, [""])[-1]

    def duration_s(self, setting: str) -> float:
        """A time such as 100ms."""
        text = self.one(setting)
        digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
        return float(digits) * _SECONDS[text[len(digits) :]]

    def commands(self) -> list[list[str]]:
        """The words of every command line that the unit runs, without systemd's prefix."""
        lines = [line for key, values in self.settings.items() if key.startswith("Exec") for line in values]
        return [shlex.split(line.lstrip("-+!@:")) for line in lines]


def read_unit(path: Path) -> Unit:
    """One file, and for a service of the car what holds for all of them."""
    settings: dict[str, list[str]] = {}
    common = [FOLDER / "lapwing-.service.d" / "hardening.conf"] if path.suffix == ".service" else []
    for file in (path, *common):
        for line in file.read_text().splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.startswith(("#", "[")):
                settings.setdefault(name, []).append(value)
    return Unit(path.name, settings)


def all_units() -> list[Unit]:
    """Every unit of the car, by name."""
    suffixes = {".service", ".socket", ".path", ".target", ".slice", ".timer"}
    return [read_unit(path) for path in sorted(FOLDER.iterdir()) if path.suffix in suffixes]


def services() -> list[Unit]:
    """Those that run something."""
    return [unit for unit in all_units() if unit.name.endswith(".service")]
