"""The state machine: every transition there is, and none besides."""

from __future__ import annotations

import pytest

from vehicle.actuator.lease import Driver
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import (
    NEUTRAL_HOLD_S,
    STOP_HOLD_S,
    ActuatorState,
    Phase,
    advanced,
    arm_refusal,
    armed,
    booted,
    cleared,
    faulted,
    renewal_refusal,
    stopped,
)

BY_PHASE = {phase: ActuatorState(phase, since_s=10.0, reason="it broke") for phase in Phase}


def test_a_controller_that_needs_longer_is_given_longer_after_every_first_pulse_and_never_less_than_a_second() -> None:
    for state in (booted(ActuatorState(), 10.0, hold_s=3.0), cleared(BY_PHASE[Phase.FAULT], 10.0, hold_s=3.0)):
        assert advanced(state, 12.999).phase is Phase.SAFE
        assert advanced(state, 13.0).phase is Phase.READY
    short = booted(ActuatorState(), 10.0, hold_s=0.1)
    assert advanced(short, 10.999).phase is Phase.SAFE
    assert "3 s" in (arm_refusal(booted(ActuatorState(), 10.0, hold_s=3.0)) or "")


def test_a_new_process_knows_nothing_and_is_armed_for_nothing() -> None:
    assert ActuatorState() == ActuatorState(Phase.BOOT, 0.0, "", None, 0, 0.0, 1.0)


def test_a_phase_ends_exactly_with_its_time() -> None:
    assert advanced(ActuatorState(Phase.STOPPING, 0.0), STOP_HOLD_S).phase is Phase.SAFE
    assert advanced(ActuatorState(Phase.SAFE, 0.0), NEUTRAL_HOLD_S).phase is Phase.READY


def test_the_way_to_driving_leads_over_neutral_held_for_a_second() -> None:
    state = booted(ActuatorState(), 10.0)
    assert state.phase is Phase.SAFE
    assert advanced(state, 10.0 + NEUTRAL_HOLD_S - 0.001).phase is Phase.SAFE
    state = advanced(state, 10.0 + NEUTRAL_HOLD_S)
    assert state.phase is Phase.READY
    state = armed(state, Mode.AUTONOMOUS, top_speed_mps=1.0, epoch=42, now_s=12.0)
    assert (state.phase, state.driver, state.epoch) == (Phase.ARMED, Driver.AUTONOMOUS, 42)


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.READY])
def test_only_a_ready_car_can_be_armed(phase: Phase) -> None:
    assert arm_refusal(BY_PHASE[phase])
    state = armed(BY_PHASE[phase], Mode.MANUAL, top_speed_mps=1.0, epoch=1, now_s=11.0)
    assert state == BY_PHASE[phase]


def test_a_stop_latches_and_leads_back_over_neutral() -> None:
    driving = armed(BY_PHASE[Phase.READY], Mode.MANUAL, top_speed_mps=1.0, epoch=9, now_s=11.0)
    state = stopped(driving, "the button", 12.0)
    assert (state.phase, state.driver, state.reason) == (Phase.STOPPING, None, "the button")
    assert advanced(state, 12.0 + STOP_HOLD_S - 0.001).phase is Phase.STOPPING
    state = advanced(state, 12.0 + STOP_HOLD_S + 0.001)
    assert state.phase is Phase.SAFE
    assert state.reason == "the button"
    assert advanced(state, state.since_s + NEUTRAL_HOLD_S - 0.001).phase is Phase.SAFE


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.ARMED])
def test_stopping_a_car_that_does_not_drive_changes_nothing(phase: Phase) -> None:
    assert stopped(BY_PHASE[phase], "the button", 12.0) == BY_PHASE[phase]


@pytest.mark.parametrize("phase", list(Phase))
def test_a_fault_comes_from_anywhere_and_time_does_not_heal_it(phase: Phase) -> None:
    state = faulted(BY_PHASE[phase], "the wire", 20.0)
    assert state.phase is Phase.FAULT
    assert advanced(state, 1e9) == state
    assert state.reason == ("it broke" if phase is Phase.FAULT else "the wire")
    assert cleared(state, 30.0).phase is Phase.SAFE


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.FAULT])
def test_only_a_fault_can_be_cleared(phase: Phase) -> None:
    assert cleared(BY_PHASE[phase], 30.0) == BY_PHASE[phase]


@pytest.mark.parametrize("phase", [Phase.BOOT, Phase.READY, Phase.ARMED, Phase.FAULT])
def test_time_alone_moves_only_safe_and_stopping(phase: Phase) -> None:
    assert advanced(BY_PHASE[phase], 1e9) == BY_PHASE[phase]


@pytest.mark.parametrize("phase", list(Phase))
def test_who_drives_or_has_a_fault_does_not_begin_anew(phase: Phase) -> None:
    words = {Phase.ARMED: "Stop it first", Phase.FAULT: "a fault: no answer. Mend it"}
    problem = renewal_refusal(phase, "no answer")
    assert (problem is None) is (phase not in words)
    assert words.get(phase, "") in (problem or "")
