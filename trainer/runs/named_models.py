"""What a name that is no file stands for, wherever a model is wanted: a run of the home, or a sample that ships."""

from __future__ import annotations

from pathlib import Path

from shared.errors import ArchiveError
from trainer.models import sample_names, sample_path
from trainer.runs.names import unknown_name
from trainer.runs.run_folder import RunFolder, run_names


def named_model(home: Path, text: str) -> tuple[RunFolder, str] | Path:
    """A run and which of its checkpoints is meant (`RUN:WHICH`; empty where nothing is said), or a sample's archive.

    A run goes before a sample of the same name.

    Raises:
        RunError: there is neither; the closest name is suggested.
        ArchiveError: a checkpoint of a sample is asked for.
    """
    name, _, which = text.partition(":")
    runs, samples = run_names(home), sample_names()
    if name in runs:
        return RunFolder.open(home, name), which
    if name not in samples:
        raise unknown_name(name, "run", [*runs, *samples])
    if which:
        raise ArchiveError(f"The sample '{name}' is one model, without checkpoints. Leave ':{which}' out.")
    return sample_path(name)
