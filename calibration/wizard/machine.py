"""The wizard: events in, a new state out; and from a state and a time what to show and which pulses to hold.

Pure: no device, no clock, nothing kept. What it asks for is safe by construction: pulses never leave what a servo
survives, and the throttle is neutral unless a control was heard as held within the last 200 ms, for no longer than the
cap of its step, by a person who was heard within 500 ms. So it is with silence, which only one step asks for.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.wall import wall_ahead
from calibration.wizard.circle_steps import Circles
from calibration.wizard.draft import Draft, within
from calibration.wizard.esc_steps import EscOff, EscOn, Neutral, ThrottleRange
from calibration.wizard.events import (
    BatterySeen,
    Checked,
    Entered,
    Event,
    Held,
    Interrupted,
    Released,
    ScanSeen,
    Stopped,
    Tap,
    TurnSeen,
    View,
    Wanted,
)
from calibration.wizard.motor_steps import Direction, FirstMotion, ReverseWay, ThrottleLimit
from calibration.wizard.mount_steps import CAMERA_STEPS, LidarYaw, Review
from calibration.wizard.road_steps import Floor, SpeedLadder, SpeedLimit
from calibration.wizard.rules import KEY_ALIVE_S, LINK_ALIVE_S, LONGEST_PRESS_S
from calibration.wizard.silence_step import Silence
from calibration.wizard.slalom_step import Slaloms
from calibration.wizard.steering_steps import Centre, Preflight, SteeringEnd, SteeringSide, Sweep
from calibration.wizard.step import BACK, NEXT, Press, Sample, Step, WizardState
from shared.cars import CAR_MODELS

_STEERING: tuple[Step, ...] = (SteeringSide(), Centre(), SteeringEnd("left"), SteeringEnd("right"), Sweep())
_ESC: tuple[Step, ...] = (EscOff(), EscOn())
_THROTTLE: tuple[Step, ...] = (
    ThrottleRange(),
    Neutral(),
    Direction(),
    FirstMotion("forward"),
    ReverseWay(),
    FirstMotion("reverse"),
    ThrottleLimit("forward"),
    ThrottleLimit("reverse"),
    Silence(),
)
_ON_THE_FLOOR: tuple[Step, ...] = (
    Floor(),
    SpeedLadder(),
    SpeedLimit(),
    Circles(),
    Slaloms(),
    *CAMERA_STEPS,
    LidarYaw(),
    Review(),
)
_REST = (*_THROTTLE, *_ON_THE_FLOOR)
STEPS = {step.name: step for step in (Preflight(), *_STEERING, *_ESC, *_REST)}

HIGHEST_BATTERY_V = 60.0
MOST_SAMPLES = 1200  # a press of 30 s at more than any LiDAR's rate
MOST_TURNS = 300  # six seconds of what comes fifty times a second
GRID_DEG = np.arange(-180.0, 180.0, 3.0)  # where scans are compared; its own angles differ from turn to turn


def begin(draft: Draft, now_s: float) -> WizardState:
    """A wizard, new or gone on with: it always starts with lifting the wheels, and keeps everything that was found."""
    reached = draft.step if draft.step in STEPS and draft.step != "preflight" else draft.resume_at
    known = STEPS.get(reached)
    note = "" if known is None else f"It goes on where it was left: {known.title}"
    return WizardState(draft.changed(step="preflight", esc_ready=False, resume_at=reached), now_s, now_s, note=note)


def advance(state: WizardState, event: Event, now_s: float) -> WizardState:
    """What becomes of the state. Times never go back."""
    if state.over:
        return state
    if now_s - state.alive_at_s > LINK_ALIVE_S:
        state = _ended(state, min(now_s, state.alive_at_s + LINK_ALIVE_S))
    state = _expired(state, now_s)
    if isinstance(event, ScanSeen):
        # A LiDAR that goes on says nothing of the person.
        return _expired(_looked(state, event), now_s)
    if isinstance(event, TurnSeen):
        return _turned(state, event)
    if isinstance(event, BatterySeen):
        is_sound = 0.0 < event.voltage_v <= HIGHEST_BATTERY_V
        return replace(state, battery_v=event.voltage_v) if is_sound else state
    if isinstance(event, Checked):
        return replace(state, problems=event.problems, warnings=event.warnings)
    if isinstance(event, Interrupted):
        return replace(_ended(state, now_s), last=None, tried=False, note=event.reason)
    state = replace(state, alive_at_s=now_s)
    if isinstance(event, Stopped):
        return replace(_ended(state, now_s), over="stopped", note=event.reason)
    if isinstance(event, Held):
        return _held(state, event.control, now_s)
    if isinstance(event, Released):
        state = replace(_ended(state, now_s), press=None)
    elif isinstance(event, Tap):
        state = _tapped(replace(_ended(state, now_s), press=None), event.control, now_s)
    elif isinstance(event, Entered):
        state = _entered(replace(_ended(state, now_s), press=None), event, now_s)
    return _step(state).passed(state, now_s)


def wanted(state: WizardState, now_s: float) -> Wanted:
    """The pulses to hold at a time. Safe at any time, also long after the state was made."""
    press = _live(state, now_s)
    pulses = _step(state).pulses(state, press, now_s)
    throttle_us = None if press is None or pulses.throttle_us is None else within(pulses.throttle_us)
    return Wanted(
        steering_us=within(pulses.steering_us),
        throttle_us=throttle_us,
        rest_us=state.draft.rest_us,
        heard_at_s=state.alive_at_s if press is None else min(press.heard_at_s, state.alive_at_s),
        silent=press is not None and pulses.silent,
    )


def show(state: WizardState, now_s: float) -> View:
    """What the person should see."""
    step, order = _step(state), _order(state.draft)
    press = _live(state, now_s)
    return View(
        step=step.name,
        title=step.title,
        text=step.text(state, now_s),
        controls=(
            *step.controls(state),
            *([] if step is order[-1] else [NEXT]),
            *([BACK] if step.name != "preflight" else []),
        ),
        number=order.index(step) + 1,
        count=len(order),
        values=step.values(state),
        note=state.note,
        progress=None if press is None else min(1.0, (now_s - press.since_s) / step.cap_s),
    )


def needs_pulses(state: WizardState) -> bool:
    """Whether the servo board must be running: not before the promise that the wheels are lifted."""
    return state.draft.step != "preflight" and not state.over


def needs_scans(state: WizardState) -> bool:
    """Whether the LiDAR must be running: from the floor on."""
    return _step(state) in _ON_THE_FLOOR and not state.over


def _step(state: WizardState) -> Step:
    return STEPS[state.draft.step]


def _order(draft: Draft) -> list[Step]:
    """The steps of this car; the speed controller comes first where the servo has no power without it."""
    early = (*_ESC, *_STEERING) if draft.esc_first else (*_STEERING, *_ESC)
    ordered = (STEPS["preflight"], *early, *_REST)
    return [step for step in ordered if step.applies(draft) or step.name == draft.step]


def _live(state: WizardState, now_s: float) -> Press | None:
    """The press that may move something now."""
    press = state.press
    if press is None or press.ended_s is not None or state.over:
        return None
    if now_s - press.heard_at_s > KEY_ALIVE_S or now_s - state.alive_at_s > LINK_ALIVE_S or now_s < press.since_s:
        return None
    if now_s - press.since_s >= min(_step(state).cap_s, LONGEST_PRESS_S) or _step(state).is_enough(state, press, now_s):
        return None
    return press


def _expired(state: WizardState, now_s: float) -> WizardState:
    """A press that is silent is over; one that is long enough has ended, although its control may still be down."""
    press = state.press
    if press is None or press.ended_s is not None:
        if press is not None and now_s - press.heard_at_s > KEY_ALIVE_S:
            state = replace(state, press=None)
        return state
    if now_s - press.heard_at_s > KEY_ALIVE_S:
        return replace(_ended(state, press.heard_at_s + KEY_ALIVE_S), press=None)
    return state if _live(state, now_s) is not None else _ended(state, now_s)


def _ended(state: WizardState, now_s: float) -> WizardState:
    """The throttle of a press ends at that time, and its step hears of it."""
    press = state.press
    if press is None or press.ended_s is not None:
        return state
    step = _step(state)
    now_s = max(press.since_s, min(now_s, press.since_s + min(step.cap_s, LONGEST_PRESS_S)))
    press = replace(press, ended_s=now_s)
    return step.pressed(replace(state, press=press, last=press), press, now_s)


def _held(state: WizardState, control: str, now_s: float) -> WizardState:
    """A control is down: a press begins, or goes on. Another one than before ends it."""
    press = state.press
    if press is not None and press.control == control:
        return _step(state).passed(replace(state, press=replace(press, heard_at_s=now_s)), now_s)
    state = replace(_ended(state, now_s), press=None)
    offered = {each.name for each in _step(state).controls(state) if each.kind == "hold"}
    if control not in offered:
        return state
    return replace(
        state,
        press=Press(control, now_s, now_s),
        last=None,
        tried=False,
        samples=state.samples[-5:],
        turning=(),
        unread=False,
        note="",
    )


def _tapped(state: WizardState, control: str, now_s: float) -> WizardState:
    step = _step(state)
    if control == NEXT.name:
        problem = step.problem(state, now_s)
        return state.noted(problem) if problem else _moved(state, 1, now_s)
    if control == BACK.name:
        return _moved(state, -1, now_s)
    offered = {each.name for each in step.controls(state) if each.kind == "tap"}
    return step.tapped(state, control, now_s) if control in offered else state


def _entered(state: WizardState, event: Entered, now_s: float) -> WizardState:
    step = _step(state)
    offered = {each.name for each in step.controls(state) if each.kind == "number"}
    if event.control not in offered:
        return state
    if not math.isfinite(event.value):
        return state.noted("That is not a number.")
    return step.numbered(state, event.control, event.value)


def _moved(state: WizardState, by: int, now_s: float) -> WizardState:
    """To the next or the last step of this car."""
    step = _step(state)
    draft = step.left(state.draft) if by > 0 else state.draft
    order = _order(draft)
    target = order[min(max(order.index(step) + by, 0), len(order) - 1)]
    resume_at = draft.resume_at
    if by > 0 and step.name == "steering" and draft.esc_first and not draft.esc_ready:
        target = STEPS["esc_off"]
    elif by > 0 and step.name == "preflight" and resume_at:
        target = STEPS[resume_at] if STEPS[resume_at] in _STEERING and not draft.esc_first else STEPS["esc_off"]
    elif by > 0 and step.name == "esc_on" and resume_at in STEPS and STEPS[resume_at] not in _ESC:
        target = STEPS[resume_at]
    if target not in _ESC and target.name != "preflight":
        draft = draft.changed(resume_at="")
    draft = target.entered(draft).changed(step=target.name)
    return WizardState(
        draft, now_s, state.alive_at_s, problems=state.problems, warnings=state.warnings, wall=state.wall,
        wall_at_s=state.wall_at_s, scan_at_s=state.scan_at_s, battery_v=state.battery_v,
    )  # fmt: skip


def _looked(state: WizardState, scan: ScanSeen) -> WizardState:
    """One more scan; during a press and a little after, it is kept."""
    wall = wall_ahead(scan.angles_deg, scan.ranges_m, _lidar_place(state.draft))
    known_at_s = scan.taken_at_s if wall is not None else state.wall_at_s
    state = replace(state, wall=wall or state.wall, wall_at_s=known_at_s, scan_at_s=scan.taken_at_s)
    sample = Sample(scan.taken_at_s, wall, _on_grid(scan))
    kept = state.samples if state.press is not None or state.unread else state.samples[-5:]
    return replace(state, samples=(*kept, sample)[-MOST_SAMPLES:])


def _turned(state: WizardState, seen: TurnSeen) -> WizardState:
    """What the IMU says during a press and a little after is kept."""
    if not math.isfinite(seen.yaw_rate_dps):
        return state
    if not state.draft.has_imu:
        state = state.changed(has_imu=True)
    if state.press is None and not state.unread:
        return state
    return replace(state, turning=(*state.turning, (seen.at_s, seen.yaw_rate_dps))[-MOST_TURNS:])


def _lidar_place(draft: Draft) -> tuple[float, float]:
    """Where scans are measured from: the car model's place, whatever the mount."""
    mount = CAR_MODELS[draft.base.car_model].lidar
    return mount.x_m, mount.y_m


def _on_grid(scan: ScanSeen) -> NDArray[np.float64]:
    """The ranges at the angles of GRID_DEG; NaN where nothing was seen."""
    ranges_m = np.where(np.asarray(scan.ranges_m) > 0.0, scan.ranges_m, np.inf).astype(np.float64)
    angles_deg = (np.asarray(scan.angles_deg, np.float64) + 180.0) % 360.0 - 180.0
    order = np.argsort(angles_deg, kind="stable")
    if not len(order):
        return np.full(len(GRID_DEG), np.nan)
    places = np.clip(np.searchsorted(angles_deg[order], GRID_DEG), 0, len(order) - 1)
    found = ranges_m[order][places]
    return np.where(np.isfinite(found), found, np.nan)
