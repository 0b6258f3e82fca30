"""What every verb of the lapwing command is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Workshop:
    """home: the folder that holds runs/ and cars/."""

    home: Path
