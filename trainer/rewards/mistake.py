"""A mistake in somebody's reward function, told with the line of their file it comes from."""

from __future__ import annotations

import linecache
import traceback
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from shared.errors import RewardError

LONGEST_TEXT = 300
"""Characters of a user's own message or value that we repeat."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, and where.

    what: a clause such as "ZeroDivisionError: float division by zero". advice: a sentence, or "".
    line: of the user's file, None when no line of it is to blame. code: that line. car: None while loading.
    """

    what: str
    line: int | None = None
    advice: str = ""
    code: str = ""
    car: int | None = None
    step: int | None = None

    def sentence(self, file: str) -> str:
        """The message for a person, in one line."""
        place = file if self.line is None else f"{file}, line {self.line}"
        quoted = f" in `{self.code}`" if self.code else ""
        step = "" if self.step is None else f", step {self.step} of its episode"
        when = "" if self.car is None else f" (car {self.car}{step})"
        advice = f" {self.advice}" if self.advice else ""
        return f"{place}: {self.what}{quoted}{when}.{advice}"

    def as_dict(self) -> dict[str, Any]:
        """For the way between processes."""
        return asdict(self)


class MistakeError(RewardError):
    """Raised when a reward function does what it must not."""

    def __init__(self, mistake: Mistake, file: str) -> None:
        super().__init__(mistake.sentence(file))
        self.mistake = mistake
        self.file = file


def line_of(trace: TracebackType | None, file: str) -> int | None:
    """The innermost line of that file in a traceback."""
    found = None
    for frame, line in traceback.walk_tb(trace):
        if frame.f_code.co_filename == file:
            found = line
    return found


def safe_text(value: object) -> str:
    """str() of something a user made, at most a line: it may raise, be endless, or not be a str at all."""
    try:
        text = f"{value}"
    except BaseException:  # noqa: BLE001 - foreign code: whatever it raises, there is no text
        return "(its text cannot be shown)"
    return shortened(text)


def shortened(text: str) -> str:
    """One line, at most LONGEST_TEXT characters, nothing a terminal would obey."""
    line = " ".join(text[: 2 * LONGEST_TEXT].split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= LONGEST_TEXT else line[:LONGEST_TEXT] + "…"


def raised_by_user(error: BaseException, file: str) -> bool:
    """A `raise KeyboardInterrupt` of the user's own, as opposed to Ctrl-C while their code ran."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or trace.tb_frame.f_code.co_filename != file:
        return False
    return "KeyboardInterrupt" in linecache.getline(file, trace.tb_lineno)
