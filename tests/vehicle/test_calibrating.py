"""The wizard in a terminal: what keys mean, what the car gets, and what is kept."""

from __future__ import annotations

import io
import math
import os
import pty
import termios
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.profile import CalibrationProfile
from calibration.profile_file import shipped_profile
from calibration.wizard.draft import Draft
from calibration.wizard.events import Alive, BatterySeen, Control, Entered, Held, Stopped, Tap, View
from calibration.wizard.machine import STEPS, advance, begin
from calibration.wizard.rules import KEY_ALIVE_S, SILENCE_S, TURNING_S
from calibration.wizard.step import WizardState
from shared.actions import STOP
from shared.errors import LinkError
from vehicle.actuator.core import LONGEST_SILENCE_S
from vehicle.actuator.lease import Lease, Pulses
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.calibrating.keys import Keyboard
from vehicle.calibrating.late_lidar import LateLidar
from vehicle.calibrating.run import draft_path, first_draft, keep, keep_draft
from vehicle.calibrating.session import BATTERY_EVERY_S, CalibrationSession
from vehicle.calibrating.terminal import Terminal, keys_of, page
from vehicle.config import CarConfig
from vehicle.hardware.protocols import Scan
from vehicle.hardware.scan_slot import ScanSlot
from vehicle.hardware.this_car import Car, calibration_store, load_profile
from vehicle.runtime_folder import RuntimeFolder

VIEW = View(
    "speed_map", "Speed", "Drive.",
    (
        Control("drive", "hold: drive", "hold", " "), Control("+10", "more", key="f"),
        Control("seconds", "seconds", "number"), Control("marks_m", "metres", "number", "m"),
        Control("next", "go on", key="\n"), Control("back", "go back", key="b"),
    ),
    3, 9,
)  # fmt: skip


class RecordingLink:
    """An actuator that is always ready, and remembers what it was told."""

    def __init__(self, clock: Any, profile: CalibrationProfile) -> None:
        self._clock, self.neutral_us = clock, profile.throttle.neutral_us
        self.phase, self.leases, self.closed = Phase.READY, [], False  # type: ignore[var-annotated]
        self.battery: float | None = None
        self.yaw_rate_rps: float | None = None
        self.silent_since_s: float | None = None
        self.keeps_silent = True

    def arm(self) -> tuple[str | None, ActuatorStatus]:
        self.phase = Phase.ARMED
        return None, self.status()

    def command(self, lease: Lease) -> ActuatorStatus:
        self.leases.append(lease)
        is_silent = isinstance(lease.action, Pulses) and lease.action.silent and self.keeps_silent
        self.silent_since_s = (self.silent_since_s or self._clock()) if is_silent else None
        return self.status()

    def status(self) -> ActuatorStatus:
        return ActuatorStatus(
            self.phase, None, 7, "", "", STOP, steering_us=1500.0, throttle_us=self.neutral_us, turns=1, at_s=0.0,
            silent_since_s=self.silent_since_s, yaw_rate_rps=self.yaw_rate_rps,
        )  # fmt: skip

    def battery_v(self) -> float | None:
        return self.battery

    def close(self) -> None:
        self.closed = True


class Person:
    """Somebody at a session, in time that passes when told."""

    def __init__(self, clock: Any, draft: Draft, newest_scan: Callable[[], Scan | None] = lambda: None) -> None:
        self.clock, self.links = clock, []  # type: ignore[var-annotated]
        self.session = CalibrationSession(draft, self, clock, newest_scan=newest_scan)

    def open(self, profile: CalibrationProfile) -> RecordingLink:
        self.links.append(RecordingLink(self.clock, profile))
        return self.links[-1]

    def does(self, duration_s: float, held: str | None = None) -> None:
        for _ in range(round(duration_s / 0.02)):
            self.clock.sleep(0.02)
            self.session.hear(Held(held) if held else Alive())
            self.session.turn()

    def taps(self, *controls: str) -> None:
        for control in controls:
            self.session.hear(Tap(control))


@pytest.fixture
def person(clock: Any) -> Person:
    return Person(clock, Draft.starting_from(shipped_profile("rc_car")))


@pytest.fixture
def car(folder: RuntimeFolder, tmp_path: Path) -> Car:
    return Car(CarConfig(calibrations=tmp_path / "calibrations"), folder, emulated=True)


def test_one_stroke_of_a_hold_key_moves_nothing_and_its_repeats_do() -> None:
    keyboard = Keyboard()
    assert keyboard.press(" ", VIEW, 1.0) is None
    assert keyboard.press(" ", VIEW, 1.5) is None  # the first repeat comes late
    assert keyboard.press(" ", VIEW, 1.53) == Held("drive")
    assert keyboard.press("f", VIEW, 1.56) == Tap("+10")
    assert keyboard.press(" ", VIEW, 1.6) is None


def test_digits_are_a_number_and_enter_without_one_goes_on() -> None:
    keyboard = Keyboard()
    for key in "2.55\x7f":
        assert keyboard.press(key, VIEW, 1.0) is None
    assert keyboard.press("\n", VIEW, 1.5) == Entered("seconds", 2.5)
    assert keyboard.press("\n", VIEW, 2.0) == Tap("next")
    keyboard.press("m", VIEW, 3.0)
    keyboard.press("3", VIEW, 3.5)
    assert keyboard.press("\r", VIEW, 4.0) == Entered("marks_m", 3.0)
    # The one after it is the usual one again, and many write 0,85.
    for key in "0,85":
        keyboard.press(key, VIEW, 4.5)
    assert keyboard.press("\n", VIEW, 4.6) == Entered("seconds", 0.85)
    keyboard.press("-", VIEW, 5.0)
    assert keyboard.press("\n", VIEW, 5.5) is None


@pytest.mark.parametrize("key", ["q", "\x03"])
def test_q_and_ctrl_c_end_it(key: str) -> None:
    assert isinstance(Keyboard().press(key, VIEW, 1.0), Stopped)


def test_an_enter_that_is_held_goes_on_once() -> None:
    keyboard = Keyboard()
    view = View("centre", "", "", (Control("next", "", key="\n"), Control("back", "", key="b")), 1, 2)
    assert keyboard.press("b", view, 1.0) == Tap("back")
    assert keyboard.press("b", view, 1.03) is None


def test_arrows_are_no_keys_and_a_page_names_every_control() -> None:
    assert list(keys_of(b"\x1b[A")) == []
    assert list(keys_of(b"ab")) == ["a", "b"]
    shown = page(VIEW, Keyboard(), "", "")
    assert all(word in shown for word in ("space", "Enter", "hold: drive", "seconds: _", "3 of 9"))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 16)])
def test_a_page_fits_on_the_screen(size: tuple[int, int]) -> None:
    values = {f"{pulse_us} us": "1.00 m/s" for pulse_us in range(8)}
    view = replace(VIEW, text="Put the car on the floor. " * 12, values=values, note="It was too short. " * 4)
    lines = page(view, Keyboard(), "The car is held.", "wheels at +1.0 degrees", os.terminal_size(size)).splitlines()
    assert len(lines) < size[1]
    assert max(map(len, lines)) < size[0]
    assert ("" in lines) is (size[1] == 40)
    assert size[1] < 24 or lines[-1] == "The car is held."


def test_before_the_promise_no_actuator_is_touched_and_after_it_the_wheels_are_held(person: Person) -> None:
    person.does(1.0)
    assert person.links == []
    person.does(2.2, "confirm")
    person.taps("next")
    person.does(0.2)
    assert len(person.links) == 1
    assert {lease.action for lease in person.links[0].leases} == {Pulses(1500.0, 1500.0)}


def test_the_throttle_rests_on_the_key_and_the_wheels_on_the_person(clock: Any) -> None:
    person = Person(clock, Draft.starting_from(shipped_profile("rc_car")))
    person.does(2.2, "confirm")
    person.taps("next")
    draft = person.session.state.draft.changed(step="direction", try_us=40.0)
    person.session.state = person.session.state.__class__(draft, clock(), clock())
    person.does(0.4)
    person.does(0.1, "drive")
    driving = person.links[0].leases[-1]
    assert driving.action.throttle_us == 1540.0
    heard_at_s = clock()
    for _ in range(20):  # the person is there, the key is not heard any more
        clock.sleep(0.02)
        person.session.hear(Alive())
        person.session.turn()
    drove = [lease for lease in person.links[0].leases if lease.action.throttle_us != 1500.0]
    assert all(lease.rests_on_s <= heard_at_s for lease in drove)
    assert drove[-1].issued_at_s <= heard_at_s + 0.2 + 1e-9


def without_pulses(clock: Any) -> Person:
    """Somebody who holds the control of that step, a second into the silence."""
    person = Person(clock, Draft.starting_from(shipped_profile("rc_car")).changed(step="silence"))
    person.session.state = replace(person.session.state, draft=person.session.state.draft.changed(step="silence"))
    person.does(0.4)
    person.does(TURNING_S + 1.0, "drive")
    return person


def test_silence_is_asked_for_in_leases_that_rest_on_the_key_and_ends_with_it(clock: Any) -> None:
    person = without_pulses(clock)
    (link,) = person.links
    assert link.leases[-1].action == Pulses(person.session.state.draft.centre_us, 1500.0, silent=True)
    assert link.leases[-1].rests_on_s == clock()
    person.does(0.02 + KEY_ALIVE_S)  # the person is there, the key is not heard any more
    assert link.leases[-1].action.silent is False
    person.taps("stopped")
    assert person.session.state.draft.stops_without_pulses_s == pytest.approx(1.2)  # 0.2 s of them the silent key


@pytest.mark.parametrize("how", ["a pulse in between", "not silent at all"])
def test_a_silence_that_was_none_tells_nothing(clock: Any, how: str) -> None:
    person = without_pulses(clock)
    (link,) = person.links
    link.keeps_silent = how == "a pulse in between"
    link.silent_since_s = clock()
    person.does(0.02, "drive")
    assert "keep silent" in person.session.state.note
    person.does(0.5, "drive")
    assert link.leases[-1].action.silent is False
    person.taps("stopped")
    assert person.session.state.draft.stops_without_pulses_s is None
    link.keeps_silent = True
    person.does(0.4)
    person.does(TURNING_S + 1.0, "drive")
    assert link.leases[-1].action.silent is True


def test_the_actuator_allows_the_longest_silence_and_a_few_turns_more() -> None:
    assert 0.1 <= LONGEST_SILENCE_S - SILENCE_S <= 1.0
    assert STEPS["silence"].cap_s == TURNING_S + SILENCE_S


def test_a_new_neutral_has_an_actuator_of_its_own(person: Person) -> None:
    person.does(2.2, "confirm")
    person.taps("next")
    person.does(0.1)
    state = person.session.state
    person.session.state = state.changed(rest_us=1510.0)
    person.does(0.1)
    assert [link.neutral_us for link in person.links] == [1500.0, 1510.0]
    assert person.links[0].closed


def test_the_lidar_is_silent_until_the_car_is_on_the_floor(clock: Any) -> None:
    opened: list[ScanSlot] = []

    def open_lidar() -> ScanSlot:
        opened.append(ScanSlot())
        angles_deg = np.arange(0.0, 360.0, 4.0, dtype=np.float32)
        now_s = clock()
        opened[0].put(Scan(angles_deg, np.full(len(angles_deg), 2.0, np.float32), now_s, now_s, 1))
        return opened[0]

    lidar = LateLidar(open_lidar)
    person = Person(clock, Draft.starting_from(shipped_profile("rc_car")), lidar.latest)
    for step in ("centre", "neutral", "reverse_limit"):
        person.session.state = WizardState(person.session.state.draft.changed(step=step), clock(), clock())
        person.does(0.1)
    assert (opened, lidar.problem) == ([], "")
    person.session.state = WizardState(person.session.state.draft.changed(step="floor"), clock(), clock())
    person.does(0.1)
    assert len(opened) == 1
    assert person.session.state.scan_at_s == opened[0].latest().started_at_s  # type: ignore[union-attr]


def test_the_battery_is_kept_with_the_map_that_was_measured_on_it(clock: Any) -> None:
    draft = Draft.starting_from(shipped_profile("rc_car")).changed(step="speed_map", method="marks")
    person = Person(clock, draft)
    person.session.state = WizardState(draft, clock(), clock())
    person.does(0.1)
    person.links[0].battery = 7.6
    person.does(BATTERY_EVERY_S)
    for seconds in (4.0, 3.0):
        person.does(0.5, "drive")
        person.session.hear(Entered("seconds", seconds))
        person.does(0.5)
    assert person.session.state.draft.profile("my-board").throttle.battery_v == 7.6


def test_an_imu_is_listened_to_on_the_floor_alone(clock: Any) -> None:
    draft = Draft.starting_from(shipped_profile("rc_car")).changed(method="marks")
    heard = []
    for step in ("centre", "slalom"):
        person = Person(clock, draft.changed(step=step))
        person.session.state = WizardState(draft.changed(step=step), clock(), clock())
        person.does(0.1)
        person.links[0].yaw_rate_rps = 0.5
        person.does(0.1)
        person.does(0.1, "drive")
        heard.append((person.session.state.draft.has_imu, {rate for _, rate in person.session.state.turning}))
    assert heard == [(False, set()), (True, {math.degrees(0.5)})]


@pytest.mark.parametrize("voltage_v", [0.0, -1.0, 61.0, float("nan")])
def test_a_gauge_that_talks_nonsense_is_not_believed(clock: Any, voltage_v: float) -> None:
    state = begin(Draft.starting_from(shipped_profile("rc_car")), clock())
    assert advance(state, BatterySeen(voltage_v), clock()).battery_v is None


def test_a_draft_is_gone_on_with_and_what_is_kept_is_in_force(car: Car) -> None:
    assert first_draft(car, None).base == shipped_profile("emulated")
    assert first_draft(car, "rc_car").base == shipped_profile("rc_car")
    begun = Draft.starting_from(shipped_profile("rc_car")).changed(step="left", left_reach_us=177.0)
    keep_draft(car, begun)
    assert first_draft(car, None) == first_draft(car, "rc_car") == begun
    assert first_draft(car, "deepracer").base == shipped_profile("deepracer")
    assert first_draft(car, None, fresh=True).base == shipped_profile("emulated")
    new = Car(car.config.changed(starting_profile="deepracer"), car.folder, emulated=True)
    assert first_draft(new, None, fresh=True).base == shipped_profile("deepracer")
    assert "Generation 1" in keep(car, begun)
    assert not draft_path(car).exists()
    assert load_profile(car).steering.left_us == 1677.0
    assert load_profile(car).is_confirmed_for("emulated")
    assert len(calibration_store(car).history()) == 1


class Screen(io.StringIO):
    """What is drawn on it; does something at the first drawing."""

    def __init__(self, at_first: Callable[[], object]) -> None:
        super().__init__()
        self._at_first: Callable[[], object] | None = at_first

    def write(self, text: str) -> int:
        if self._at_first is not None:
            self._at_first()
            self._at_first = None
        return super().write(text)


def test_q_ends_it_and_the_terminal_is_left_as_it_was(person: Person) -> None:
    master, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    screen = Screen(lambda: os.write(master, b"q"))
    assert Terminal(person.session, stream=screen).run(terminal, threading.Event()) == "stopped"
    assert "kept" in person.session.state.note
    assert "Lift the wheels" in screen.getvalue()
    assert termios.tcgetattr(terminal) == before
    os.close(master)
    os.close(terminal)


def test_a_terminal_that_goes_away_ends_it(person: Person) -> None:
    master, terminal = pty.openpty()
    screen = Screen(lambda: os.close(master))
    assert Terminal(person.session, stream=screen).run(terminal, threading.Event()) == "stopped"
    assert "gone" in person.session.state.note
    os.close(terminal)


def test_without_a_terminal_it_says_how_to_get_one(person: Person) -> None:
    reader, writer = os.pipe()
    with pytest.raises(LinkError, match="ssh -t"):
        Terminal(person.session, stream=io.StringIO()).run(reader, threading.Event())
    os.close(reader)
    os.close(writer)
