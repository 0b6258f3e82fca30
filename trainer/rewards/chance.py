"""Chance in reward functions: `random` and `numpy.random`, seeded so that a training can be repeated.

Standard library only: this also runs in the reward worker.
"""

from __future__ import annotations

import ast
import random
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

# Bound here, because a reward function may replace what modules hold.
_seed_python = random.seed

# With nothing but these imported, and none of those words in its text, a file cannot reach a generator.
WITHOUT_CHANCE = {"math", "numpy", "time", "collections"}
WORDS_OF_CHANCE = ("random", "__import__", "importlib", "eval(", "exec(")


def may_use_chance(text: str, tree: ast.Module) -> bool:
    """Whether a program could draw from the shared generators; seeding them costs more than most rewards."""
    return any(word in text for word in WORDS_OF_CHANCE) or not imported(tree) <= WITHOUT_CHANCE


def imported(tree: ast.Module) -> set[str]:
    """Top-level names of the packages that a program imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def seed_chance(seed: int, car: int, episode: int, step: int) -> None:
    """Seed `random` and, if loaded, `numpy.random`: for one call, or with step 0 for a car's start."""
    number = (((seed & 0xFFFFFFFFFFFFFFFF) << 32 | car) << 32 | episode) << 32 | step
    _seed_python(number)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(zlib.crc32(number.to_bytes(20, "little")))


@contextmanager
def own_chance_kept(uses_chance: bool) -> Iterator[None]:
    """Leave the shared generators as they were: the trainer must not notice what a reward draws."""
    if not uses_chance:
        yield
        return
    python, numpy_random = random.getstate(), sys.modules.get("numpy.random")
    numpy_state = None if numpy_random is None else numpy_random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        if numpy_random is not None:
            numpy_random.set_state(numpy_state)
