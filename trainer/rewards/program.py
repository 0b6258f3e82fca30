"""A reward file as a program: read, compiled once, run once per car, so that every car has its own module.

Standard library only: this also runs in the reward worker.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import linecache
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from shared.errors import RewardError
from trainer.rewards.chance import imported, may_use_chance
from trainer.rewards.mistake import Mistake, MistakeError, line_of, raised_by_user, safe_text
from trainer.rewards.older_keys import RENAMED, older_keys_in

LARGEST_SOURCE_BYTES = 1_000_000  # DeepRacer stopped at 140,000 characters
INSTALL_NAMES = {"cv2": "opencv-python", "PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
FUNCTION = "reward_function"

RewardFunction = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class RewardSource:
    """A reward file as text. file: the name its messages use."""

    file: str
    text: str

    def line(self, number: int | None) -> str:
        """One line of it, without indentation; "" when there is no such line."""
        lines = self.text.splitlines()
        return lines[number - 1].strip() if number is not None and 0 < number <= len(lines) else ""

    def mistake(self, mistake: Mistake) -> MistakeError:
        """The error to raise, with the offending line quoted."""
        quoted = Mistake(**{**mistake.as_dict(), "code": self.line(mistake.line)[:120]})
        return MistakeError(quoted, self.file)


def read_reward(path: Path) -> RewardSource:
    """Read a reward file; RewardError when there is none or it is not text."""
    try:
        if path.stat().st_size > LARGEST_SOURCE_BYTES:
            raise RewardError(f"{path} is larger than {LARGEST_SOURCE_BYTES:,} bytes: that is not a reward function.")
        return RewardSource(str(path), path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise RewardError(
            f"There is no reward file {path}. Check the name; `lapwing reward list` shows the examples."
        ) from None
    except UnicodeDecodeError as error:
        raise RewardError(
            f"{path} is not text in UTF-8 (byte {error.start}). Save it as UTF-8, or name another file."
        ) from None
    except OSError as error:
        raise RewardError(f"{path} cannot be read: {error.strerror}. Name a Python file.") from error


class Program:
    """A compiled reward file."""

    def __init__(self, source: RewardSource) -> None:
        self.source = source
        self._code, tree = _compile(source)
        self.uses_chance = may_use_chance(source.text, tree)
        self.older_keys = older_keys_in(tree)
        if self.uses_chance and "numpy" in imported(tree):
            with contextlib.suppress(ImportError):  # so that it is there to be seeded before the file runs
                importlib.import_module("numpy.random")
        lines = source.text.splitlines(keepends=True)
        linecache.cache[source.file] = (len(source.text), None, lines, source.file)

    def start(self, name: str) -> tuple[ModuleType, RewardFunction]:
        """Run the file as a fresh module of that name. Raises MistakeError."""
        module = ModuleType(name)
        module.__file__ = self.source.file
        sys.modules[name] = module
        try:
            exec(self._code, module.__dict__)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and not raised_by_user(error, self.source.file):
                raise
            raise self.source.mistake(mistake_of(error, self.source)) from error
        return module, self._function_of(module)

    def _function_of(self, module: ModuleType) -> RewardFunction:
        function = module.__dict__.get(FUNCTION)
        if not callable(function):
            raise self.source.mistake(
                Mistake(f"there is no function {FUNCTION}", advice=f"Write it as: def {FUNCTION}(params): ...")
            )
        line = _first_line(function)
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise self.source.mistake(
                Mistake(
                    f"{FUNCTION} does not return a number: it is async or has a yield",
                    line,
                    "Write a plain def that ends in `return reward`.",
                )
            )
        try:
            inspect.signature(function).bind({})
        except TypeError as error:
            raise self.source.mistake(
                Mistake(
                    f"{FUNCTION} must take exactly one argument, the dictionary params ({safe_text(error)})",
                    line,
                    _signature_advice(function),
                )
            ) from None
        except ValueError:  # a built-in without a signature: the first call will tell
            pass
        called: RewardFunction = function
        return called


def mistake_of(error: BaseException, source: RewardSource) -> Mistake:
    """The mistake behind an exception that came out of a user's code."""
    line = line_of(error.__traceback__, source.file)
    kind = type(error).__name__
    text = safe_text(error)
    what = f"{kind}: {text}" if text else kind
    if isinstance(error, ModuleNotFoundError) and isinstance(error.name, str):
        package = error.name.partition(".")[0]
        return Mistake(
            f"module '{package}' is not installed",
            line,
            f"Install it with: {sys.executable} -m pip install {INSTALL_NAMES.get(package, package)}"
            " (files of your own cannot be imported: put everything into the one reward file).",
        )
    if isinstance(error, MemoryError):
        return Mistake(
            "the memory limit was reached (MemoryError)",
            line,
            "Keep less between calls, or raise reward_worker.memory_mb.",
        )
    if isinstance(error, (PermissionError, RuntimeError)) and _is_isolation(error):
        return Mistake(
            what, line, "Reward functions run isolated: no files, no network, no other processes or threads."
        )
    if isinstance(error, KeyError):
        return Mistake(f"KeyError: {text}", line, _key_advice(error))
    if isinstance(error, (SystemExit, KeyboardInterrupt)):
        return Mistake(f"it ended the program ({what})", line, "Return a number instead.")
    return Mistake(what, line)


def _signature_advice(function: Callable[..., Any]) -> str:
    """What to write instead; knows the signature that DeepRacer began with."""
    advice = f"Write: def {FUNCTION}(params): and read values as params['speed']."
    wanted = [name for name in RENAMED if name in inspect.signature(function).parameters]
    if wanted:
        renamed = "; ".join(f"{name} is now {RENAMED[name]}" for name in wanted)
        advice += f" These are the arguments of DeepRacer's first reward functions: {renamed}; x and y are in metres"
        advice += " and progress in percent."
    return advice


def _is_isolation(error: BaseException) -> bool:
    return isinstance(error, PermissionError) or "can't start new thread" in safe_text(error)


def _key_advice(error: KeyError) -> str:
    from difflib import get_close_matches

    from trainer.rewards.params import PARAMETERS

    wanted = error.args[0] if error.args else None
    if not isinstance(wanted, str) or wanted in PARAMETERS:
        return ""
    if wanted in RENAMED:
        return f"It was renamed to {RENAMED[wanted]}."
    close = get_close_matches(wanted, PARAMETERS, n=1)
    hint = f"Did you mean '{close[0]}'? " if close else ""
    return f"{hint}`lapwing reward params` lists what params holds."


def _compile(source: RewardSource) -> tuple[CodeType, ast.Module]:
    try:
        tree = ast.parse(source.text, source.file)
        return compile(source.text, source.file, "exec", dont_inherit=True), tree
    except SyntaxError as error:
        raise source.mistake(Mistake(f"{type(error).__name__}: {error.msg}", error.lineno)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise source.mistake(Mistake(f"it is not a Python program ({safe_text(error)})")) from None


def _first_line(function: object) -> int | None:
    code = getattr(function, "__code__", None)
    return code.co_firstlineno if isinstance(code, CodeType) else None
