"""The step on the floor that finds how late the wheels follow, by slaloms towards the wall that the LiDAR sees."""

from __future__ import annotations

import numpy as np

from calibration.steering_lag import SLALOM_S, fit_slalom, side_at
from calibration.wizard.circle_steps import slow_us
from calibration.wizard.draft import Draft
from calibration.wizard.drives import MeasuredDrives
from calibration.wizard.road_steps import has_room
from calibration.wizard.step import Press, Pulses, WizardState

SLALOMS = 2
SHARE = 0.3  # of the way to the end: less than ten degrees, where it is the servo's lag that shows, and not its speed
UNEVEN_S = 0.05  # between two slaloms; more, and one of them was disturbed


class Slaloms(MeasuredDrives):
    """Slow slaloms at the wall."""

    name, title = "slalom", "How late do the wheels follow?"
    total, kept, what = SLALOMS, "steering_lags_s", "slalom"

    def applies(self, draft: Draft) -> bool:
        return draft.method == "lidar"

    def text(self, state: WizardState, now_s: float) -> str:
        if self.is_done(state.draft):
            return "All slaloms are driven. Go on, or drive the last one again."
        return (
            f"Slalom {state.draft.rung + 1} of {self.total}. Put the car squarely before the wall, 3 m or more away, "
            f"with half a metre free to both sides, and hold the control: it drives for {SLALOM_S:.1f} s and stops by "
            "itself. Go on to leave it out."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        seen = "none seen" if state.wall is None else f"{state.wall.ahead_m:.2f} m ahead"
        lags_s = state.draft.steering_lags_s
        return {"wall": seen, **{f"slalom {number}": f"{lag_s:.2f} s" for number, lag_s in enumerate(lags_s, 1)}}

    def problem(self, state: WizardState, now_s: float) -> str:
        lags_s = state.draft.steering_lags_s
        if len(lags_s) > 1 and max(lags_s) - min(lags_s) > UNEVEN_S:
            return "The slaloms contradict each other. Drive the last one again, with nothing moving before the car."
        return ""

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        draft = state.draft
        if press is None or self.is_done(draft):
            return Pulses(draft.centre_us)
        side = side_at(now_s - press.since_s)
        end_us = draft.left_us if side > 0.0 else draft.right_us
        steering_us = draft.centre_us + SHARE * abs(side) * (end_us - draft.centre_us)
        return Pulses(steering_us, draft.throttle_us(slow_us(draft)))

    def is_enough(self, state: WizardState, press: Press, now_s: float) -> bool:
        return now_s - press.since_s >= SLALOM_S or not has_room(state, now_s)

    def read(self, state: WizardState, press: Press, end_s: float) -> WizardState:
        seen = [(sample.at_s, sample.wall) for sample in state.samples if sample.wall is not None]
        times_s = np.array([at_s - press.since_s for at_s, _ in seen if at_s <= end_s])
        # A car that turns to the left sees the wall move to the right.
        headings_deg = np.array([-wall.bearing_deg for at_s, wall in seen if at_s <= end_s])
        fit = fit_slalom(times_s, headings_deg)
        if fit is None:
            return state.noted("Too little was seen of the wall. Give it more room, put it squarely, and try again.")
        lag_s = round(fit.lag_s, 3)
        note = f"The wheels follow {lag_s:.2f} s late; the heading fits to {fit.misfit_deg:.1f} degrees."
        return self.took(state, lag_s, note)
