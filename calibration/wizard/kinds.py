"""Kinds of steps: a promise, a value that is nudged until it is right, a question about what the wheels did."""

from __future__ import annotations

from dataclasses import replace

from calibration.wizard.draft import Draft
from calibration.wizard.events import Control
from calibration.wizard.rules import CONFIRM_S, LONGEST_PRESS_S
from calibration.wizard.step import Press, Step, WizardState, nudge_of, nudges

DRIVE = Control("drive", "hold: drive", "hold", " ")


class Promise(Step):
    """Left by holding its control for two seconds."""

    cap_s = LONGEST_PRESS_S
    label = ""

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (Control("confirm", f"hold for {CONFIRM_S:g} s: {self.label}", "hold", " "),)

    def problem(self, state: WizardState, now_s: float) -> str:
        if state.problems:
            return " ".join(state.problems)
        return "" if state.tried else f"Hold the control for {CONFIRM_S:g} s."

    def is_enough(self, state: WizardState, press: Press, now_s: float) -> bool:
        return now_s - press.since_s >= CONFIRM_S

    def pressed(self, state: WizardState, press: Press, now_s: float) -> WizardState:
        held = press.ended_s is not None and press.ended_s - press.since_s >= CONFIRM_S
        return replace(state, tried=held, note="Good. Go on." if held else "Too short. Look at the car, then hold it.")


class Nudged(Step):
    """A number of microseconds, nudged until it is right. hold: what shows what it does, where that must be held."""

    hold: Control | None = None
    unheld = "Hold the control and look first."

    def value_us(self, draft: Draft) -> float:
        """What is nudged."""
        raise NotImplementedError

    def limits_us(self, draft: Draft) -> tuple[float, float]:
        """The smallest and the largest that it may be."""
        raise NotImplementedError

    def nudged(self, draft: Draft, value_us: float) -> Draft:
        """With another value."""
        raise NotImplementedError

    def directions(self, draft: Draft) -> tuple[str, str]:
        """What a larger and a smaller value does, for the person."""
        raise NotImplementedError

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (*([] if self.hold is None else [self.hold]), *nudges(*self.directions(state.draft)))

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        by_us = nudge_of(control)
        if by_us is None:
            return state
        low_us, high_us = self.limits_us(state.draft)
        wanted_us = self.value_us(state.draft) + by_us
        draft = self.nudged(state.draft, min(max(wanted_us, low_us), high_us))
        note = "" if low_us <= wanted_us <= high_us else "That is as far as it goes."
        return replace(state, draft=draft, tried=False, note=note)

    def problem(self, state: WizardState, now_s: float) -> str:
        return "" if self.hold is None or state.tried else self.unheld


class Question(Step):
    """Something is held and looked at; then the person says what it did."""

    unheld = "Hold the control first, and look."
    unanswered = "Say first which way they turned."
    at_any_time: tuple[str, ...] = ()  # answers that nobody need look for

    def told(self, state: WizardState, answer: str, now_s: float) -> WizardState:
        """What the person says."""
        raise NotImplementedError

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        if not state.tried and control not in self.at_any_time:
            return state.noted(self.unheld)
        return self.told(state, control, now_s)

    def pressed(self, state: WizardState, press: Press, now_s: float) -> WizardState:
        return replace(state, tried=True, note="Now say what they did.")

    def problem(self, state: WizardState, now_s: float) -> str:
        return "" if state.waiting_since_s is not None else self.unanswered


def answered(state: WizardState, now_s: float, note: str = "Good. Go on.") -> WizardState:
    """A question's answer that settles it."""
    return replace(state, waiting_since_s=now_s, note=note)


def once_more(state: WizardState, note: str) -> WizardState:
    """A question's answer after which it must be held and looked at again."""
    return replace(state, tried=False, waiting_since_s=None, note=note)
