"""The reward examples: every file of this folder that defines a reward_function is one, found by its name."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from pathlib import Path

from shared.errors import RewardError
from trainer.rewards.program import FUNCTION

EXAMPLES_FOLDER = Path(__file__).parent
DEFAULT_REWARD = "follow_center_line"


@dataclass(frozen=True, slots=True)
class RewardExample:
    """One example. summary: the first line of its docstring."""

    name: str
    summary: str
    path: Path


def list_rewards() -> list[RewardExample]:
    """Every example, by name."""
    marker = f"\ndef {FUNCTION}(params"
    found = []
    for path in sorted(EXAMPLES_FOLDER.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if marker in text:
            summary = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
            found.append(RewardExample(path.stem, summary, path))
    return found


def find_reward(name_or_path: str | Path | None = None) -> Path:
    """The file of an example's name, or of a path; the default example for None."""
    wanted = DEFAULT_REWARD if name_or_path is None else str(name_or_path)
    examples = {example.name: example.path for example in list_rewards()}
    if wanted in examples:
        return examples[wanted]
    path = Path(wanted)
    if path.suffix == ".py" or path.exists():
        return path
    close = difflib.get_close_matches(wanted, examples, n=1, cutoff=0.5)
    hint = f"Did you mean '{close[0]}'? " if close else ""
    raise RewardError(f"There is no reward '{wanted}'. {hint}Give a .py file, or an example: {', '.join(examples)}.")
