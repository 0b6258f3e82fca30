"""The steps with the wheels lifted that concern the steering, and the promise that they are lifted."""

from __future__ import annotations

from calibration.profile import LONGEST_PULSE_US, SHORTEST_PULSE_US
from calibration.wizard.draft import Draft
from calibration.wizard.events import Control
from calibration.wizard.kinds import Nudged, Promise, Question, answered, once_more
from calibration.wizard.rules import LEAST_REACH_US, LONGEST_PRESS_S
from calibration.wizard.step import Press, Pulses, Step, WizardState

SWEEP_S = 0.6  # at each place
SWEEPS = 3
SHOWN_SHARE = 0.7  # of the way to the end, when only the side matters


class Preflight(Promise):
    name, title, label = "preflight", "Lift the wheels", "the wheels turn freely"

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            "Put the car on a block so that all four wheels turn freely, and keep hands, hair and cables away. "
            "Switch the speed controller (ESC) off; you will be asked to switch it on."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        problems = {f"problem {number}": problem for number, problem in enumerate(state.problems, 1)}
        return {**problems, **{f"note {number}": warning for number, warning in enumerate(state.warnings, 1)}}


class SteeringSide(Question):
    name, title = "steering", "Which way do the wheels turn?"
    cap_s = LONGEST_PRESS_S

    def text(self, state: WizardState, now_s: float) -> str:
        return "Hold the control and look at the front wheels from behind the car. Then say which way they turned."

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (
            Control("turn", "hold: turn the wheels", "hold", " "),
            Control("left", "they turned left", key="l"),
            Control("right", "they turned right", key="r"),
            Control("nothing", "nothing moved", key="n"),
        )

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        draft = state.draft
        if press is None:
            return Pulses(draft.centre_us)
        return Pulses(draft.centre_us + SHOWN_SHARE * (draft.left_us - draft.centre_us))

    def told(self, state: WizardState, answer: str, now_s: float) -> WizardState:
        if answer == "right":
            return once_more(
                state.changed(left_polarity=-state.draft.left_polarity), "Turned round. Hold it once more, and look."
            )
        if answer == "left":
            return answered(state, now_s)
        if state.draft.esc_ready:
            return state.noted("Check the servo's plug and channel, and its power. Then hold the control again.")
        return state.changed(esc_first=True).noted(
            "On many cars the servo gets its power from the speed controller: that comes first then. Go on."
        )

    def problem(self, state: WizardState, now_s: float) -> str:
        waits_for_esc = state.draft.esc_first and not state.draft.esc_ready
        return "" if waits_for_esc else super().problem(state, now_s)


class Centre(Nudged):
    name, title = "centre", "Straight ahead"
    cap_s = LONGEST_PRESS_S

    def text(self, state: WizardState, now_s: float) -> str:
        return "Nudge until the front wheels point straight ahead. Put a ruler along the car if you have one."

    def values(self, state: WizardState) -> dict[str, str]:
        return {"straight ahead": f"{state.draft.centre_us:.0f} us"}

    def value_us(self, draft: Draft) -> float:
        return draft.centre_us

    def limits_us(self, draft: Draft) -> tuple[float, float]:
        return SHORTEST_PULSE_US + LEAST_REACH_US, LONGEST_PULSE_US - LEAST_REACH_US

    def nudged(self, draft: Draft, value_us: float) -> Draft:
        return draft.changed(centre_us=value_us)

    def directions(self, draft: Draft) -> tuple[str, str]:
        is_left = draft.left_polarity > 0
        return ("to the left", "to the right") if is_left else ("to the right", "to the left")


class SteeringEnd(Nudged):
    """The furthest that the wheels may turn to one side."""

    cap_s = LONGEST_PRESS_S

    def __init__(self, side: str) -> None:
        self.name, self.title, self._side = side, f"Furthest to the {side}", side

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            f"The wheels stand at the {self._side} end. Nudge outwards until the linkage stops or the servo hums, then "
            "back by 10 to 20 us: a servo that pushes against its stop gets hot."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        return {f"{self._side} end": f"{self._end_us(state.draft):.0f} us"}

    def value_us(self, draft: Draft) -> float:
        return draft.left_reach_us if self._side == "left" else draft.right_reach_us

    def limits_us(self, draft: Draft) -> tuple[float, float]:
        is_longer = (draft.left_polarity > 0) == (self._side == "left")
        return LEAST_REACH_US, LONGEST_PULSE_US - draft.centre_us if is_longer else draft.centre_us - SHORTEST_PULSE_US

    def nudged(self, draft: Draft, value_us: float) -> Draft:
        return draft.changed(**{f"{self._side}_reach_us": value_us})

    def directions(self, draft: Draft) -> tuple[str, str]:
        return "outwards", "inwards"

    def problem(self, state: WizardState, now_s: float) -> str:
        far_enough = abs(self._end_us(state.draft) - state.draft.centre_us) >= LEAST_REACH_US
        return "" if far_enough else f"It must be {LEAST_REACH_US:g} us or more from straight ahead."

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        return Pulses(self._end_us(state.draft))

    def _end_us(self, draft: Draft) -> float:
        return draft.left_us if self._side == "left" else draft.right_us


class Sweep(Step):
    name, title = "sweep", "From side to side"
    cap_s = LONGEST_PRESS_S

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            "Hold the control: the wheels go to both ends and back, three times. They should reach the same places "
            "every time and come back to straight ahead. If they do not, something is loose; go back if an end is "
            "wrong."
        )

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (Control("sweep", "hold: sweep", "hold", " "),)

    def is_enough(self, state: WizardState, press: Press, now_s: float) -> bool:
        return now_s - press.since_s >= 4 * SWEEPS * SWEEP_S

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        draft = state.draft
        if press is None:
            return Pulses(draft.centre_us)
        place = int((now_s - press.since_s) / SWEEP_S) % 4
        return Pulses((draft.left_us, draft.centre_us, draft.right_us, draft.centre_us)[place])
