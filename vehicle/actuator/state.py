"""The actuator's state machine: boot, safe, ready, armed, stopping, and a fault that latches.

Pure functions.

boot -> safe -> ready -> armed (in a mode, see mode.py) -> stopping -> safe, and from anywhere -> fault. A stop
latches: the way back to driving leads over neutral held for a second and an explicit arming, a new epoch. A
restarted process begins at boot, so it never drives by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from vehicle.actuator.lease import Driver
from vehicle.actuator.mode import Mode, driver_of

NEUTRAL_HOLD_S = 1.0  # neutral for this long before the car can be armed; speed controllers learn it meanwhile
STOP_HOLD_S = 0.2  # ten pulses of neutral end a drive


class Phase(StrEnum):
    """Where the actuator stands."""

    BOOT = "boot"
    SAFE = "safe"
    READY = "ready"
    ARMED = "armed"
    STOPPING = "stopping"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class ActuatorState:
    """since_s: when the phase began. reason: why the last drive ended, or what is wrong; empty when neither.

    mode, epoch, top_speed_mps describe the arming; mode is None while not armed.
    hold_s: how long neutral must be held before the car is ready.
    """

    phase: Phase = Phase.BOOT
    since_s: float = 0.0
    reason: str = ""
    mode: Mode | None = None
    epoch: int = 0
    top_speed_mps: float = 0.0
    hold_s: float = NEUTRAL_HOLD_S

    @property
    def driver(self) -> Driver | None:
        """Whose commands count; None while not armed."""
        return None if self.mode is None else driver_of(self.mode)


def booted(state: ActuatorState, now_s: float, *, hold_s: float = NEUTRAL_HOLD_S) -> ActuatorState:
    """The board answers and begins to say neutral; a controller just switched on may need it for longer."""
    return _first_neutral(state.reason, now_s, hold_s) if state.phase is Phase.BOOT else state


def advanced(state: ActuatorState, now_s: float) -> ActuatorState:
    """What time alone changes."""
    elapsed_s = now_s - state.since_s
    if state.phase is Phase.SAFE and elapsed_s >= state.hold_s:
        return replace(state, phase=Phase.READY, since_s=now_s)
    if state.phase is Phase.STOPPING and elapsed_s >= STOP_HOLD_S:
        return replace(state, phase=Phase.SAFE, since_s=now_s)
    return state


def arm_refusal(state: ActuatorState) -> str | None:
    """Why the car cannot be armed now; None when it can."""
    if state.phase is Phase.READY:
        return None
    if state.phase is Phase.FAULT:
        return f"The car has a fault: {state.reason}. Clear it, then arm again."
    if state.phase is Phase.ARMED:
        return "The car is armed already. Stop it first."
    return f"The car has not stood at neutral for {state.hold_s:g} s yet. Wait a moment, then arm again."


def renewal_refusal(phase: Phase, reason: str) -> str | None:
    """Why the actuator cannot begin anew now, with another calibration; None when it can."""
    if phase is Phase.ARMED:
        return "The car is armed. Stop it first: lapwing-car neutral"
    if phase is Phase.FAULT:  # it stays until somebody has looked at it
        return f"The car has a fault: {reason}. Mend it, then restart the actuator."
    return None


def armed(state: ActuatorState, mode: Mode, *, top_speed_mps: float, epoch: int, now_s: float) -> ActuatorState:
    """Ready -> armed. Call only where arm_refusal gives None; anything else stays as it is."""
    if arm_refusal(state) is not None:
        return state
    return ActuatorState(Phase.ARMED, now_s, "", mode, epoch, top_speed_mps)


def stopped(state: ActuatorState, reason: str, now_s: float) -> ActuatorState:
    """Armed -> stopping, latched. A car that does not drive is left as it is."""
    if state.phase is not Phase.ARMED:
        return state
    return ActuatorState(Phase.STOPPING, now_s, reason)


def faulted(state: ActuatorState, reason: str, now_s: float) -> ActuatorState:
    """From anywhere; the first fault is the one that is told."""
    if state.phase is Phase.FAULT:
        return state
    return ActuatorState(Phase.FAULT, now_s, reason)


def cleared(state: ActuatorState, now_s: float, *, hold_s: float = NEUTRAL_HOLD_S) -> ActuatorState:
    """Fault -> safe, on a person's word. The pulses were off: neutral must be held as after a start."""
    return _first_neutral("", now_s, hold_s) if state.phase is Phase.FAULT else state


def _first_neutral(reason: str, now_s: float, hold_s: float) -> ActuatorState:
    return ActuatorState(Phase.SAFE, now_s, reason, hold_s=max(hold_s, NEUTRAL_HOLD_S))
