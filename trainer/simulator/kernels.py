"""How every function of the simulator's inner loops is compiled, and where the compiled code is kept.

Numba's cache looks at the file of the function alone: a kernel would go on with the old code of what it calls. So
compiled code lies in a folder named after the contents of all of the simulator's files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

# The threading layer is numba's own workqueue: it is always there, starts its threads once, and cannot meet the OpenMP
# library that torch brings. It must not be entered by two threads at a time.
numba.config.THREADING_LAYER = "workqueue"  # type: ignore[attr-defined]

_HERE = Path(__file__).parent
FOLDER_PREFIX = "kernels-"


def _sources_hash() -> str:
    digest = hashlib.sha256()
    for file in sorted(_HERE.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> str:
    """Beside the sources like Python's own; where that is read-only, among the user's caches."""
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    for folder in (_HERE / "__pycache__", home / "lapwing"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return str(folder / f"{FOLDER_PREFIX}{_sources_hash()}")
    return str(Path(tempfile.gettempdir()) / f"lapwing-{os.getuid()}" / f"{FOLDER_PREFIX}{_sources_hash()}")


CACHE_FOLDER = _cache_folder()


def forget_old_kernels() -> None:
    """Remove what was compiled from other sources than these."""
    current = Path(CACHE_FOLDER)
    for folder in current.parent.glob(f"{FOLDER_PREFIX}*"):
        if folder != current:
            shutil.rmtree(folder, ignore_errors=True)


def kernel(function: Callable[..., Any] | None = None, *, parallel: bool = False) -> Any:
    """Compile a function on its first call. No fastmath: results are the same bytes every time."""
    if function is None:
        return lambda wanted: kernel(wanted, parallel=parallel)
    before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
    numba.config.CACHE_DIR = CACHE_FOLDER  # type: ignore[attr-defined]
    try:
        # Division by zero gives infinity, as in numpy: a check would keep a loop from being vectorised.
        return numba.njit(cache=True, error_model="numpy", nogil=True, parallel=parallel)(function)
    finally:
        numba.config.CACHE_DIR = before  # type: ignore[attr-defined]
