"""The steps with the wheels lifted that switch the speed controller (ESC) on and find its neutral."""

from __future__ import annotations

from dataclasses import replace

from calibration.wizard.draft import Draft
from calibration.wizard.events import Control
from calibration.wizard.kinds import Nudged
from calibration.wizard.rules import LONGEST_PRESS_S, NEUTRAL_HELD_S, POWER_UP_S
from calibration.wizard.step import Press, Step, WizardState


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

    def throttle_us(self, draft: Draft, press: Press, held_s: float) -> float | None:
        return {"neutral": draft.neutral_us, "forward": draft.forward_us, "reverse": draft.reverse_us}[press.control]


class Neutral(Nudged):
    name, title = "neutral", "Neutral"
    hold = Control("listen", "hold: send this neutral", "hold", " ")
    unheld = "Hold the control and listen first."

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            "Hold the control and listen. If the wheels creep or the controller beeps or whines, nudge and hold again, "
            "until all is still. The middle between two places where it begins to whine is a good neutral."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        return {"neutral": f"{state.draft.neutral_us:.0f} us"}

    def value_us(self, draft: Draft) -> float:
        return draft.neutral_us

    def limits_us(self, draft: Draft) -> tuple[float, float]:
        return 1200.0, 1800.0

    def nudged(self, draft: Draft, value_us: float) -> Draft:
        return draft.changed(neutral_us=value_us)

    def directions(self, draft: Draft) -> tuple[str, str]:
        return "longer", "shorter"

    def left(self, draft: Draft) -> Draft:
        return draft.changed(rest_us=draft.neutral_us)

    def throttle_us(self, draft: Draft, press: Press, held_s: float) -> float | None:
        return draft.neutral_us
