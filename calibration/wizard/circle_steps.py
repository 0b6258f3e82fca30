"""The step on the floor that finds the wheel angle of every steering pulse, by driving circles."""

from __future__ import annotations

import numpy as np

from calibration.steering_map import Circle, circle_from_diameter, circle_from_revolution, revolution_s
from calibration.wizard.draft import Draft
from calibration.wizard.drives import MeasuredDrives
from calibration.wizard.events import Control
from calibration.wizard.step import Press, Pulses, WizardState
from shared.errors import CalibrationError

CIRCLE_MPS = 0.6
CIRCLE_SHARES = (1.0, 0.7, 0.4)  # of the way to the end, to each side
UNKNOWN_SPEED_BEYOND_US = 25.0  # over the first motion, where there is no speed map


class Circles(MeasuredDrives):
    """Slow circles to both sides."""

    name, title = "circles", "How far do the wheels turn?"
    total, kept, what = 2 * len(CIRCLE_SHARES), "circles", "circle"

    def text(self, state: WizardState, now_s: float) -> str:
        draft = state.draft
        if self.is_done(draft):
            return "All circles are driven. Go on."
        side = "left" if draft.rung % 2 == 0 else "right"
        by_lidar = " Once round or more, and the LiDAR measures it; or" if draft.method == "lidar" else " Then"
        return (
            f"Circle {draft.rung + 1} of {self.total}, to the {side}, with 2 m free to that side. Hold the "
            f"control.{by_lidar} type how far across it is, in metres: from the car's middle to its middle half a "
            "turn later. Go on to leave out the rest."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        return {f"{circle.pulse_us:.0f} us": f"{circle.angle_deg:+.1f} degrees" for circle in state.draft.circles}

    def numbers(self, draft: Draft) -> tuple[Control, ...]:
        return (Control("across", "metres across", "number"),)

    def numbered(self, state: WizardState, control: str, value: float) -> WizardState:
        draft = state.draft
        try:
            circle = circle_from_diameter(
                circle_us(draft), value, turned_left=draft.rung % 2 == 0, wheelbase_m=draft.wheelbase_m
            )
        except CalibrationError as error:
            return state.noted(str(error))
        return self._took(state, circle)

    def problem(self, state: WizardState, now_s: float) -> str:
        try:
            state.draft.steering_map()
        except CalibrationError as error:
            return str(error)
        return ""

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        draft = state.draft
        if self.is_done(draft):
            return Pulses(draft.centre_us)
        if press is None:
            return Pulses(circle_us(draft))
        return Pulses(circle_us(draft), draft.throttle_us(slow_us(draft)))

    def read(self, state: WizardState, press: Press, end_s: float) -> WizardState:
        draft, speeds = state.draft, state.draft.speed_map()
        # The car must have its speed before the circle is one.
        seen = [s for s in state.samples if press.since_s + 1.2 <= s.at_s <= end_s]
        took_s = revolution_s(np.array([s.at_s for s in seen]), np.array([s.ranges_m for s in seen])) if seen else None
        if took_s is None or speeds is None:
            return state.noted("No whole turn was seen. Hold longer, or type how far across the circle is.")
        circle = circle_from_revolution(
            circle_us(draft),
            took_s,
            speeds.speed_mps(slow_us(draft)),
            turned_left=draft.rung % 2 == 0,
            wheelbase_m=draft.wheelbase_m,
            speed_error_mps=speeds.error_mps,
        )
        return self._took(state, circle)

    def _took(self, state: WizardState, circle: Circle) -> WizardState:
        if not abs(circle.angle_deg) < 60.0:
            return state.noted(f"{circle.angle_deg:.0f} degrees is no angle of such a car. Drive it again.")
        return self.took(state, circle, f"{circle.pulse_us:.0f} us: {circle.angle_deg:+.1f} degrees.")


def circle_us(draft: Draft) -> float:
    """The steering pulse of the circle that comes next: left and right in turn, the tightest first."""
    share = CIRCLE_SHARES[min(draft.rung // 2, len(CIRCLE_SHARES) - 1)]
    end_us = draft.left_us if draft.rung % 2 == 0 else draft.right_us
    return draft.measurable_us(draft.centre_us + share * (end_us - draft.centre_us))


def slow_us(draft: Draft) -> float:
    """How far from neutral the car drives circles."""
    speeds = draft.speed_map()
    if speeds is None:
        return min(draft.dead_band_us + UNKNOWN_SPEED_BEYOND_US, draft.forward_reach_us)
    return min(speeds.offset_us(CIRCLE_MPS), draft.forward_reach_us)
