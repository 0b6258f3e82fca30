"""The wizard's slaloms: with an IMU instead of a LiDAR, and only where one of them is."""

from __future__ import annotations

import math

import pytest

from calibration.profile_file import shipped_profile
from calibration.steering_lag import SLALOM_S
from calibration.wizard.draft import Draft
from calibration.wizard.events import Alive, Held, TurnSeen
from calibration.wizard.machine import STEPS, advance, begin, wanted
from calibration.wizard.step import WizardState

TURN_S = 0.02
SLALOM = STEPS["slalom"]


def at_slalom(**values: object) -> WizardState:
    draft = Draft.starting_from(shipped_profile("rc_car")).changed(method="marks", has_imu=True, **values)
    return WizardState(SLALOM.entered(draft).changed(step="slalom"), 0.0, 0.0)


def driven(state: WizardState, lag_s: float, *, imu: bool = True, held_s: float = SLALOM_S + 0.2) -> WizardState:
    """Hold the control, with a car whose wheels follow first-order; its IMU is two degrees a second off."""
    wheels_deg, now_s = 0.0, 0.0
    while now_s < held_s + 0.8:
        now_s += TURN_S
        state = advance(state, Held("drive") if now_s < held_s else Alive(), now_s)
        hold = wanted(state, now_s)
        asked_deg = (hold.steering_us - state.draft.centre_us) / 6.0
        wheels_deg += (asked_deg - wheels_deg) * (1.0 - math.exp(-TURN_S / lag_s))
        speed_mps = 0.0 if hold.throttle_us is None else 0.6
        if imu:
            yaw_rate_rps = speed_mps / 0.164 * math.tan(math.radians(wheels_deg))
            state = advance(state, TurnSeen(now_s, math.degrees(yaw_rate_rps) + 2.0), now_s)
    return state


@pytest.mark.parametrize("lag_s", [0.06, 0.15])
def test_an_imu_tells_how_late_the_wheels_follow(lag_s: float) -> None:
    state = driven(at_slalom(), lag_s)
    assert len(state.draft.steering_lags_s) == 1
    assert state.draft.profile("my-board").steering.lag_s == pytest.approx(lag_s, abs=0.02)


@pytest.mark.parametrize("how", [{"imu": False}, {"held_s": 2.0}], ids=["the IMU is silent", "let go too early"])
def test_a_slalom_that_was_not_seen_is_asked_for_again(how: dict[str, float]) -> None:
    state = driven(at_slalom(), 0.1, **how)  # type: ignore[arg-type]
    assert state.draft.steering_lags_s == ()
    assert "try again" in state.note


def test_slaloms_that_contradict_each_other_are_not_kept_so() -> None:
    assert "contradict" in SLALOM.problem(at_slalom(steering_lags_s=(0.1, 0.2)), 0.0)
    assert SLALOM.problem(at_slalom(steering_lags_s=(0.1, 0.12)), 0.0) == ""


def test_without_lidar_and_imu_there_is_no_slalom() -> None:
    draft = Draft.starting_from(shipped_profile("rc_car"))
    assert [SLALOM.applies(draft.changed(method=method)) for method in (None, "marks", "lidar")] == [False, False, True]
    assert SLALOM.applies(draft.changed(method="marks", has_imu=True))


def test_an_imu_is_heard_of_and_says_nothing_of_the_person() -> None:
    state = begin(Draft.starting_from(shipped_profile("rc_car")), 0.0)
    heard = advance(state, TurnSeen(0.4, 1.0), 0.4)
    assert heard.draft.has_imu
    assert heard.alive_at_s == 0.0
    assert not advance(state, TurnSeen(0.4, math.nan), 0.4).draft.has_imu
