"""The steps on the floor: the speed of every pulse, the circle of every steering pulse."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from calibration.speed_map import FEWEST_RUNS, SpeedRun, Throttle, run_between_marks, run_from_distances
from calibration.steering_map import Circle, circle_from_diameter, circle_from_revolution, revolution_s
from calibration.wizard.draft import Draft, Turn
from calibration.wizard.events import Control
from calibration.wizard.rules import LIMIT_BEYOND_DEAD_BAND_US, LONGEST_PRESS_S, THROTTLE_RATE_US_PER_S
from calibration.wizard.steering_steps import Promise
from calibration.wizard.step import Press, Pulses, Step, WizardState
from shared.errors import CalibrationError

RUNGS = 7
RUN_S = 1.5
ROOM_M = 0.5  # to the wall, when the car shall stand
BRAKING_S = 0.6  # from neutral to standing, and what the LiDAR is late
FRESH_SCAN_S = 0.5
STRAIGHT_M = 0.4  # a shorter way tells nothing of where the wheels point
CIRCLE_MPS = 0.6
CIRCLE_SHARES = (1.0, 0.7, 0.4)  # of the way to the end, to each side
UNKNOWN_SPEED_BEYOND_US = 25.0  # over the first motion, where there is no speed map


class Floor(Promise):
    name, title, label = "floor", "On the floor", "the floor is free"

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            "The rest is measured driving; leave it out if you like and go to the end. Put the car on the floor with "
            "3 m or more free ahead. With a LiDAR: squarely before a flat wall. Without: two marks on the floor, and "
            "a stopwatch."
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
        return replace(state.changed(method=control), waiting_since_s=now_s, note="")

    def problem(self, state: WizardState, now_s: float) -> str:
        if state.waiting_since_s is None:
            return "Choose how to measure, or to leave it out."
        return "" if state.draft.method is None else super().problem(state, now_s)


class SpeedLadder(Step):
    """Drives at seven pulses from the first motion to the limit."""

    name, title = "speed_map", "How fast is every pulse?"
    cap_s = LONGEST_PRESS_S

    def applies(self, draft: Draft) -> bool:
        return draft.method is not None

    def entered(self, draft: Draft) -> Draft:
        return draft.changed(rung=len(draft.runs) if len(draft.runs) < RUNGS else RUNGS)

    def text(self, state: WizardState, now_s: float) -> str:
        draft = state.draft
        if draft.rung >= RUNGS:
            return "Every rung is driven. Go on, or drive the last one again."
        if draft.method == "lidar":
            return (
                f"Rung {draft.rung + 1} of {RUNGS}. Put the car squarely before the wall, as far away as there is "
                f"room, then hold the control: it drives for {RUN_S:g} s and stops by itself."
            )
        return (
            f"Rung {draft.rung + 1} of {RUNGS}. Start the car 1 m or more before the first mark, hold the control "
            f"until it is past the second one, and type the seconds between the marks, {draft.marks_m:g} m apart."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        runs = {f"{run.offset_us:.0f} us": f"{run.speed_mps:.2f} m/s" for run in state.draft.runs}
        return {**_wall_values(state), **runs} if state.draft.method == "lidar" else runs

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        again = Control("again", "drive the last rung again", key="r")
        if state.draft.rung >= RUNGS:
            return (again,)
        drive = Control("drive", "hold: drive", "hold", " ")
        if state.draft.method == "lidar":
            return (drive, again)
        numbers = (
            Control("seconds", "seconds between the marks", "number"),
            Control("marks_m", "metres between the marks", "number", "m"),
        )
        return (drive, *numbers, again)

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        if control == "again" and state.draft.runs:
            return state.changed(runs=state.draft.runs[:-1], rung=min(state.draft.rung, RUNGS) - 1)
        return state

    def numbered(self, state: WizardState, control: str, value: float) -> WizardState:
        if control == "marks_m":
            return state.changed(marks_m=value) if 0.2 <= value <= 50 else state.noted("0.2 to 50 m, please.")
        if not state.tried:
            return state.noted("Drive the rung first.")
        try:
            run = run_between_marks(_rung_us(state.draft), state.draft.marks_m, value)
        except CalibrationError as error:
            return state.noted(str(error))
        return self._took(state, run)

    def problem(self, state: WizardState, now_s: float) -> str:
        if len(state.draft.runs) < FEWEST_RUNS:
            return f"Drive {FEWEST_RUNS} rungs or more, or go back and leave the measuring out."
        try:
            state.draft.speed_map()
        except CalibrationError as error:
            return str(error)
        return ""

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        draft = state.draft
        if press is None or draft.rung >= RUNGS:
            return Pulses(draft.centre_us)
        return Pulses(draft.centre_us, draft.throttle_us(_rung_us(draft)))

    def is_enough(self, state: WizardState, press: Press, now_s: float) -> bool:
        if state.draft.method != "lidar":
            return False
        return now_s - press.since_s >= RUN_S or not has_room(state, now_s)

    def pressed(self, state: WizardState, press: Press, now_s: float) -> WizardState:
        return replace(state, tried=True, unread=state.draft.method == "lidar", note="")

    def passed(self, state: WizardState, now_s: float) -> WizardState:
        """The last scans of a run come in after its end."""
        press = state.last
        if not state.unread or press is None or press.ended_s is None or now_s - press.ended_s < FRESH_SCAN_S:
            return state
        state = replace(state, unread=False)
        draft, offset_us = state.draft, _rung_us(state.draft)
        walls = [(sample.at_s, sample.wall) for sample in state.samples if sample.wall is not None]
        throttle = Throttle(press.since_s, press.ended_s, offset_us, draft.dead_band_us, THROTTLE_RATE_US_PER_S)
        times_s = np.array([at_s for at_s, _ in walls])
        run = run_from_distances(times_s, np.array([wall.distance_m for _, wall in walls]), throttle)
        if run is None:
            return state.noted(
                "Too little was seen of the wall, or the car did not move. Give it more room and try again."
            )
        driving = [wall for at_s, wall in walls if press.since_s <= at_s <= press.ended_s]
        driven_m = driving[0].distance_m - driving[-1].distance_m
        if driven_m >= STRAIGHT_M:
            turn = Turn(turned_deg=driving[0].bearing_deg - driving[-1].bearing_deg, driven_m=driven_m)
            state = state.changed(turns=(*draft.turns, turn))
        return self._took(state, run)

    def _took(self, state: WizardState, run: SpeedRun) -> WizardState:
        draft = state.draft
        if not 0.05 < run.speed_mps < 20.0:
            return state.noted(f"{run.speed_mps:.2f} m/s is no speed of such a car. Drive it again.")
        state = state.changed(runs=(*draft.runs, run), rung=draft.rung + 1, battery_v=state.battery_v)
        note = f"{run.offset_us:.0f} us from neutral: {run.speed_mps:.2f} m/s, give or take {run.error_mps:.2f}."
        return replace(state, tried=False, note=note)


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


class Circles(Step):
    """Slow circles to both sides."""

    name, title = "circles", "How far do the wheels turn?"
    cap_s = LONGEST_PRESS_S

    def applies(self, draft: Draft) -> bool:
        return draft.method is not None

    def entered(self, draft: Draft) -> Draft:
        return draft.changed(rung=min(len(draft.circles), 2 * len(CIRCLE_SHARES)))

    def text(self, state: WizardState, now_s: float) -> str:
        draft, total = state.draft, 2 * len(CIRCLE_SHARES)
        if draft.rung >= total:
            return "All circles are driven. Go on."
        side = "left" if draft.rung % 2 == 0 else "right"
        by_lidar = " Once round or more, and the LiDAR measures it; or" if draft.method == "lidar" else " Then"
        return (
            f"Circle {draft.rung + 1} of {total}, to the {side}, with 2 m free to that side. Hold the "
            f"control.{by_lidar} type how far across it is, in metres: from the car's middle to its middle half a "
            "turn later. Go on to leave out the rest."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        return {f"{circle.pulse_us:.0f} us": f"{circle.angle_deg:+.1f} degrees" for circle in state.draft.circles}

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        again = Control("again", "drive the last circle again", key="r")
        if state.draft.rung >= 2 * len(CIRCLE_SHARES):
            return (again,)
        drive = Control("drive", "hold: drive", "hold", " ")
        return (drive, Control("across", "metres across", "number"), again)

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        if control == "again" and state.draft.circles:
            return state.changed(circles=state.draft.circles[:-1], rung=state.draft.rung - 1)
        return state

    def numbered(self, state: WizardState, control: str, value: float) -> WizardState:
        draft = state.draft
        if draft.rung >= 2 * len(CIRCLE_SHARES) or not math.isfinite(value):
            return state
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
        if draft.rung >= 2 * len(CIRCLE_SHARES):
            return Pulses(draft.centre_us)
        if press is None:
            return Pulses(circle_us(draft))
        return Pulses(circle_us(draft), draft.throttle_us(_slow_us(draft)))

    def pressed(self, state: WizardState, press: Press, now_s: float) -> WizardState:
        return replace(state, tried=True, unread=state.draft.method == "lidar", note="")

    def passed(self, state: WizardState, now_s: float) -> WizardState:
        press = state.last
        if not state.unread or press is None or press.ended_s is None or now_s - press.ended_s < FRESH_SCAN_S:
            return state
        state = replace(state, unread=False)
        draft, speeds = state.draft, state.draft.speed_map()
        # The car must have its speed before the circle is one.
        seen = [s for s in state.samples if press.since_s + 1.2 <= s.at_s <= press.ended_s]
        took_s = revolution_s(np.array([s.at_s for s in seen]), np.array([s.ranges_m for s in seen])) if seen else None
        if took_s is None or speeds is None:
            return state.noted("No whole turn was seen. Hold longer, or type how far across the circle is.")
        circle = circle_from_revolution(
            circle_us(draft),
            took_s,
            speeds.speed_mps(_slow_us(draft)),
            turned_left=draft.rung % 2 == 0,
            wheelbase_m=draft.wheelbase_m,
            speed_error_mps=speeds.error_mps,
        )
        return self._took(state, circle)

    def _took(self, state: WizardState, circle: Circle) -> WizardState:
        if not abs(circle.angle_deg) < 60.0:
            return state.noted(f"{circle.angle_deg:.0f} degrees is no angle of such a car. Drive it again.")
        state = state.changed(circles=(*state.draft.circles, circle), rung=state.draft.rung + 1)
        return replace(state, tried=False, note=f"{circle.pulse_us:.0f} us: {circle.angle_deg:+.1f} degrees.")


def has_room(state: WizardState, now_s: float) -> bool:
    """Whether the wall ahead is known, and further away than the car needs to stand."""
    walls = [(sample.at_s, sample.wall) for sample in state.samples if sample.wall is not None]
    if state.wall is None or now_s - state.wall_at_s > FRESH_SCAN_S:
        return False
    speed_mps = 0.0
    if len(walls) >= 2 and walls[-1][0] > walls[-2][0]:
        speed_mps = max(0.0, (walls[-2][1].ahead_m - walls[-1][1].ahead_m) / (walls[-1][0] - walls[-2][0]))
    return state.wall.ahead_m > ROOM_M + BRAKING_S * speed_mps


def circle_us(draft: Draft) -> float:
    """The steering pulse of the circle that comes next: left and right in turn, the tightest first."""
    share = CIRCLE_SHARES[min(draft.rung // 2, len(CIRCLE_SHARES) - 1)]
    end_us = draft.left_us if draft.rung % 2 == 0 else draft.right_us
    return draft.measurable_us(draft.centre_us + share * (end_us - draft.centre_us))


def _rung_us(draft: Draft) -> float:
    """How far from neutral the rung that comes next is."""
    share = min(draft.rung + 1, RUNGS) / RUNGS
    wanted_us = draft.dead_band_us + share * max(draft.forward_reach_us - draft.dead_band_us, 0.0)
    return abs(draft.measurable_us(draft.throttle_us(wanted_us)) - draft.neutral_us)


def _slow_us(draft: Draft) -> float:
    """How far from neutral the car drives circles."""
    speeds = draft.speed_map()
    if speeds is None:
        return min(draft.dead_band_us + UNKNOWN_SPEED_BEYOND_US, draft.forward_reach_us)
    return min(speeds.offset_us(CIRCLE_MPS), draft.forward_reach_us)


def _wall_values(state: WizardState) -> dict[str, str]:
    if state.wall is None:
        return {"wall": "none seen"}
    return {"wall": f"{state.wall.ahead_m:.2f} m ahead, {state.wall.bearing_deg:+.0f} degrees off"}
