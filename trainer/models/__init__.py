"""The sample models that ship: a model archive each, by the name of its file. A new one is a file in this folder."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from shared.errors import ArchiveError
from shared.model_archive import ARCHIVE_SUFFIX

FOLDER = Path(__file__).parent


def sample_names() -> tuple[str, ...]:
    """All names, in alphabetical order."""
    return tuple(sorted(path.name.removesuffix(ARCHIVE_SUFFIX) for path in FOLDER.glob(f"*{ARCHIVE_SUFFIX}")))


def sample_path(name: str) -> Path:
    """The archive of a sample model.

    Raises:
        ArchiveError: there is none of that name; the closest is suggested.
    """
    names = sample_names()
    if name not in names:
        closest = get_close_matches(name, names, n=1)
        hint = f"Did you mean '{closest[0]}'?" if closest else f"There are: {', '.join(names)}."
        raise ArchiveError(f"There is no sample model '{name}'. {hint}")
    return FOLDER / f"{name}{ARCHIVE_SUFFIX}"
