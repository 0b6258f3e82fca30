"""The wizard in a plain terminal, also over SSH: shows where it stands, and hears keys."""

from __future__ import annotations

import os
import select
import sys
import termios
import textwrap
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from calibration.wizard.events import Alive, Stopped, View
from shared.errors import LinkError
from vehicle.calibrating.keys import Keyboard
from vehicle.calibrating.session import TURN_S, CalibrationSession

CLEAR = "\x1b[H\x1b[2J"
DRAW_S = 0.1
WIDEST = 88  # lines that are longer are hard to read
USUAL_SIZE = os.terminal_size((80, 24))
KEY_NAMES = {" ": "space", "\n": "Enter"}


class Terminal:
    """Runs a session until it is over. about: a line more, such as what an emulated car does."""

    def __init__(
        self,
        session: CalibrationSession,
        *,
        about: Callable[[], str] = lambda: "",
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session, self._about, self._clock = session, about, clock
        self._stream = stream or sys.stdout
        self._keyboard = Keyboard()
        self._shown, self._drawn_at_s = "", -1.0

    def run(self, descriptor: int, stop: threading.Event) -> str:
        """Until the wizard is over, the terminal is gone or stop is set. How it ended: 'saved' or 'stopped'."""
        with _keys_at_once(descriptor):
            try:
                next_s = self._clock()
                while not self._session.state.over:
                    if stop.is_set():
                        self._session.hear(Stopped("The program was ended."))
                        break
                    self._listen(descriptor, max(0.0, next_s - self._clock()))
                    if self._clock() >= next_s:
                        next_s = max(next_s + TURN_S, self._clock())
                        self._session.turn()
                        self._draw(size_of(descriptor))
            finally:
                self._session.close()
        return self._session.state.over

    def _listen(self, descriptor: int, timeout_s: float) -> None:
        """What was typed; with nothing typed, that the terminal is still there."""
        readable, _, _ = select.select([descriptor], [], [], timeout_s)
        if not readable:
            self._session.hear(Alive())
            return
        try:
            typed = os.read(descriptor, 64)
        except OSError:  # its other end was closed
            typed = b""
        if not typed:
            self._session.hear(Stopped("The terminal is gone."))
            return
        for key in keys_of(typed):
            event = self._keyboard.press(key, self._session.view(), self._clock())
            self._session.hear(Alive() if event is None else event)

    def _draw(self, size: os.terminal_size) -> None:
        now_s = self._clock()
        if now_s - self._drawn_at_s < DRAW_S:
            return
        self._drawn_at_s = now_s
        notes = [f"Note: {warning.rstrip('.')}." for warning in self._session.warnings]
        problems = " ".join([self._session.problem, *notes])
        shown = page(self._session.view(), self._keyboard, problems.strip(), self._about(), size)
        if shown == self._shown:
            return
        self._shown = shown
        try:
            self._stream.write(CLEAR + shown)
            self._stream.flush()
        except OSError as error:
            raise LinkError("The terminal is gone. The car is at rest; begin again in another one.") from error


def page(view: View, keyboard: Keyboard, problem: str, about: str, size: os.terminal_size = USUAL_SIZE) -> str:
    """What is on a screen of that size. Where it is too low, the lines between the paragraphs go."""
    width = min(size.columns - 1, WIDEST)
    paragraphs = [
        [f"[{view.number} of {view.count}] {view.title}"],
        textwrap.wrap(view.text, width),
        [line for name, value in view.values.items() for line in _row(name, value, width)],
        textwrap.wrap(about, width, initial_indent="  ", subsequent_indent="  "),
        _keys(view),
        _hand(view, keyboard),
        [*textwrap.wrap(view.note, width), *textwrap.wrap(problem, width)],
    ]
    shown = [paragraph for paragraph in paragraphs if paragraph]
    lines = [line for paragraph in shown for line in ("", *paragraph)][1:]
    if len(lines) >= size.lines:
        lines = [line for line in lines if line]
    return "\n".join(lines[: size.lines - 1]) + "\n"


def _row(name: str, value: str, width: int) -> list[str]:
    """A value beside its name, on as many lines as it needs."""
    return textwrap.wrap(f"  {name:<18} {value}", width, subsequent_indent=" " * 21)


def _keys(view: View) -> list[str]:
    """What every key does."""
    keyed = [control for control in view.controls if control.kind != "number" or control.key]
    lines = [f"  {KEY_NAMES.get(control.key, control.key):>6}  {control.label}" for control in keyed]
    return [*lines, "       q  stop; what was found is kept"]


def _hand(view: View, keyboard: Keyboard) -> list[str]:
    """What is being typed and held."""
    entering = keyboard.entering(view)
    typed = [] if entering is None else [f"  {entering.label}: {keyboard.typed}_   (digits, then Enter)"]
    held = [] if view.progress is None else [f"  holding [{'#' * round(20 * view.progress):<20}]"]
    return [*typed, *held]


def size_of(descriptor: int) -> os.terminal_size:
    """How large the terminal is now; the usual where it does not say."""
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        return USUAL_SIZE
    return size if size.columns >= 20 and size.lines >= 10 else USUAL_SIZE


def keys_of(typed: bytes) -> Iterator[str]:
    """Single keys; the sequences of arrows and the like are none of ours."""
    text = typed.decode(errors="ignore")
    while text:
        if text[0] == "\x1b":
            return
        yield text[0]
        text = text[1:]


@contextmanager
def _keys_at_once(descriptor: int) -> Iterator[None]:
    """Keys arrive as they are typed and are not shown; afterwards the terminal is as it was."""
    try:
        before = termios.tcgetattr(descriptor)
    except termios.error as error:
        raise LinkError("The wizard needs a terminal. Over SSH: ssh -t CAR lapwing-car calibrate") from error
    try:
        tty.setcbreak(descriptor, termios.TCSANOW)
        yield
    finally:
        with suppress(termios.error):  # of a terminal that is gone
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
