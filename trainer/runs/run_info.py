"""What a run says about itself (run.json), and who holds it now."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shared.atomic_files import read_json, write_json
from shared.errors import RunError

RUN_FORMAT = 1
INFO_NAME, LOCK_NAME = "run.json", "run.lock"

CREATED, TRAINING, STOPPED, FINISHED, FAILED = "created", "training", "stopped", "finished", "failed"
INTERRUPTED = "interrupted"  # what "training" means when no process holds the run: it was killed


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What run.json says.

    created_s: Unix time. command: what was typed to start it.
    summary: numbers and words about it; lists show steps and the best_ figures of the best evaluation.
    """

    name: str
    description: str
    created_s: float
    state: str
    command: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)

    def changed(self, **changes: Any) -> RunInfo:
        """The same with some fields replaced."""
        return replace(self, **changes)


def read_info(folder: Path) -> RunInfo:
    """run.json as it stands, with the name of the folder."""
    content = read_json(folder / INFO_NAME)
    try:
        return RunInfo(
            name=folder.name,
            description=content["description"],
            created_s=content["created_s"],
            state=content["state"],
            command=content["command"],
            summary=content["summary"],
        )
    except (KeyError, TypeError) as error:
        raise RunError(
            f"{folder / INFO_NAME} does not describe a run ({error!r}). Restore it from a copy, or remove the folder."
        ) from error


def write_info(folder: Path, info: RunInfo) -> None:
    """Write run.json, whole."""
    write_json(
        folder / INFO_NAME,
        {
            "version": RUN_FORMAT,
            "description": info.description,
            "created_s": info.created_s,
            "state": info.state,
            "command": info.command,
            "summary": dict(info.summary),
        },
    )


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold the run for this process; the lock goes with the process, however it ends."""
    with open(folder / LOCK_NAME, "a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"Run '{folder.name}' is being trained by another process. Wait for it, or stop it there with Ctrl-C."
            ) from None
        yield


def is_held(folder: Path) -> bool:
    """Does some process train this run now?"""
    try:
        with open(folder / LOCK_NAME) as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
