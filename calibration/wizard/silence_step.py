"""The step that takes the pulses away while the wheels turn: what the controller does then, only the car can tell."""

from __future__ import annotations

import math
from dataclasses import replace

from calibration.profile import without_pulses
from calibration.wizard.draft import Draft
from calibration.wizard.events import Control
from calibration.wizard.kinds import Question, answered, once_more
from calibration.wizard.motor_steps import turning_us
from calibration.wizard.rules import AT_ONCE_S, LONG_SILENCE_S, SILENCE_S, TURNING_S
from calibration.wizard.step import Press, Pulses, WizardState


class Silence(Question):
    """The wheels turn for a moment, then no pulse comes for as long as the control is held: see SILENCE_S."""

    name, title = "silence", "What does it do without pulses?"
    cap_s = TURNING_S + SILENCE_S
    unheld = "Hold the control first, until the pulses are off, and look."
    unanswered = "Say first what they did, or leave it open."
    at_any_time = ("again", "skip")

    def text(self, state: WizardState, now_s: float) -> str:
        if state.press is not None and state.press.ended_s is None and _silent_s(state.press, now_s) >= 0.0:
            return "The pulses are off. Hold on while the wheels turn; let go when they stand."
        return (
            "If this computer ever dies, the pulses may just stop; so they do now. Hold the control: the wheels turn "
            f"for a second, then the pulses are off, for {SILENCE_S:g} seconds at most. Hold on while they turn, let "
            "go when they stand, and say what they did. If they do not turn at first, go back to the first motion."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        found = state.draft.stops_without_pulses_s
        return {"tried": f"{_turning_pulse_us(state.draft):.0f} us", "without pulses": without_pulses(found)}

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (
            Control("drive", "hold: turn, then no pulses", "hold", " "),
            Control("at_once", "they stopped at once", key="o"),
            Control("stopped", "they stopped by themselves, then I let go", key="s"),
            Control("turned", "they went on turning to the end", key="t"),
            Control("again", "try again", key="r"),
            Control("skip", "leave it open", key="k"),
        )

    def told(self, state: WizardState, answer: str, now_s: float) -> WizardState:
        if answer in ("again", "skip"):
            state = state.changed(stops_without_pulses_s=None)
            return once_more(state, "Hold again.") if answer == "again" else answered(state, now_s)
        held_s = 0.0 if state.last is None or state.last.ended_s is None else _silent_s(state.last, state.last.ended_s)
        was_to_the_end = held_s >= LONG_SILENCE_S
        if answer == "turned" and not was_to_the_end:
            return once_more(state, "That was too short to know. Hold it to its end.")
        if answer == "turned":
            return answered(state.changed(stops_without_pulses_s="holds"), now_s, _HOLDS)
        if answer == "stopped" and was_to_the_end:
            return once_more(state, "At the end, neutral stops them in any case. Hold again, let go when they stand.")
        # Rounded up, and a hand is late: what is kept is never shorter than what it took.
        took_s = AT_ONCE_S if answer == "at_once" else math.ceil(round(10.0 * held_s, 3)) / 10.0
        return answered(state.changed(stops_without_pulses_s=took_s), now_s)

    def pressed(self, state: WizardState, press: Press, now_s: float) -> WizardState:
        if _silent_s(press, press.ended_s or now_s) < AT_ONCE_S:
            return replace(state, tried=False, note="Too short to tell anything. Hold it longer.")
        return super().pressed(state, press, now_s)

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        if press is not None and _silent_s(press, now_s) >= 0.0:
            return Pulses(state.draft.centre_us, silent=True)
        return super().pulses(state, press, now_s)

    def throttle_us(self, draft: Draft, press: Press, held_s: float) -> float | None:
        return _turning_pulse_us(draft)


_HOLDS = "Good to know: this controller holds its last pulse. Cutting the pulses will not stop this car. Go on."


def _turning_pulse_us(draft: Draft) -> float:
    return draft.throttle_us(turning_us(draft))


def _silent_s(press: Press, now_s: float) -> float:
    """For how long the pulses of a press have been off; negative before."""
    return now_s - press.since_s - TURNING_S
