"""What the doctor says of one thing: how it is, in a sentence, and what to do about it in another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.errors import LapwingError

JOIN = "Ask as root, or add this user to the group: sudo usermod -aG lapwing $USER"


class Verdict(StrEnum):
    """good: it works. note: nothing is wrong, but worth knowing. warning: the car drives, worse. problem: it cannot."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. found, advice: sentences; advice is empty where there is nothing to do."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""


def failed(name: str, error: OSError | LapwingError | str, verdict: Verdict = Verdict.PROBLEM) -> Finding:
    """Of an error: ours say what happened, and then what to do."""
    found, _, advice = str(error).partition(". ")
    return Finding(name, verdict, sentence(found), advice)


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    text = text.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
