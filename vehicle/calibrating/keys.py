"""A keyboard over SSH as a face of the wizard: what typed keys mean. Pure.

A terminal says nothing when a key is let go. A held key repeats, so a control counts as held while its key comes again
within 200 ms. The first repeat comes late; until then the key might as well have been tapped, and nothing moves.
"""

from __future__ import annotations

from calibration.wizard.events import Control, Entered, Event, Held, Stopped, Tap, View
from calibration.wizard.rules import KEY_ALIVE_S

QUIT, INTERRUPT, ERASE = "q", "\x03", ("\x7f", "\b")
NUMBER_KEYS = "0123456789.,-"
LONGEST_NUMBER = 12


class Keyboard:
    """Keys in, events out. typed: the number that is being typed; for: its control."""

    def __init__(self) -> None:
        self.typed = ""
        self._for = ""
        self._step = ""
        self._last_key = ""
        self._last_at_s = -1.0

    def press(self, key: str, view: View, now_s: float) -> Event | None:
        """What a key means where the wizard stands; None when it means nothing yet."""
        if view.step != self._step:
            self.typed, self._for, self._step = "", "", view.step
        repeats = key == self._last_key and now_s - self._last_at_s <= KEY_ALIVE_S
        self._last_key, self._last_at_s = key, now_s
        if key in (QUIT, INTERRUPT):
            return Stopped("You ended it. What was found is kept: type the same command to go on.")
        numbers = [control for control in view.controls if control.kind == "number"]
        if numbers and self._types(key):
            return None
        if key in ("\r", "\n"):
            return self._enter(numbers)
        control = next((each for each in view.controls if each.key == key and key), None)
        if control is None:
            return None
        if control.kind == "hold":
            return Held(control.name) if repeats else None
        if control.kind == "number":
            self._for = control.name
            return None
        # A key that is held by mistake nudges no further than once.
        return None if repeats and control.name in ("next", "back") else Tap(control.name)

    def entering(self, view: View) -> Control | None:
        """The number control that typed digits are for."""
        numbers = [control for control in view.controls if control.kind == "number"]
        return next((each for each in numbers if each.name == self._for), numbers[0] if numbers else None)

    def _types(self, key: str) -> bool:
        """Whether the key belonged to a number."""
        if key in ERASE:
            self.typed = self.typed[:-1]
        elif key and key in NUMBER_KEYS and len(self.typed) < LONGEST_NUMBER:
            self.typed += "." if key == "," else key  # many write 0,85
        else:
            return False
        return True

    def _enter(self, numbers: list[Control]) -> Event | None:
        """The typed number, or going on."""
        if not (self.typed and numbers):
            return Tap("next")
        text, self.typed = self.typed, ""
        name = self._for if any(control.name == self._for for control in numbers) else numbers[0].name
        self._for = ""  # the next number is the usual one again
        try:
            return Entered(name, float(text))
        except ValueError:
            return None
