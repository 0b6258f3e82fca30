"""What a run or a car of the garage may be called, and what is said when there is none of that name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from shared.errors import RunError

NAME_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_name(name: str, kind: str) -> str:
    """Return the name of a run or car when it can be one; it becomes a file name."""
    if not NAME_RULE.fullmatch(name):
        raise RunError(
            f"'{name}' cannot be the name of a {kind}. Use up to 64 letters, digits, '.', '_' and '-', "
            "beginning with a letter or a digit."
        )
    return name


def unknown_name(name: str, kind: str, known: Iterable[str]) -> RunError:
    """The refusal for a name that is not there, with the closest one that is."""
    closest = get_close_matches(name, list(known), n=1)
    hint = f"Did you mean '{closest[0]}'?" if closest else f"See what there is with: lapwing {kind}s list"
    return RunError(f"There is no {kind} '{name}'. {hint}")
