"""Whatever a person, a face or a link does, in any order: only pulses that servos survive, no throttle unheld."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.profile import LONGEST_PULSE_US, SHORTEST_PULSE_US, CalibrationProfile
from calibration.profile_file import shipped_profile, shipped_profiles
from calibration.wizard.draft import Draft
from calibration.wizard.events import (
    Alive,
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
    Wanted,
)
from calibration.wizard.machine import STEPS, advance, begin, needs_pulses, show, wanted
from calibration.wizard.rules import KEY_ALIVE_S, LINK_ALIVE_S, LONGEST_PRESS_S, WHEELS_UP_PRESS_S
from calibration.wizard.step import WizardState

EDGES = [
    CalibrationProfile(),
    CalibrationProfile(
        steering={"left_us": 900, "centre_us": 1000, "right_us": 2100},
        throttle={"forward_us": 2100, "neutral_us": 2070, "reverse_us": 900},
    ),
    CalibrationProfile(
        steering={"left_us": 2100, "centre_us": 2070, "right_us": 900, "trim_us": 5},
        throttle={"forward_us": 900, "neutral_us": 930, "reverse_us": 2100, "dead_band_us": 5},
    ),
    *(shipped_profile(name) for name in shipped_profiles()),
]
STEP_NAMES = sorted(STEPS)
controls = st.sampled_from(
    ["next", "back", "-10", "-2", "+2", "+10", "left", "right", "nothing", "forward", "backward", "other", "on",
     "never", "lidar", "marks", "skip", "again", "save", "measure", "at_once", "stopped", "turned"]
)  # fmt: skip
held = st.sampled_from(["confirm", "turn", "sweep", "neutral", "forward", "reverse", "listen", "drive"])
numbers = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 10), st.floats(0.3, 2))
WALLS = [
    ScanSeen(0.0, np.arange(0.0, 360.0, 4.0), np.full(90, range_m, np.float64))
    for range_m in (0.2, 1.0, 5.0, 0.0, np.nan)
]
events = st.one_of(
    st.just(Alive()),
    st.just(Released()),
    st.builds(Tap, controls),
    st.builds(Held, held),
    st.builds(Entered, st.sampled_from(["seconds", "marks_m", "limit", "across", "value"]), numbers),
    st.just(Interrupted("The car was not silent.")),
    st.builds(TurnSeen, st.just(0.0), numbers),
    st.builds(Checked, st.sampled_from([(), ("The battery is low.",)])),
    st.sampled_from(WALLS),
)
gaps_s = st.sampled_from([0.0, 0.02, 0.02, 0.05, 0.19, 0.21, 0.3, 0.6, 1.0, 2.1, 40.0])


class Watcher:
    """Keeps the promises of a wizard in mind while it is used."""

    def __init__(self, state: WizardState) -> None:
        self.state, self.now_s = state, state.since_s
        self._held_at_s = self._alive_at_s = -1e9
        self._press_s: float | None = None

    def does(self, event: Event, after_s: float) -> None:
        self._looks_between(after_s)
        self.now_s += after_s
        if isinstance(event, ScanSeen):
            event = replace(event, taken_at_s=self.now_s)
        elif isinstance(event, TurnSeen):
            event = replace(event, at_s=self.now_s)
        elif not isinstance(event, Interrupted | Checked):  # these say nothing of the person
            self._alive_at_s = self.now_s
        if isinstance(event, Held):
            if self.now_s - self._held_at_s > KEY_ALIVE_S:
                self._press_s = self.now_s
            self._held_at_s = self.now_s
        elif isinstance(event, Released | Tap | Entered):
            self._held_at_s = -1e9
        if isinstance(event, Interrupted):
            assert wanted(advance(self.state, event, self.now_s), self.now_s).throttle_us is None
        self.state = advance(self.state, event, self.now_s)
        self.checks(wanted(self.state, self.now_s), self.now_s)
        view = show(self.state, self.now_s)
        assert len({control.name for control in view.controls}) == len(view.controls)
        keys = [control.key for control in view.controls if control.key]
        assert len(set(keys)) == len(keys), view.step

    def _looks_between(self, after_s: float) -> None:
        for share in (0.3, 0.9):
            self.checks(wanted(self.state, self.now_s + share * after_s), self.now_s + share * after_s)

    def checks(self, hold: Wanted, now_s: float) -> None:
        assert SHORTEST_PULSE_US <= hold.steering_us <= LONGEST_PULSE_US
        assert SHORTEST_PULSE_US <= hold.rest_us <= LONGEST_PULSE_US
        if hold.silent:
            assert (hold.throttle_us, self.state.draft.step) == (None, "silence")
        elif hold.throttle_us is None:
            return
        else:
            assert SHORTEST_PULSE_US <= hold.throttle_us <= LONGEST_PULSE_US
        assert now_s - self._held_at_s <= KEY_ALIVE_S
        assert now_s - self._alive_at_s <= LINK_ALIVE_S
        assert self._press_s is not None
        assert now_s - self._press_s <= LONGEST_PRESS_S
        assert needs_pulses(self.state)
        assert now_s - hold.heard_at_s <= KEY_ALIVE_S


def at_step(profile: CalibrationProfile, step: str, **values: object) -> WizardState:
    """A wizard that stands at a step, as if all before it had been done."""
    draft = Draft.starting_from(profile)
    target = STEPS[step]
    return replace(begin(draft, 0.0), draft=target.entered(draft.changed(**values)).changed(step=step, resume_at=""))


@settings(max_examples=250)
@given(
    st.sampled_from(EDGES),
    st.sampled_from(STEP_NAMES),
    st.sampled_from([None, "lidar", "marks"]),
    st.lists(st.tuples(events, gaps_s), max_size=40),
)
def test_no_sequence_of_events_breaks_a_promise(
    profile: CalibrationProfile, step: str, method: str | None, sequence: list[tuple[Event, float]]
) -> None:
    watcher = Watcher(at_step(profile, step, method=method))
    for event, after_s in sequence:
        watcher.does(event, after_s)
    again = Draft.model_validate_json(watcher.state.draft.model_dump_json())
    assert again == watcher.state.draft
    assert begin(again, 0.0).draft.step == "preflight"


@settings(max_examples=60)
@given(st.sampled_from(EDGES), st.lists(st.tuples(events, gaps_s), max_size=60))
def test_whatever_is_kept_is_a_sound_profile(profile: CalibrationProfile, sequence: list[tuple[Event, float]]) -> None:
    watcher = Watcher(at_step(profile, "review"))
    for event, after_s in sequence:
        watcher.does(event, after_s)
    if watcher.state.over == "saved":
        kept = watcher.state.draft.profile("my-board")
        assert kept.is_confirmed_for("my-board")


@pytest.mark.parametrize("step", STEP_NAMES)
def test_in_every_step_a_held_control_ends_by_itself(step: str) -> None:
    state = at_step(shipped_profile("rc_car"), step, method="marks")
    for control in [each.name for each in show(state, 0.0).controls if each.kind == "hold"]:
        now_s, drove_s, pressed = 0.0, 0.0, state
        while now_s < 40.0:
            pressed = advance(pressed, Held(control), now_s)
            hold = wanted(pressed, now_s)
            drove_s += 0.1 if hold.throttle_us is not None or hold.silent else 0.0
            now_s += 0.1
        assert drove_s <= min(STEPS[step].cap_s, LONGEST_PRESS_S) + 0.11
        assert wanted(pressed, now_s).throttle_us is None
        assert not wanted(pressed, now_s).silent


@pytest.mark.parametrize(
    "step", ["neutral", "direction", "first_forward", "reverse", "first_reverse", "forward_limit", "reverse_limit"]
)
def test_with_the_wheels_lifted_nothing_drives_longer_than_two_seconds(step: str) -> None:
    assert STEPS[step].cap_s == WHEELS_UP_PRESS_S == 2.0


def test_a_key_that_is_not_heard_for_a_fifth_of_a_second_lets_go() -> None:
    state = advance(at_step(shipped_profile("rc_car"), "direction"), Held("drive"), 1.0)
    assert wanted(state, 1.0 + KEY_ALIVE_S).throttle_us is not None
    assert wanted(state, 1.01 + KEY_ALIVE_S).throttle_us is None


def test_scans_do_not_keep_a_press_alive() -> None:
    state = advance(at_step(shipped_profile("rc_car"), "direction"), Held("drive"), 1.0)
    state = advance(state, replace(WALLS[1], taken_at_s=1.15), 1.15)
    assert wanted(state, 1.3).throttle_us is None


def test_stopping_stops_and_nothing_drives_any_more() -> None:
    state = advance(at_step(shipped_profile("rc_car"), "direction"), Held("drive"), 1.0)
    state = advance(state, Stopped("enough"), 1.1)
    assert state.over == "stopped"
    state = advance(state, Held("drive"), 1.15)
    assert wanted(state, 1.15).throttle_us is None


@pytest.mark.parametrize("hand", [Entered("across", 1.0), Tap("again")])
def test_a_drive_that_the_person_has_settled_is_not_read_from_its_scans_too(hand: Event) -> None:
    state = advance(at_step(shipped_profile("rc_car"), "circles", method="lidar"), Entered("across", 0.9), 1.0)
    for now_s, event in ((1.1, Held("drive")), (1.2, Held("drive")), (1.3, Released()), (1.4, hand)):
        state = advance(state, event, now_s)
    settled = state.draft.circles, state.note
    state = advance(state, Alive(), 2.0)
    assert (state.draft.circles, state.note) == settled
