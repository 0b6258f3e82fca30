"""One turn of the actuator: leases in, pulses out, on a given clock. The only code that moves the car.

The process around it (server.py) calls `turn` every 20 ms and after every changed command; tests and the
emulated lap call it on a virtual clock. Every completed turn is a beat that the guard hears.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from shared.actions import STOP, Action
from vehicle.actuator import esc
from vehicle.actuator import state as states
from vehicle.actuator.board_writer import BoardWriter
from vehicle.actuator.esc import EscProfile, EscState
from vehicle.actuator.guard_watch import GuardWatch, Standing
from vehicle.actuator.health import HEALTHY, Health, Verdict, judged
from vehicle.actuator.lease import Lease, Pulses, lapse, lapses_at_s, refusal
from vehicle.actuator.limits import DriveLimits, limit_action, limit_pulses
from vehicle.actuator.mode import Mode, speed_cap_mps, starts_released, takes_pulses
from vehicle.actuator.state import ActuatorState, Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.hardware.protocols import ServoBoard

TURN_S = 0.020
LATCH_AFTER_S = 0.500  # without a good command for this long, the stop becomes final
LONGEST_PRESS_S = 30.0  # of throttle or silence without a pause while calibrating
LONGEST_SILENCE_S = 5.0  # of the throttle while calibrating: a little more than the wizard asks for


class PulseMap(Protocol):
    """From physics to pulses: the calibration of this car."""

    def steering_pulse_us(self, steering_angle_deg: float) -> float: ...
    def throttle_pulse_us(self, speed_mps: float, *, top_speed_mps: float) -> float: ...


class TurnSensor(Protocol):
    """Says how fast the car turns, rad/s, left positive; None while it does not know. stands: nothing moves the car."""

    def __call__(self, now_s: float, *, stands: bool) -> float | None: ...


class ActuatorCore:
    """State of the actuator. Building it moves nothing; `start` makes the board silent and ready."""

    def __init__(
        self,
        board: ServoBoard,
        pulses: PulseMap,
        limits: DriveLimits,
        *,
        new_epoch: Callable[[], int],
        guard: GuardWatch,
        esc_profile: EscProfile | None = None,
        health: Callable[[float], Health] = lambda now_s: HEALTHY,
        arming_obstacle: str | None = None,
        warnings: tuple[str, ...] = (),
        clock: Callable[[], float] | None = None,
        yaw_rate: TurnSensor | None = None,
    ) -> None:
        """arming_obstacle: why this car must not drive at all, such as a calibration nobody confirmed.

        health: what is known of the computer and its sensors at a time. warnings: for the status.
        clock: says when a write to the board has ended; None: it takes no time. yaw_rate: for the status.
        """
        self.state = ActuatorState()
        self._board = BoardWriter(board)
        self._pulses = pulses
        self._limits = limits
        self._new_epoch = new_epoch
        self._guard = guard
        self._esc_profile = esc_profile or EscProfile()
        self._health = health
        self._arming_obstacle = arming_obstacle
        self._warnings = warnings
        self._lease: Lease | None = None
        self._last_sequence = -1
        self._is_released = False
        self._driven_at_s = self._neutral_at_s = self._silent_since_s = 0.0
        self._unheard_at_s = -math.inf
        self._refused = ""
        self._verdict = Verdict()
        self._esc = EscState()
        self._applied = STOP
        self._neutral_us = pulses.throttle_pulse_us(0.0, top_speed_mps=1.0)
        self._sent = Pulses(pulses.steering_pulse_us(0.0), self._neutral_us)
        self._turned_at_s = self._written_at_s = 0.0
        self._turns = 0
        self._clock = clock
        self._yaw_rate = yaw_rate
        self._yaw_rate_rps: float | None = None

    def start(self, now_s: float) -> None:
        """Start the board and hold neutral. HardwareError when it does not answer."""
        self._guard.beat(Standing.STARTING, now_s)
        self._board.start(self._sent, now_s)
        self._note_written(now_s)
        self.state = states.booted(self.state, now_s, hold_s=self._esc_profile.arming_s)
        self._guard.beat(Standing.AT_REST, now_s)

    def arm(self, mode: Mode, top_speed_mps: float, now_s: float) -> str | None:
        """Let the driver of this mode drive at up to top_speed_mps. A sentence when the car cannot be armed now."""
        if not 0 < top_speed_mps < math.inf:
            return f"A top speed of {top_speed_mps:g} m/s cannot be driven. Choose another model."
        obstacle = None if mode is Mode.CALIBRATION else self._arming_obstacle
        problem = obstacle or states.arm_refusal(self.state) or self._why_not_drive(mode, now_s)
        if problem is None:
            epoch = self._new_epoch()
            self.state = states.armed(self.state, mode, top_speed_mps=top_speed_mps, epoch=epoch, now_s=now_s)
            self._lease, self._last_sequence, self._refused = None, -1, ""
            self._is_released = starts_released(mode)
            self._driven_at_s = self._neutral_at_s = now_s
        return problem

    def accept(self, lease: Lease, now_s: float) -> bool:
        """Take over a command. A refused one ends the one in force: it counts as zero, never as nothing."""
        state = self.state
        if state.phase is not Phase.ARMED or state.mode is None or state.driver is None:
            self._refused = "the car is not armed"
            return False
        problem = refusal(
            lease,
            now_s=now_s,
            epoch=state.epoch,
            driver=state.driver,
            last_sequence=self._last_sequence,
            takes_pulses=takes_pulses(state.mode),
        )
        self._refused = problem or ""
        self._lease = lease if problem is None else None
        self._last_sequence = max(self._last_sequence, lease.sequence)
        return problem is None

    @property
    def asked(self) -> Action | Pulses | None:
        """What the command in force asks for; None without one. Where it changes, a turn is due at once."""
        return None if self._lease is None else self._lease.action

    @property
    def lapses_at_s(self) -> float:
        """When the command in force ends by itself: a turn is due just after. Infinity without one."""
        return math.inf if self._lease is None else lapses_at_s(self._lease)

    def drop_lease(self, reason: str) -> None:
        """Whoever drives talks nonsense: zero throttle from the next turn on."""
        self._lease, self._refused = None, reason

    def stop(self, reason: str, now_s: float) -> None:
        """End the drive, latched. Takes effect with the turn that the caller makes next."""
        self.state = states.stopped(self.state, reason, now_s)
        self._lease = None

    def clear_fault(self, now_s: float) -> None:
        """A person has looked at the fault; the board is started anew. HardwareError when it still fails."""
        if self.state.phase is Phase.FAULT:
            self._board.start(Pulses(self._sent.steering_us, self._neutral_us), now_s)
            self.state = states.cleared(self.state, now_s, hold_s=self._esc_profile.arming_s)

    def turn(self, now_s: float) -> ActuatorStatus:
        """Decide, limit, convert, write: one turn. Never raises for a board that fails; that is a fault."""
        self.state = states.advanced(self.state, now_s)
        self._heed_guard_and_health(now_s)
        if self._yaw_rate is not None:
            self._yaw_rate_rps = self._yaw_rate(now_s, stands=self.state.phase in (Phase.SAFE, Phase.READY))
        dt_s = max(0.0, now_s - self._turned_at_s)
        self._turned_at_s = now_s
        self._sent = self._pulses_after(self._wanted(now_s), dt_s, now_s)
        self._write(now_s)
        self._turns += 1
        self._guard.beat(self._standing(now_s), now_s)
        return self.status(now_s)

    def shut_down(self, now_s: float) -> None:
        """Neutral at once: the first half of every way out. `go_silent` is the second, 200 ms later."""
        self._say_neutral()
        standing = Standing.FAULT  # a board that does not hear is not at rest, but its owner is not dead
        try:
            self._board.write_once(self._sent)
            standing = Standing.AT_REST
        finally:
            self._guard.beat(standing, now_s)

    def go_silent(self, now_s: float) -> None:
        """Switch every pulse off and let go of the board. Only then does the guard hear that all is well."""
        self._board.close()
        self._guard.beat(Standing.LEFT, now_s)

    def status(self, now_s: float) -> ActuatorStatus:
        """What is so now."""
        return ActuatorStatus(
            phase=self.state.phase,
            driver=self.state.driver,
            epoch=self.state.epoch,
            reason=self.state.reason,
            refused=self._refused,
            applied=self._applied,
            steering_us=self._sent.steering_us,
            throttle_us=self._sent.throttle_us,
            turns=self._turns,
            at_s=now_s,
            mode=self.state.mode,
            top_speed_mps=self.state.top_speed_mps,
            guard=self._guard.problem(now_s) or "",
            warnings=tuple(dict.fromkeys(self._warnings + self._guard.warnings + self._verdict.warnings)),
            safety_level=self._guard.safety_level,
            written_at_s=self._written_at_s,
            yaw_rate_rps=self._yaw_rate_rps,
            silent_since_s=self._silent_since_s if self._sent.silent else None,
            stops_without_pulses_s=self._esc_profile.stops_without_pulses_s,
        )

    def _heed_guard_and_health(self, now_s: float) -> None:
        """Whoever could not be stopped from outside, or is not well, does not drive on."""
        self._verdict = judged(self._verdict, self._health(now_s), now_s)
        if self.state.mode is not None and (problem := self._why_not_drive(self.state.mode, now_s)):
            self.stop(problem, now_s)

    def _why_not_drive(self, mode: Mode, now_s: float) -> str | None:
        """A car that is being calibrated is in somebody's hands; any other that is picked up has to stop."""
        upset = None if mode is Mode.CALIBRATION else self._verdict.upset
        return self._guard.problem(now_s) or self._verdict.stop or upset

    def _wanted(self, now_s: float) -> Action | Pulses | None:
        """The command in force. None without one: zero throttle, the wheels held, and after half a second the
        end.
        """
        if self.state.phase is Phase.STOPPING:
            return None
        if self.state.phase is not Phase.ARMED:
            return STOP
        if self._lease is not None:
            problem = lapse(self._lease, now_s)
            if problem is None:
                self._driven_at_s = now_s
                return self._released(self._lease.action)
            self._lease, self._refused = None, problem
        if now_s - self._driven_at_s >= LATCH_AFTER_S:
            self.state = states.stopped(self.state, self._refused or "no command came", now_s)
        return None

    def _released(self, wanted: Action | Pulses) -> Action | Pulses:
        """What is wanted, without its throttle for as long as the driver has not let go of it once."""
        if isinstance(wanted, Pulses):
            self._is_released |= wanted.throttle_us == self._neutral_us and not wanted.silent
            return wanted if self._is_released else Pulses(wanted.steering_us, self._neutral_us)
        self._is_released |= wanted.speed_mps == 0.0
        return wanted if self._is_released else Action(wanted.steering_angle_deg, 0.0)

    def _pulses_after(self, wanted: Action | Pulses | None, dt_s: float, now_s: float) -> Pulses:
        """The pulses that may follow the last ones, inside every limit."""
        if isinstance(wanted, Pulses):
            self._applied = STOP
            return self._calibrating(limit_pulses(wanted, self._sent, neutral_us=self._neutral_us, dt_s=dt_s), now_s)
        if wanted is None:
            self._say_neutral()
            return self._sent
        self._applied = limit_action(wanted, self._applied, self._limits, dt_s=dt_s, speed_cap_mps=self._cap_mps())
        self._esc = esc.shifted(self._esc, self._applied.speed_mps, self._esc_profile, now_s)
        speed_mps = esc.speed_in_gear(self._esc, self._applied.speed_mps)
        throttle_us = self._neutral_us
        if speed_mps != 0.0:
            throttle_us = self._pulses.throttle_pulse_us(speed_mps, top_speed_mps=self.state.top_speed_mps)
        return Pulses(self._pulses.steering_pulse_us(self._applied.steering_angle_deg), throttle_us)

    def _calibrating(self, pulses: Pulses, now_s: float) -> Pulses:
        """The same pulses, but for a press or a silence that never ends."""
        if not self._sent.silent:
            self._silent_since_s = now_s  # if it begins, it does so now
        if pulses.silent and now_s - self._silent_since_s >= LONGEST_SILENCE_S:
            self.stop(f"the throttle was silent for {LONGEST_SILENCE_S:g} s", now_s)
            return Pulses(pulses.steering_us, self._neutral_us)
        if pulses.throttle_us == self._neutral_us and not pulses.silent:
            self._neutral_at_s = now_s
        elif now_s - self._neutral_at_s >= LONGEST_PRESS_S:
            self.stop(f"the throttle was held for {LONGEST_PRESS_S:g} s", now_s)
            return Pulses(pulses.steering_us, self._neutral_us)
        return pulses

    def _cap_mps(self) -> float:
        if self.state.mode is None:
            return 0.0
        allowed_mps = min(self._limits.max_speed_mps, self.state.top_speed_mps, speed_cap_mps(self.state.mode))
        return self._verdict.speed_fraction * allowed_mps

    def _standing(self, now_s: float) -> Standing:
        if self.state.phase is Phase.FAULT:
            # A fault switches the enable line off. A controller that holds its last pulse must hear neutral before.
            needs_line = self._holds and self._board.hears and not self._is_rest_said(now_s)
            return Standing.DRIVING if needs_line else Standing.FAULT
        return Standing.DRIVING if self.state.phase in (Phase.ARMED, Phase.STOPPING) else Standing.AT_REST

    def _say_neutral(self) -> None:
        """Zero throttle; the wheels stay as they are."""
        self._lease, self._applied = None, Action(self._applied.steering_angle_deg, 0.0)
        self._sent = Pulses(self._sent.steering_us, self._neutral_us)

    @property
    def _holds(self) -> bool:
        """Whether the speed controller is known to go on with its last pulse when it hears none."""
        return self._esc_profile.stops_without_pulses_s == "holds"

    def _is_rest_said(self, now_s: float) -> bool:
        """Whether a fault has had its neutral pulses; where silence would not stop the car, all of them in a row."""
        since_s = max(self.state.since_s, self._unheard_at_s) if self._holds else self.state.since_s
        return now_s - since_s >= states.STOP_HOLD_S

    def _write(self, now_s: float) -> None:
        state = self.state
        if state.phase is Phase.FAULT and self._is_rest_said(now_s):
            self._board.silence()
            return
        problem = self._board.write(self._sent, now_s, checks=state.phase is not Phase.FAULT)
        self._note_written(now_s)
        if problem is not None and state.phase is not Phase.FAULT:
            # Neutral is tried at once; the next turns go on trying.
            self.state = states.faulted(state, problem, now_s)
            self._say_neutral()
            self._board.write(self._sent, now_s, checks=False)
        if not self._board.hears:
            self._unheard_at_s = now_s

    def _note_written(self, now_s: float) -> None:
        self._written_at_s = now_s if self._clock is None else self._clock()
