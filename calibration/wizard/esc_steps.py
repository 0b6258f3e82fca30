"""The steps with the wheels lifted that concern motor and speed controller (ESC)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from calibration.wizard.draft import Draft
from calibration.wizard.events import Control
from calibration.wizard.rules import (
    FORWARD_S,
    FURTHEST_REACH_US,
    LIMIT_BEYOND_DEAD_BAND_US,
    LONGEST_PRESS_S,
    MOST_TRY_US,
    NEUTRAL_HELD_S,
    PAUSE_S,
    POWER_UP_S,
    TAP_S,
)
from calibration.wizard.step import Press, Pulses, Step, WizardState, nudge_of, nudges

DIRECTION_TRY_US = 40.0
FIRST_TRY_US = 6.0
MORE_US = 10.0
BEYOND_US = 20.0  # over the first motion, where it must move for sure


class EscOff(Step):
    name, title = "esc_off", "Speed controller off"

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            "Neutral is being sent to the speed controller. If it is switched on, switch it off now: it learns what "
            "neutral is when it is switched on, and must hear it before."
        )

    def problem(self, state: WizardState, now_s: float) -> str:
        held_s = now_s - state.since_s
        return "" if held_s >= NEUTRAL_HELD_S else "Wait a second: neutral is not yet sent long enough."


class EscOn(Step):
    name, title = "esc_on", "Speed controller on"

    def text(self, state: WizardState, now_s: float) -> str:
        if state.waiting_since_s is None:
            return "Switch the speed controller on. Wait until it has beeped and its light is steady, then say so."
        left_s = max(0.0, self._wait_s(state) - (now_s - state.waiting_since_s))
        return f"It gets ready: {left_s:.0f} s." if left_s else "It is ready."

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (Control("on", "it is on", key="o"),)

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        return replace(state, waiting_since_s=now_s) if state.waiting_since_s is None else state

    def problem(self, state: WizardState, now_s: float) -> str:
        if state.waiting_since_s is None:
            return "Switch it on and say so first."
        return "" if now_s - state.waiting_since_s >= self._wait_s(state) else "It is not ready yet."

    def left(self, draft: Draft) -> Draft:
        return draft.changed(esc_ready=True)

    def _wait_s(self, state: WizardState) -> float:
        return max(POWER_UP_S, state.draft.base.throttle.arming_s)


class ThrottleRange(Step):
    """For controllers with a button that learn both ends from the sender."""

    name, title = "esc_range", "Teach the range (only with a SET button)"
    cap_s = LONGEST_PRESS_S

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            "Only if your speed controller has a SET button and was not taught yet: follow its manual, and hold here "
            "the pulse that it asks for while you press SET. Without a button, or if in doubt, go on."
        )

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (
            Control("neutral", "hold: neutral", "hold", "n"),
            Control("forward", "hold: full forward", "hold", "w"),
            Control("reverse", "hold: full reverse", "hold", "x"),
        )

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        draft = state.draft
        if press is None:
            return Pulses(draft.centre_us)
        asked = {"neutral": draft.neutral_us, "forward": draft.forward_us, "reverse": draft.reverse_us}
        return Pulses(draft.centre_us, asked[press.control])


class Neutral(Step):
    name, title = "neutral", "Neutral"

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            "Hold the control and listen. If the wheels creep or the controller beeps or whines, nudge and hold again, "
            "until all is still. The middle between two places where it begins to whine is a good neutral."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        return {"neutral": f"{state.draft.neutral_us:.0f} us"}

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (Control("listen", "hold: send this neutral", "hold", " "), *nudges("longer", "shorter"))

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        by_us = nudge_of(control)
        if by_us is None:
            return state
        neutral_us = min(max(state.draft.neutral_us + by_us, 1200.0), 1800.0)
        return replace(state.changed(neutral_us=neutral_us), tried=False)

    def problem(self, state: WizardState, now_s: float) -> str:
        return "" if state.tried else "Hold the control and listen first."

    def left(self, draft: Draft) -> Draft:
        return draft.changed(rest_us=draft.neutral_us)

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        return Pulses(state.draft.centre_us, None if press is None else state.draft.neutral_us)


class Direction(Step):
    name, title = "direction", "Which way does the motor turn?"

    def entered(self, draft: Draft) -> Draft:
        return draft.changed(try_us=DIRECTION_TRY_US)

    def text(self, state: WizardState, now_s: float) -> str:
        return "Hold the control. Would the wheels push the car forward, or backward? If nothing moves, say so."

    def values(self, state: WizardState) -> dict[str, str]:
        return {"tried": f"{state.draft.throttle_us(state.draft.try_us):.0f} us"}

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (
            Control("drive", "hold: drive", "hold", " "),
            Control("forward", "forward", key="w"),
            Control("backward", "backward", key="x"),
            Control("nothing", "nothing moved: a little more", key="n"),
            Control("other", "try the other side", key="o"),
        )

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        if control == "other":
            state = state.changed(forward_polarity=-state.draft.forward_polarity, try_us=DIRECTION_TRY_US)
            return replace(state, tried=False, waiting_since_s=None, note="The other side. Hold again.")
        if not state.tried:
            return state.noted("Hold the control first, and look.")
        if control == "forward":
            return replace(state, waiting_since_s=now_s, note="")
        if control == "backward":
            state = state.changed(forward_polarity=-state.draft.forward_polarity)
            return replace(state, tried=False, waiting_since_s=None, note="Turned round. Hold it once more.")
        more_us = min(state.draft.try_us + MORE_US, MOST_TRY_US)
        note = "If it only brakes on this side, try the other one." if more_us > 2 * DIRECTION_TRY_US else ""
        return replace(state.changed(try_us=more_us), tried=False, waiting_since_s=None, note=note)

    def problem(self, state: WizardState, now_s: float) -> str:
        return "" if state.waiting_since_s is not None else "Say first which way they turned."

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        draft = state.draft
        return Pulses(draft.centre_us, None if press is None else draft.throttle_us(draft.try_us))


class FirstMotion(Step):
    """The smallest pulse from neutral that turns the wheels, one way or the other."""

    def __init__(self, way: Literal["forward", "reverse"]) -> None:
        self.name, self._way = f"first_{way}", way
        self.title = f"First motion {'forward' if way == 'forward' else 'backward'}"

    def applies(self, draft: Draft) -> bool:
        return self._way == "forward" or draft.reverse != "none"

    def entered(self, draft: Draft) -> Draft:
        known_us = draft.dead_band_us if self._way == "reverse" else 0.0
        return draft.changed(try_us=max(FIRST_TRY_US, known_us))

    def text(self, state: WizardState, now_s: float) -> str:
        return "Hold the control. Nudge outwards until the wheels just begin to turn, and no further. Then go on."

    def values(self, state: WizardState) -> dict[str, str]:
        return {"from neutral": f"{state.draft.try_us:.0f} us"}

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (Control("drive", "hold: drive", "hold", " "), *nudges("more", "less"))

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        by_us = nudge_of(control)
        if by_us is None:
            return state
        return replace(
            state.changed(try_us=min(max(state.draft.try_us + by_us, 2.0), MOST_TRY_US)), tried=False, note=""
        )

    def problem(self, state: WizardState, now_s: float) -> str:
        return "" if state.tried else "Hold the control and look first."

    def left(self, draft: Draft) -> Draft:
        if self._way == "reverse":
            return draft.changed(
                reverse_dead_band_us=draft.try_us,
                reverse_reach_us=max(draft.reverse_reach_us, draft.try_us + LIMIT_BEYOND_DEAD_BAND_US),
            )
        return draft.changed(
            dead_band_us=draft.try_us,
            forward_reach_us=max(draft.forward_reach_us, draft.try_us + LIMIT_BEYOND_DEAD_BAND_US),
        )

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        draft = state.draft
        if press is None:
            return Pulses(draft.centre_us)
        if self._way == "forward":
            return Pulses(draft.centre_us, draft.throttle_us(draft.try_us))
        return Pulses(draft.centre_us, backwards(draft, draft.try_us, now_s - press.since_s))


class ReverseWay(Step):
    """Whether the controller goes backwards at once, after a brake and neutral, or never."""

    name, title = "reverse", "How does it go backwards?"

    def entered(self, draft: Draft) -> Draft:
        return draft.changed(try_us=min(draft.dead_band_us + BEYOND_US, MOST_TRY_US), reverse="direct")

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

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        if control == "never":
            return replace(state.changed(reverse="none"), waiting_since_s=now_s, note="")
        if not state.tried:
            return state.noted("Hold the control to its end first, and look.")
        if control == "backward":
            return replace(state, waiting_since_s=now_s, note="")
        if state.draft.reverse == "direct":
            return replace(state.changed(reverse="double_tap"), tried=False, note="Now with a double tap. Hold again.")
        more_us = min(state.draft.try_us + MORE_US, MOST_TRY_US)
        state = state.changed(reverse="direct", try_us=more_us)
        return replace(state, tried=False, note="Now a little more, at once. Hold again.")

    def problem(self, state: WizardState, now_s: float) -> str:
        return "" if state.waiting_since_s is not None else "Say first what they did."

    def pressed(self, state: WizardState, press: Press, now_s: float) -> WizardState:
        needed_s = FORWARD_S + PAUSE_S + (2 * PAUSE_S + TAP_S if state.draft.reverse == "double_tap" else PAUSE_S)
        held_s = (press.ended_s or now_s) - press.since_s
        return replace(state, tried=held_s >= needed_s, note="" if held_s >= needed_s else "Too short. Hold it longer.")

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        draft = state.draft
        if press is None:
            return Pulses(draft.centre_us)
        held_s = now_s - press.since_s
        # Forward first: a controller that was braked before would otherwise be one tap ahead of us.
        if held_s < FORWARD_S:
            return Pulses(draft.centre_us, draft.throttle_us(draft.try_us))
        if held_s < FORWARD_S + PAUSE_S:
            return Pulses(draft.centre_us)
        return Pulses(draft.centre_us, backwards(draft, draft.try_us, held_s - FORWARD_S - PAUSE_S))


class ThrottleLimit(Step):
    """The furthest pulse that may ever be sent, one way."""

    def __init__(self, way: Literal["forward", "reverse"]) -> None:
        self.name, self._way = f"{way}_limit", way
        self.title = f"Furthest {'forward' if way == 'forward' else 'backward'}"

    def applies(self, draft: Draft) -> bool:
        return self._way == "forward" or draft.reverse != "none"

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            "Nothing beyond this pulse will ever be sent. Hold the control to hear how fast that is; nudge until it "
            "is as fast as this car shall ever be. Begin with less than you think."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        return {"limit": f"{self._limit_us(state.draft):.0f} us", "from neutral": f"{self._reach(state.draft):.0f} us"}

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (Control("drive", "hold: drive", "hold", " "), *nudges("faster", "slower"))

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        by_us = nudge_of(control)
        if by_us is None:
            return state
        reach_us = min(max(self._reach(state.draft) + by_us, self._least_us(state.draft)), FURTHEST_REACH_US)
        return replace(state.changed(**{f"{self._way}_reach_us": reach_us}), tried=False)

    def problem(self, state: WizardState, now_s: float) -> str:
        if not state.tried:
            return "Hold the control and listen first."
        far_us, least_us = abs(self._limit_us(state.draft) - state.draft.neutral_us), self._least_us(state.draft)
        return "" if far_us >= least_us else f"It must be {least_us:g} us or more from neutral."

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        draft = state.draft
        if press is None:
            return Pulses(draft.centre_us)
        if self._way == "forward":
            return Pulses(draft.centre_us, draft.forward_us)
        return Pulses(draft.centre_us, backwards(draft, draft.reverse_reach_us, now_s - press.since_s))

    def _reach(self, draft: Draft) -> float:
        return draft.forward_reach_us if self._way == "forward" else draft.reverse_reach_us

    def _limit_us(self, draft: Draft) -> float:
        return draft.forward_us if self._way == "forward" else draft.reverse_us

    def _least_us(self, draft: Draft) -> float:
        dead_us = draft.dead_band_us if self._way == "forward" else draft.reverse_dead_band_us or 0.0
        return dead_us + LIMIT_BEYOND_DEAD_BAND_US


def backwards(draft: Draft, offset_us: float, held_s: float) -> float | None:
    """The throttle at a moment of a press that goes backwards, with the double tap where the controller wants it."""
    if draft.reverse == "double_tap" and TAP_S <= held_s < TAP_S + PAUSE_S:
        return None
    return draft.throttle_us(-offset_us)
