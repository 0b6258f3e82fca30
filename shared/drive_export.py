"""Write a drive log as a table or a film, whichever the name asked for says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from shared.atomic_files import write_atomic
from shared.drive_film import film_drive
from shared.drive_table import read_drive
from shared.errors import StorageError


def export_drive(log_path: Path, target: Path, ffmpeg: Callable[[], Sequence[str]]) -> str:
    """Write FILE.csv or FILE.mp4; a sentence that says what was written.

    ffmpeg: how to run it, asked for only when it is needed.
    """
    kind = target.suffix.lower()
    if kind == ".csv":
        table = read_drive(log_path)
        write_atomic(target, table.csv())
        return f"Written: {target}, {len(table)} rows."
    if kind == ".mp4":
        return f"Written: {target}, {film_drive(log_path, target, ffmpeg())} frames."
    raise StorageError(f"{target}: a drive is exported as .csv or .mp4. Name it {target.with_suffix('.csv').name}.")
