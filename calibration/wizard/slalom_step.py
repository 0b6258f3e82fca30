"""The step on the floor that finds how late the wheels follow, by slaloms.

Where the car heads is seen of the wall before its LiDAR; without one it is added up from what its IMU says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.steering_lag import SLALOM_S, fit_slalom, side_at
from calibration.wizard.circle_steps import slow_us
from calibration.wizard.draft import Draft
from calibration.wizard.drives import MeasuredDrives
from calibration.wizard.road_steps import has_room
from calibration.wizard.step import Press, Pulses, WizardState

Floats = NDArray[np.float64]

SLALOMS = 2
SHARE = 0.3  # of the way to the end: less than ten degrees, where it is the servo's lag that shows, and not its speed
UNEVEN_S = 0.05  # between two slaloms; more, and one of them was disturbed


class Slaloms(MeasuredDrives):
    """Slow slaloms, straight ahead on the whole."""

    name, title = "slalom", "How late do the wheels follow?"
    total, kept, what = SLALOMS, "steering_lags_s", "slalom"

    def applies(self, draft: Draft) -> bool:
        return draft.method == "lidar" or (draft.method == "marks" and draft.has_imu)

    def text(self, state: WizardState, now_s: float) -> str:
        if self.is_done(state.draft):
            return "All slaloms are driven. Go on, or drive the last one again."
        place = (
            "squarely before the wall, 3 m or more away," if state.draft.method == "lidar" else "where 3 m are free,"
        )
        return (
            f"Slalom {state.draft.rung + 1} of {self.total}. Put the car {place} with half a metre free to both sides, "
            f"and hold the control: it drives for {SLALOM_S:.1f} s and stops by itself. Go on to leave it out."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        lags_s = state.draft.steering_lags_s
        found = {f"slalom {number}": f"{lag_s:.2f} s" for number, lag_s in enumerate(lags_s, 1)}
        if state.draft.method != "lidar":
            return found
        return {"wall": "none seen" if state.wall is None else f"{state.wall.ahead_m:.2f} m ahead", **found}

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
        is_at_the_wall = state.draft.method == "lidar" and not has_room(state, now_s)
        return now_s - press.since_s >= SLALOM_S or is_at_the_wall

    def pressed(self, state: WizardState, press: Press, now_s: float) -> WizardState:
        return replace(super().pressed(state, press, now_s), unread=True)

    def read(self, state: WizardState, press: Press, end_s: float) -> WizardState:
        times_s, headings_deg = _by_wall(state) if state.draft.method == "lidar" else _by_imu(state)
        during = times_s <= end_s
        fit = fit_slalom(times_s[during] - press.since_s, headings_deg[during])
        if fit is None:
            return state.noted("Too little was seen of the slalom. Give it more room, hold to its end, and try again.")
        lag_s = round(fit.lag_s, 3)
        note = f"The wheels follow {lag_s:.2f} s late; the heading fits to {fit.misfit_deg:.1f} degrees."
        return self.took(state, lag_s, note)


def _by_wall(state: WizardState) -> tuple[Floats, Floats]:
    """Times and headings: a car that turns to the left sees the wall move to the right."""
    seen = [(sample.at_s, -sample.wall.bearing_deg) for sample in state.samples if sample.wall is not None]
    return _columns(seen)


def _by_imu(state: WizardState) -> tuple[Floats, Floats]:
    """Times and headings, from the first on."""
    times_s, rates_dps = _columns(state.turning)
    turned_deg = np.cumsum(0.5 * (rates_dps[1:] + rates_dps[:-1]) * np.diff(times_s))
    return times_s, np.concatenate(([0.0], turned_deg))[: len(times_s)]


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    table = np.array(pairs, np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
