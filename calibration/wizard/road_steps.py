"""The steps on the floor that find the speed of every pulse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calibration.speed_map import FEWEST_RUNS, SpeedRun, Throttle, run_between_marks, run_from_distances
from calibration.wizard.draft import Draft, Turn
from calibration.wizard.drives import FRESH_SCAN_S, MeasuredDrives
from calibration.wizard.events import Control
from calibration.wizard.kinds import Promise
from calibration.wizard.rules import LIMIT_BEYOND_DEAD_BAND_US, THROTTLE_RATE_US_PER_S
from calibration.wizard.step import Press, Step, WizardState
from shared.errors import CalibrationError

RUNGS = 7
RUN_S = 1.5
ROOM_M = 0.5  # to the wall, when the car shall stand
BRAKING_S = 0.6  # from neutral to standing, and what the LiDAR is late
STRAIGHT_M = 0.4  # a shorter way tells nothing of where the wheels point


class Floor(Promise):
    name, title, label = "floor", "On the floor", "the floor is free"

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            "The rest is measured driving; leave it out if you like and go to the end. Put the car on the floor with "
            "3 m or more free ahead. With a LiDAR: squarely before a flat wall. Without: 5 m, with two marks on the "
            "floor, and a stopwatch."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        return _wall_values(state)

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (
            *super().controls(state),
            Control("lidar", "measure with the LiDAR", key="l"),
            Control("marks", "measure with two marks", key="m"),
            Control("skip", "measure nothing more", key="k"),
        )

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        if control == "skip":
            return replace(state.changed(method=None), waiting_since_s=now_s, note="Left out. Go on.")
        if control == "lidar" and now_s - state.scan_at_s > FRESH_SCAN_S:
            return state.noted("No LiDAR is heard. Measure with two marks, or look after the LiDAR.")
        note = "Good. Go on." if state.tried else "Now the promise: hold the control."
        return replace(state.changed(method=control), waiting_since_s=now_s, note=note)

    def problem(self, state: WizardState, now_s: float) -> str:
        if state.waiting_since_s is None:
            return "Choose how to measure, or to leave it out."
        return "" if state.draft.method is None else super().problem(state, now_s)


class SpeedLadder(MeasuredDrives):
    """Drives at seven pulses from the first motion to the limit."""

    name, title = "speed_map", "How fast is every pulse?"
    total, kept, what = RUNGS, "runs", "one"

    def text(self, state: WizardState, now_s: float) -> str:
        draft = state.draft
        if draft.rung >= RUNGS:
            return "All are driven. Go on, or drive the last one again."
        if draft.method == "lidar":
            return (
                f"Drive {draft.rung + 1} of {RUNGS}. Put the car squarely before the wall, as far away as there is "
                f"room, then hold the control: it drives for {RUN_S:g} s and stops by itself."
            )
        return (
            f"Drive {draft.rung + 1} of {RUNGS}. Start the car 1.5 m or more before the first mark, hold the control "
            f"until it is past the second one, and type the seconds between the marks, {draft.marks_m:g} m apart."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        runs = {f"{run.offset_us:.0f} us": f"{run.speed_mps:.2f} m/s" for run in state.draft.runs}
        return {**_wall_values(state), **runs} if state.draft.method == "lidar" else runs

    def numbers(self, draft: Draft) -> tuple[Control, ...]:
        if draft.method == "lidar":
            return ()
        return (
            Control("seconds", "seconds between the marks", "number"),
            Control("marks_m", "metres between the marks", "number", "m"),
        )

    def numbered(self, state: WizardState, control: str, value: float) -> WizardState:
        if control == "marks_m":
            return state.changed(marks_m=value) if 0.2 <= value <= 50 else state.noted("0.2 to 50 m, please.")
        if not state.tried:
            return state.noted("Drive first.")
        try:
            run = run_between_marks(_rung_us(state.draft), state.draft.marks_m, value)
        except CalibrationError as error:
            return state.noted(str(error))
        return self._took(state, run)

    def problem(self, state: WizardState, now_s: float) -> str:
        try:
            speeds = state.draft.speed_map()
        except CalibrationError as error:
            return str(error)
        needed = f"Drive {FEWEST_RUNS} times or more, or go back and leave the measuring out."
        return needed if speeds is None else ""

    def throttle_us(self, draft: Draft, press: Press, held_s: float) -> float | None:
        return None if self.is_done(draft) else draft.throttle_us(_rung_us(draft))

    def is_enough(self, state: WizardState, press: Press, now_s: float) -> bool:
        if state.draft.method != "lidar":
            return False
        return now_s - press.since_s >= RUN_S or not has_room(state, now_s)

    def read(self, state: WizardState, press: Press, end_s: float) -> WizardState:
        draft, offset_us = state.draft, _rung_us(state.draft)
        walls = [(sample.at_s, sample.wall) for sample in state.samples if sample.wall is not None]
        throttle = Throttle(press.since_s, end_s, offset_us, draft.dead_band_us, THROTTLE_RATE_US_PER_S)
        times_s = np.array([at_s for at_s, _ in walls])
        run = run_from_distances(times_s, np.array([wall.distance_m for _, wall in walls]), throttle)
        if run is None:
            return state.noted(
                "Too little was seen of the wall, or the car did not move. Give it more room and try again."
            )
        driving = [wall for at_s, wall in walls if press.since_s <= at_s <= end_s]
        driven_m = driving[0].distance_m - driving[-1].distance_m
        if driven_m >= STRAIGHT_M:
            turn = Turn(turned_deg=driving[0].bearing_deg - driving[-1].bearing_deg, driven_m=driven_m)
            state = state.changed(turns=(*draft.turns, turn))
        return self._took(state, run)

    def _took(self, state: WizardState, run: SpeedRun) -> WizardState:
        if not 0.05 < run.speed_mps < 20.0:
            return state.noted(f"{run.speed_mps:.2f} m/s is no speed of such a car. Drive it again.")
        note = f"{run.offset_us:.0f} us from neutral: {run.speed_mps:.2f} m/s, give or take {run.error_mps:.2f}."
        return self.took(state.changed(battery_v=state.battery_v), run, note)


class SpeedLimit(Step):
    name, title = "speed_limit", "How fast may it go?"

    def applies(self, draft: Draft) -> bool:
        return draft.method is not None

    def text(self, state: WizardState, now_s: float) -> str:
        return "Type the fastest this car shall ever go, in metres per second. Go on to leave the limit where it is."

    def values(self, state: WizardState) -> dict[str, str]:
        draft, speeds = state.draft, state.draft.speed_map()
        if speeds is None:
            return {}
        return {
            "at the limit": f"{speeds.speed_mps(draft.forward_reach_us):.2f} m/s",
            "fastest run": f"{speeds.speeds_mps[-1]:.2f} m/s",
            "error of the map": f"{speeds.error_mps:.2f} m/s",
        }

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (Control("limit", "metres per second", "number"),)

    def numbered(self, state: WizardState, control: str, value: float) -> WizardState:
        draft, speeds = state.draft, state.draft.speed_map()
        if speeds is None:
            return state
        least_us = draft.dead_band_us + LIMIT_BEYOND_DEAD_BAND_US
        slowest_mps = speeds.speed_mps(max(least_us, float(speeds.offsets_us[1])))
        if not slowest_mps <= value <= speeds.speeds_mps[-1]:
            return state.noted(
                f"{slowest_mps:.2f} to {speeds.speeds_mps[-1]:.2f} m/s were measured. Choose among them."
            )
        return state.changed(forward_reach_us=max(speeds.offset_us(value), least_us)).noted("")


def has_room(state: WizardState, now_s: float) -> bool:
    """Whether the wall ahead is known, and further away than the car needs to stand."""
    walls = [(sample.at_s, sample.wall) for sample in state.samples if sample.wall is not None]
    if state.wall is None or now_s - state.wall_at_s > FRESH_SCAN_S:
        return False
    speed_mps = 0.0
    if len(walls) >= 2 and walls[-1][0] > walls[-2][0]:
        speed_mps = max(0.0, (walls[-2][1].ahead_m - walls[-1][1].ahead_m) / (walls[-1][0] - walls[-2][0]))
    return state.wall.ahead_m > ROOM_M + BRAKING_S * speed_mps


def _rung_us(draft: Draft) -> float:
    """How far from neutral the rung that comes next is."""
    share = min(draft.rung + 1, RUNGS) / RUNGS
    wanted_us = draft.dead_band_us + share * max(draft.forward_reach_us - draft.dead_band_us, 0.0)
    return abs(draft.measurable_us(draft.throttle_us(wanted_us)) - draft.neutral_us)


def _wall_values(state: WizardState) -> dict[str, str]:
    if state.wall is None:
        return {"wall": "none seen"}
    return {"wall": f"{state.wall.ahead_m:.2f} m ahead, {state.wall.bearing_deg:+.0f} degrees off"}
