"""One turn of the actuator: leases in, pulses out, on a given clock. The only code that moves the car.

The process around it (server.py) calls `turn` every 20 ms and after every accepted command; tests and the
emulated lap call it on a virtual clock. `turns` counts completed turns: a second process that watches it
knows a stalled owner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from shared.actions import STOP, Action
from shared.errors import HardwareError
from vehicle.actuator import state as states
from vehicle.actuator.lease import Driver, Lease, lapse, refusal
from vehicle.actuator.limits import DriveLimits, limit_action
from vehicle.actuator.state import ActuatorState, Phase
from vehicle.hardware.protocols import ServoBoard

TURN_S = 0.020
LATCH_AFTER_S = 0.500  # without a good command for this long, the stop becomes final
CHECK_EVERY_S = 0.100
FAILED_WRITES_ALLOWED = 1  # one lost transaction is noise of the motor, two are a broken wire


class PulseMap(Protocol):
    """From physics to pulses: the calibration of this car."""

    def steering_pulse_us(self, steering_angle_deg: float) -> float: ...
    def throttle_pulse_us(self, speed_mps: float, *, top_speed_mps: float) -> float: ...


@dataclass(frozen=True, slots=True)
class ActuatorStatus:
    """What the actuator tells everybody who asks.

    applied: the action that really reached the pulses, after every limit: the one to log.
    refused: why the newest command did not count; empty when it did. turns: completed turns.
    """

    phase: Phase
    driver: Driver | None
    epoch: int
    reason: str
    refused: str
    applied: Action
    steering_us: float
    throttle_us: float
    turns: int
    at_s: float


class ActuatorCore:
    """State of the actuator. Building it moves nothing; `start` makes the board silent and ready."""

    def __init__(
        self,
        board: ServoBoard,
        pulses: PulseMap,
        limits: DriveLimits,
        *,
        new_epoch: Callable[[], int],
        arming_obstacle: str | None = None,
    ) -> None:
        """arming_obstacle: why this car must not be armed at all, such as a calibration nobody confirmed."""
        self.state = ActuatorState()
        self._board = board
        self._pulses = pulses
        self._limits = limits
        self._new_epoch = new_epoch
        self._arming_obstacle = arming_obstacle
        self._lease: Lease | None = None
        self._last_sequence = -1
        self._driven_at_s = 0.0
        self._refused = ""
        self._applied = STOP
        self._sent_us = (pulses.steering_pulse_us(0.0), self._neutral_us())
        self._turned_at_s = self._checked_at_s = 0.0
        self._failed_writes = 0
        self._turns = 0

    def start(self, now_s: float) -> None:
        """Start the board and hold neutral. HardwareError when it does not answer."""
        self._board.start()
        self._turned_at_s = self._checked_at_s = now_s
        self.state = states.booted(self.state, now_s)
        self._board.write_pulses(*self._sent_us)

    def arm(self, driver: Driver, top_speed_mps: float, now_s: float) -> str | None:
        """Let `driver` drive at up to top_speed_mps. A sentence when the car cannot be armed now."""
        if not 0 < top_speed_mps < float("inf"):
            return f"A top speed of {top_speed_mps:g} m/s cannot be driven. Choose another model."
        self.state = states.advanced(self.state, now_s)
        problem = self._arming_obstacle or states.arm_refusal(self.state)
        if problem is None:
            self.state = states.armed(
                self.state, driver, top_speed_mps=top_speed_mps, epoch=self._new_epoch(), now_s=now_s
            )
            self._lease, self._last_sequence, self._refused = None, -1, ""
            self._driven_at_s = now_s
        return problem

    def accept(self, lease: Lease, now_s: float) -> bool:
        """Take over a command. A refused one ends the one in force: it counts as zero, never as nothing."""
        if self.state.phase is not Phase.ARMED or self.state.driver is None:
            self._refused = "the car is not armed"
            return False
        problem = refusal(
            lease,
            now_s=now_s,
            epoch=self.state.epoch,
            driver=self.state.driver,
            last_sequence=self._last_sequence,
        )
        self._refused = problem or ""
        self._lease = lease if problem is None else None
        self._last_sequence = max(self._last_sequence, lease.sequence)
        return problem is None

    def drop_lease(self, reason: str) -> None:
        """Whoever drove is gone: zero throttle from the next turn on."""
        self._lease, self._refused = None, reason

    def stop(self, reason: str, now_s: float) -> None:
        """End the drive, latched. Takes effect with the turn that the caller makes next."""
        self.state = states.stopped(self.state, reason, now_s)
        self._lease = None

    def clear_fault(self, now_s: float) -> None:
        """A person has looked at the fault; the board is started anew."""
        if self.state.phase is Phase.FAULT:
            self._board.start()
            self._failed_writes = 0
            self.state = states.cleared(self.state, now_s)

    def turn(self, now_s: float) -> ActuatorStatus:
        """Decide, limit, convert, write: one turn. Never raises for a board that fails; that is a fault."""
        self.state = states.advanced(self.state, now_s)
        dt_s = max(0.0, now_s - self._turned_at_s)
        self._turned_at_s = now_s
        self._applied = self._limited(self._wanted(now_s), dt_s)
        self._sent_us = (
            self._pulses.steering_pulse_us(self._applied.steering_angle_deg),
            self._throttle_us(self._applied.speed_mps),
        )
        self._write(now_s)
        self._turns += 1
        return self.status(now_s)

    def shut_down(self) -> None:
        """Neutral at once: the first half of every way out. `go_silent` is the second, 200 ms later."""
        self._lease, self._applied = None, Action(self._applied.steering_angle_deg, 0.0)
        self._sent_us = (self._sent_us[0], self._neutral_us())
        self._board.write_pulses(*self._sent_us)

    def go_silent(self) -> None:
        """Switch every pulse off and let go of the board."""
        self._board.close()

    def status(self, now_s: float) -> ActuatorStatus:
        """What is so now."""
        return ActuatorStatus(
            phase=self.state.phase,
            driver=self.state.driver,
            epoch=self.state.epoch,
            reason=self.state.reason,
            refused=self._refused,
            applied=self._applied,
            steering_us=self._sent_us[0],
            throttle_us=self._sent_us[1],
            turns=self._turns,
            at_s=now_s,
        )

    def _wanted(self, now_s: float) -> Action:
        """The command in force; without one, zero throttle with the wheels held, and after half a second the
        end.
        """
        held = Action(self._applied.steering_angle_deg, 0.0)
        if self.state.phase is Phase.STOPPING:
            return held
        if self.state.phase is not Phase.ARMED:
            return STOP
        if self._lease is not None:
            problem = lapse(self._lease, now_s)
            if problem is None:
                self._driven_at_s = now_s
                return self._lease.action
            self._lease, self._refused = None, problem
        if now_s - self._driven_at_s >= LATCH_AFTER_S:
            self.state = states.stopped(self.state, self._refused or "no command came", now_s)
        return held

    def _limited(self, wanted: Action, dt_s: float) -> Action:
        limits = self._limits
        if self.state.phase is Phase.ARMED:
            cap_mps = min(limits.max_speed_mps, self.state.top_speed_mps)
            limits = limits.changed(max_speed_mps=cap_mps) if cap_mps < limits.max_speed_mps else limits
        return limit_action(wanted, self._applied, limits, dt_s=dt_s)

    def _throttle_us(self, speed_mps: float) -> float:
        if speed_mps == 0.0:
            return self._neutral_us()
        return self._pulses.throttle_pulse_us(speed_mps, top_speed_mps=self.state.top_speed_mps)

    def _neutral_us(self) -> float:
        return self._pulses.throttle_pulse_us(0.0, top_speed_mps=1.0)

    def _write(self, now_s: float) -> None:
        try:
            if self.state.phase is Phase.FAULT and now_s - self.state.since_s >= states.STOP_HOLD_S:
                self._board.all_off()
                return
            self._board.write_pulses(*self._sent_us)
            self._failed_writes = 0
            if now_s - self._checked_at_s >= CHECK_EVERY_S and self.state.phase is not Phase.FAULT:
                self._checked_at_s = now_s
                self._board.check()
        except HardwareError as error:
            self._fault(str(error), now_s)
        except OSError as error:
            self._failed_writes += 1
            if self._failed_writes > FAILED_WRITES_ALLOWED:
                self._fault(f"the servo board does not answer ({error.strerror or error}); check its wires", now_s)

    def _fault(self, reason: str, now_s: float) -> None:
        """Latch a fault and try to say neutral at once; the next turns go on trying."""
        first = self.state.phase is not Phase.FAULT
        self.state = states.faulted(self.state, reason, now_s)
        self._lease, self._applied = None, replace(self._applied, speed_mps=0.0)
        self._sent_us = (self._sent_us[0], self._neutral_us())
        if first:
            self._write(now_s)
