"""The steps with the wheels lifted that turn the motor: which way, from which pulse on, how far."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from calibration.wizard.draft import Draft
from calibration.wizard.events import Control
from calibration.wizard.kinds import DRIVE, Nudged, Question, answered, once_more
from calibration.wizard.rules import (
    FORWARD_S,
    FURTHEST_REACH_US,
    LIMIT_BEYOND_DEAD_BAND_US,
    MOST_TRY_US,
    PAUSE_S,
    TAP_S,
)
from calibration.wizard.step import Press, WizardState

DIRECTION_TRY_US = 40.0
FIRST_TRY_US = 6.0
MORE_US = 10.0
BEYOND_US = 20.0  # over the first motion, where it must move for sure


class Direction(Question):
    name, title = "direction", "Which way does the motor turn?"
    at_any_time = ("other",)

    def entered(self, draft: Draft) -> Draft:
        return draft.changed(try_us=DIRECTION_TRY_US)

    def text(self, state: WizardState, now_s: float) -> str:
        return "Hold the control. Would the wheels push the car forward, or backward? If nothing moves, say so."

    def values(self, state: WizardState) -> dict[str, str]:
        return {"tried": f"{state.draft.throttle_us(state.draft.try_us):.0f} us"}

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (
            DRIVE,
            Control("forward", "forward", key="w"),
            Control("backward", "backward", key="x"),
            Control("nothing", "nothing moved: a little more", key="n"),
            Control("other", "try the other side", key="o"),
        )

    def told(self, state: WizardState, answer: str, now_s: float) -> WizardState:
        turned = {"forward_polarity": -state.draft.forward_polarity}
        if answer == "other":
            return once_more(state.changed(**turned, try_us=DIRECTION_TRY_US), "The other side. Hold again.")
        if answer == "forward":
            return answered(state, now_s)
        if answer == "backward":
            return once_more(state.changed(**turned), "Turned round. Hold it once more, and look.")
        more_us = min(state.draft.try_us + MORE_US, MOST_TRY_US)
        is_far = more_us > 2 * DIRECTION_TRY_US
        hint = " If it only brakes on this side, try the other one." if is_far else ""
        return once_more(state.changed(try_us=more_us), f"A little more. Hold again.{hint}")

    def throttle_us(self, draft: Draft, press: Press, held_s: float) -> float | None:
        return draft.throttle_us(draft.try_us)


class OneWay(Nudged):
    """A distance from neutral, forward or backward, that the motor is driven with."""

    hold = DRIVE
    title_of = ""

    def __init__(self, way: Literal["forward", "reverse"]) -> None:
        self.is_forward = way == "forward"
        self.title = f"{self.title_of} {'forward' if self.is_forward else 'backward'}"

    def applies(self, draft: Draft) -> bool:
        return self.is_forward or draft.reverse != "none"

    def throttle_us(self, draft: Draft, press: Press, held_s: float) -> float | None:
        offset_us = self.value_us(draft)
        return draft.throttle_us(offset_us) if self.is_forward else backwards(draft, offset_us, held_s)


class FirstMotion(OneWay):
    """The smallest pulse from neutral that turns the wheels, one way or the other."""

    title_of = "First motion"

    def __init__(self, way: Literal["forward", "reverse"]) -> None:
        super().__init__(way)
        self.name = f"first_{way}"

    def entered(self, draft: Draft) -> Draft:
        known_us = 0.0 if self.is_forward else draft.dead_band_us
        return draft.changed(try_us=max(FIRST_TRY_US, known_us))

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            "Hold the control and look. While nothing turns, let go, nudge to more, and hold again: until the wheels "
            "just begin to turn, and no further. Then go on."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        return {"from neutral": f"{state.draft.try_us:.0f} us"}

    def value_us(self, draft: Draft) -> float:
        return draft.try_us

    def limits_us(self, draft: Draft) -> tuple[float, float]:
        return 2.0, MOST_TRY_US

    def nudged(self, draft: Draft, value_us: float) -> Draft:
        return draft.changed(try_us=value_us)

    def directions(self, draft: Draft) -> tuple[str, str]:
        return "more", "less"

    def left(self, draft: Draft) -> Draft:
        least_us = draft.try_us + LIMIT_BEYOND_DEAD_BAND_US
        if self.is_forward:
            return draft.changed(dead_band_us=draft.try_us, forward_reach_us=max(draft.forward_reach_us, least_us))
        return draft.changed(reverse_dead_band_us=draft.try_us, reverse_reach_us=max(draft.reverse_reach_us, least_us))


class ReverseWay(Question):
    """Whether the controller goes backwards at once, after a brake and neutral, or never."""

    name, title = "reverse", "How does it go backwards?"
    unheld = "Hold the control to its end first, and look."
    unanswered = "Say first what they did."
    at_any_time = ("never",)

    def entered(self, draft: Draft) -> Draft:
        return draft.changed(try_us=turning_us(draft), reverse="direct")

    def text(self, state: WizardState, now_s: float) -> str:
        way = "at once" if state.draft.reverse == "direct" else "after a brake and neutral (double tap)"
        return (
            f"Hold the control to its end: a moment forward, then backward {way}. What did the wheels do at the end? "
            "If this car shall never go backwards, say so."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        return {"tried": state.draft.reverse.replace("_", " "), "from neutral": f"{state.draft.try_us:.0f} us"}

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (
            Control("drive", "hold: forward, then backward", "hold", " "),
            Control("backward", "they turned backward", key="x"),
            Control("nothing", "they braked or stood", key="n"),
            Control("never", "this car shall not go backwards", key="v"),
        )

    def told(self, state: WizardState, answer: str, now_s: float) -> WizardState:
        if answer == "never":
            return answered(state.changed(reverse="none"), now_s)
        if answer == "backward":
            return answered(state, now_s)
        if state.draft.reverse == "direct":
            return once_more(state.changed(reverse="double_tap"), "Now with a double tap. Hold again.")
        more_us = min(state.draft.try_us + MORE_US, MOST_TRY_US)
        return once_more(state.changed(reverse="direct", try_us=more_us), "Now a little more, at once. Hold again.")

    def pressed(self, state: WizardState, press: Press, now_s: float) -> WizardState:
        needed_s = FORWARD_S + PAUSE_S + (2 * PAUSE_S + TAP_S if state.draft.reverse == "double_tap" else PAUSE_S)
        held_s = (press.ended_s or now_s) - press.since_s
        if held_s < needed_s:
            return replace(state, tried=False, note="Too short. Hold it longer.")
        return super().pressed(state, press, now_s)

    def throttle_us(self, draft: Draft, press: Press, held_s: float) -> float | None:
        # Forward first: a controller that was braked before would otherwise be one tap ahead of us.
        if held_s < FORWARD_S:
            return draft.throttle_us(draft.try_us)
        if held_s < FORWARD_S + PAUSE_S:
            return None
        return backwards(draft, draft.try_us, held_s - FORWARD_S - PAUSE_S)


class ThrottleLimit(OneWay):
    """The furthest pulse that may ever be sent, one way."""

    title_of = "Furthest"
    unheld = "Hold the control and listen first."

    def __init__(self, way: Literal["forward", "reverse"]) -> None:
        super().__init__(way)
        self.name = f"{way}_limit"

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            "Nothing beyond this pulse will ever be sent. Hold the control to hear how fast that is; nudge until it "
            "is as fast as this car shall ever be. Begin with less than you think."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        draft = state.draft
        return {"limit": f"{self._limit_us(draft):.0f} us", "from neutral": f"{self.value_us(draft):.0f} us"}

    def value_us(self, draft: Draft) -> float:
        return draft.forward_reach_us if self.is_forward else draft.reverse_reach_us

    def limits_us(self, draft: Draft) -> tuple[float, float]:
        dead_us = draft.dead_band_us if self.is_forward else draft.reverse_dead_band_us or 0.0
        return dead_us + LIMIT_BEYOND_DEAD_BAND_US, FURTHEST_REACH_US

    def nudged(self, draft: Draft, value_us: float) -> Draft:
        return draft.changed(**{"forward_reach_us" if self.is_forward else "reverse_reach_us": value_us})

    def directions(self, draft: Draft) -> tuple[str, str]:
        return "faster", "slower"

    def problem(self, state: WizardState, now_s: float) -> str:
        least_us = self.limits_us(state.draft)[0]
        if abs(self._limit_us(state.draft) - state.draft.neutral_us) < least_us:
            return f"It must be {least_us:g} us or more from neutral."
        return super().problem(state, now_s)

    def _limit_us(self, draft: Draft) -> float:
        return draft.forward_us if self.is_forward else draft.reverse_us


def turning_us(draft: Draft) -> float:
    """How far from neutral the wheels turn for sure, and slowly."""
    return min(draft.dead_band_us + BEYOND_US, MOST_TRY_US)


def backwards(draft: Draft, offset_us: float, held_s: float) -> float | None:
    """The throttle at a moment of a press that goes backwards, with the double tap where the controller wants it."""
    if draft.reverse == "double_tap" and TAP_S <= held_s < TAP_S + PAUSE_S:
        return None
    return draft.throttle_us(-offset_us)
