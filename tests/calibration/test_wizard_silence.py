"""The step that takes the pulses away: what is held is what moves, and what is said is what is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calibration.profile_file import shipped_profile
from calibration.wizard.draft import Draft
from calibration.wizard.events import Alive, Event, Held, Interrupted, Released, Stopped, Tap
from calibration.wizard.machine import STEPS, advance, begin, show, wanted
from calibration.wizard.rules import AT_ONCE_S, KEY_ALIVE_S, LONG_SILENCE_S, SILENCE_S, TURNING_S
from calibration.wizard.step import WizardState

EVERY_S = 0.02


class Person:
    """Somebody at the step, who knows the time."""

    def __init__(self, **values: object) -> None:
        draft = Draft.starting_from(shipped_profile("emulated")).changed(step="silence", **values)
        self.now_s = 8.0
        self.state = replace(begin(draft, self.now_s), draft=draft)

    def does(self, event: Event) -> WizardState:
        self.state = advance(self.state, event, self.now_s)
        return self.state

    def holds(self, duration_s: float) -> None:
        """The control, and lets it go."""
        end_s = self.now_s + duration_s
        while self.now_s < end_s:
            self.does(Held("drive"))
            self.now_s += EVERY_S
        self.now_s = end_s
        self.does(Released())

    def says(self, *controls: str) -> float | str | None:
        """What the wizard believes then."""
        for control in controls:
            self.does(Tap(control))
        return self.state.draft.stops_without_pulses_s

    @property
    def goes_on(self) -> bool:
        return advance(self.state, Tap("next"), self.now_s).draft.step != "silence"


def test_it_comes_last_before_the_floor() -> None:
    draft = Draft.starting_from(shipped_profile("emulated")).changed(step="reverse_limit")
    state = replace(begin(draft, 0.0), draft=draft, tried=True)
    for step in ("silence", "floor"):
        assert (state := advance(replace(state, waiting_since_s=0.0), Tap("next"), 0.0)).draft.step == step


def test_the_wheels_turn_a_moment_then_the_pulses_are_off_then_all_is_neutral() -> None:
    person = Person(dead_band_us=16.0)
    began_s = person.now_s
    seen = []
    while person.now_s < began_s + TURNING_S + SILENCE_S + 0.5:
        person.does(Held("drive"))
        hold = wanted(person.state, person.now_s)
        seen.append((hold.throttle_us, hold.silent))
        person.now_s += EVERY_S
    turning, silent = round(TURNING_S / EVERY_S), round(SILENCE_S / EVERY_S)
    assert seen[: turning - 1] == [(1536.0, False)] * (turning - 1)
    assert seen[turning + 1 : turning + silent - 1] == [(None, True)] * (silent - 2)
    assert seen[turning + silent + 1 :] == [(None, False)] * (len(seen) - turning - silent - 1)


def test_the_last_pulse_and_the_last_silence_are_exactly_in_time() -> None:
    state, began_s = Person().state, 8.0
    for now_s in (8.0, 8.15, 8.3, 8.45, 8.6, 8.75, 8.9, 9.05, 9.15):
        state = advance(state, Held("drive"), now_s)
    assert not wanted(state, began_s + TURNING_S - 1e-6).silent
    assert wanted(state, began_s + TURNING_S + 1e-6).silent
    while now_s < began_s + TURNING_S + SILENCE_S - 0.1:
        now_s += 0.1
        state = advance(state, Held("drive"), now_s)
    assert wanted(state, began_s + TURNING_S + SILENCE_S - 1e-6).silent
    assert not wanted(state, began_s + TURNING_S + SILENCE_S + 1e-6).silent


@pytest.mark.parametrize("ends", [Released(), Stopped("enough"), Tap("skip"), Interrupted("It was not.")])
def test_letting_go_ends_the_silence_at_once(ends: Event) -> None:
    person = Person()
    for _ in range(100):
        person.does(Held("drive"))
        person.now_s += EVERY_S
    assert wanted(person.state, person.now_s).silent
    assert show(person.state, person.now_s).text.startswith("The pulses are off.")
    state = person.does(ends)
    assert (wanted(state, person.now_s).throttle_us, wanted(state, person.now_s).silent) == (None, False)
    assert not show(state, person.now_s).text.startswith("The pulses are off.")


def test_a_control_that_is_not_heard_any_more_ends_the_silence() -> None:
    person = Person()
    for _ in range(100):
        person.does(Held("drive"))
        person.now_s += EVERY_S
    heard_at_s = person.now_s - EVERY_S
    assert wanted(person.state, heard_at_s + KEY_ALIVE_S - 1e-6).silent
    assert not wanted(person.state, heard_at_s + KEY_ALIVE_S + 1e-6).silent


@pytest.mark.parametrize(("silence_s", "kept_s"), [(0.52, 0.6), (0.6, 0.6), (1.5, 1.5), (1.52, 1.6), (4.2, 4.2)])
def test_who_lets_go_when_the_wheels_stand_has_measured_it_and_it_is_rounded_up(
    silence_s: float, kept_s: float
) -> None:
    person = Person()
    person.holds(TURNING_S + silence_s)
    assert person.says("stopped") == pytest.approx(kept_s)
    assert person.goes_on


def test_at_once_is_at_once_however_long_it_was_held() -> None:
    for silence_s in (0.6, SILENCE_S + 1.0):
        person = Person()
        person.holds(TURNING_S + silence_s)
        assert person.says("at_once") == AT_ONCE_S
        assert person.goes_on


def test_only_who_held_it_to_its_end_knows_that_it_holds() -> None:
    person = Person()
    person.holds(TURNING_S + LONG_SILENCE_S - 0.05)
    assert person.says("turned") is None
    assert "too short" in person.state.note
    assert not person.goes_on
    person.holds(TURNING_S + LONG_SILENCE_S + 0.05)
    assert person.says("turned") == "holds"
    assert "not stop this car" in person.state.note
    assert person.goes_on


def test_wheels_that_stood_only_when_neutral_came_back_did_not_stop_by_themselves() -> None:
    person = Person()
    person.holds(TURNING_S + SILENCE_S + 0.5)
    assert person.says("stopped") is None
    assert "neutral" in person.state.note
    assert not person.goes_on


@pytest.mark.parametrize("answer", ["at_once", "stopped", "turned"])
@pytest.mark.parametrize("held_s", [0.0, 0.5, TURNING_S, TURNING_S + AT_ONCE_S - 0.02])
def test_a_press_that_shows_nothing_is_no_answer(answer: str, held_s: float) -> None:
    person = Person()
    if held_s:
        person.holds(held_s)
    assert person.says(answer) is None
    assert not person.goes_on


def test_an_interrupted_silence_is_no_answer_either_although_the_control_stays_down() -> None:
    person = Person()
    for _ in range(150):
        person.does(Held("drive"))
        person.now_s += EVERY_S
    person.does(Interrupted("It was not silent."))
    for _ in range(150):
        person.does(Held("drive"))
        assert not wanted(person.state, person.now_s).silent
        person.now_s += EVERY_S
    assert person.state.note == "It was not silent."
    person.does(Released())
    assert person.says("stopped") is None
    assert not person.goes_on


def test_what_the_car_says_keeps_no_person_alive() -> None:
    person = Person()
    alive_at_s, person.now_s = person.state.alive_at_s, person.now_s + 0.3
    assert person.does(Interrupted("It was not silent.")).alive_at_s == alive_at_s
    assert person.does(Alive()).alive_at_s == person.now_s


def test_it_may_be_left_open_or_tried_again_and_is_unknown_then() -> None:
    for first in ([], ["at_once"]):
        person = Person(stops_without_pulses_s="holds")
        person.holds(TURNING_S + 1.0)
        assert person.says(*first, "again") is None
        assert not person.goes_on
        assert person.says("at_once") is None  # not before it was held again
        assert person.says("skip") is None
        assert person.goes_on


def test_what_is_found_is_shown_and_kept_in_the_profile() -> None:
    for found, shown in ((None, "not known"), (1.5, "stops within 1.5 s"), ("holds", "goes on turning")):
        person = Person(stops_without_pulses_s=found)
        assert show(person.state, person.now_s).values["without pulses"] == shown
        profile = person.state.draft.profile("my-board")
        assert profile.throttle.stops_without_pulses_s == found
        assert Draft.starting_from(profile).stops_without_pulses_s == found
        assert STEPS["review"].values(person.state)["without pulses"] == f"not known -> {shown}"
