"""One calibration: the wizard's pulses become leases every 20 ms, for as long as somebody is there.

No clock and no device of its own: the terminal and the tests give both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from calibration.profile import CalibrationProfile
from calibration.wizard.draft import Draft
from calibration.wizard.events import BatterySeen, Checked, Event, Interrupted, ScanSeen, TurnSeen, View
from calibration.wizard.machine import advance, begin, needs_pulses, needs_scans, show, wanted
from calibration.wizard.rules import LINK_ALIVE_S
from vehicle.actuator.lease import LONGEST_TTL_S, Driver, Lease, Pulses
from vehicle.actuator.state import Phase
from vehicle.actuator.status import ActuatorStatus
from vehicle.hardware.protocols import Scan

TURN_S = 0.020
BATTERY_EVERY_S = 2.0
SAME_US = 0.5  # neutrals closer than that are one: a step of the chip is 4.88 us


class CalibrationLink(Protocol):
    """An actuator that may be armed for calibration. LinkError when it is gone."""

    def arm(self) -> tuple[str | None, ActuatorStatus]:
        """Why it was refused, None when it was not; and what is so then."""
        ...

    def command(self, lease: Lease) -> ActuatorStatus:
        """Send a lease; what became of it."""
        ...

    def status(self) -> ActuatorStatus:
        """What is so now."""
        ...

    def battery_v(self) -> float | None:
        """What the battery's gauge says; None without one."""
        ...

    def close(self) -> None:
        """Stop, if armed, and hang up."""
        ...


class Actuators(Protocol):
    """Where an actuator comes from."""

    def open(self, profile: CalibrationProfile) -> CalibrationLink:
        """One whose neutral is the profile's, where that can be had; the one before is closed."""
        ...


class Checks(Protocol):
    """Somebody who looks the car over while nothing of it is moved. newest: what was found last."""

    newest: Checked

    def begin(self) -> None:
        """Look, unless that is being done."""
        ...

    def end(self) -> None:
        """From now on the car is ours."""
        ...


class CalibrationSession:
    """A wizard that moves a car. Call `turn` every 20 ms; say what the person does with `hear`."""

    def __init__(
        self,
        draft: Draft,
        actuators: Actuators,
        clock: Callable[[], float],
        *,
        keep: Callable[[Draft], None] = lambda draft: None,
        newest_scan: Callable[[], Scan | None] = lambda: None,
        checks: Checks | None = None,
    ) -> None:
        """keep: called with every new draft, so that a calibration can be gone on with."""
        self._actuators, self._clock, self._keep, self._newest_scan = actuators, clock, keep, newest_scan
        self._checks = checks
        self.state = begin(draft, clock())
        self.status: ActuatorStatus | None = None
        self.problem = ""
        self._link: CalibrationLink | None = None
        self._opened_for_us: float | None = None
        self._neutral_us = 0.0
        self._epoch: int | None = None
        self._sequence = 0
        self._silent_since_s: float | None = None
        self._scan_sequence: int | None = None
        self._battery_due_s = -math.inf

    def hear(self, event: Event) -> None:
        """What the person did, or that they are there."""
        before = self.state.draft
        self.state = advance(self.state, event, self._clock())
        if self.state.draft is not before:
            self._keep(self.state.draft)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the actuator has to say to a person, such as that the supply dips: a servo may push at its stop."""
        return () if self.status is None else self.status.warnings

    def view(self) -> View:
        """What to show now."""
        return show(self.state, self._clock())

    def turn(self) -> None:
        """Take in a scan, and renew the lease. LinkError when the actuator is gone."""
        self._look()
        if not needs_pulses(self.state):
            self.close()
            self._look_over()
            return
        if self._link is None and self._checks is not None:
            self._checks.end()
        hold = wanted(self.state, self._clock())
        if self._link is None or self._opened_for_us is None or abs(self._opened_for_us - hold.rest_us) > SAME_US:
            self._open(hold.rest_us)
        assert self._link is not None
        if self._epoch is None and not self._arm():
            return
        self._renew(self._link)
        self._ask_battery(self._link)

    def close(self) -> None:
        """The car comes to rest."""
        if self._link is not None:
            self._link.close()
        self._link = self._epoch = self._opened_for_us = self.status = None

    def _look_over(self) -> None:
        if self._checks is None or self.state.over:
            return
        self._checks.begin()
        found = self._checks.newest
        if (found.problems, found.warnings) != (self.state.problems, self.state.warnings):
            self.state = advance(self.state, found, self._clock())

    def _open(self, rest_us: float) -> None:
        self.close()
        self._link = self._actuators.open(self.state.draft.rest_profile())
        self._opened_for_us = rest_us

    def _arm(self) -> bool:
        """Whether the car is armed for us now. It is not while nobody is there."""
        assert self._link is not None
        self.status = self._link.status()
        if self.status.phase is Phase.FAULT:
            self.problem = f"The car has a fault: {self.status.reason}. Look after it, then begin again."
            return False
        if self.status.phase is not Phase.READY or self._clock() - self.state.alive_at_s > LINK_ALIVE_S:
            self.problem = "The car holds neutral before it can be moved." if self.status.phase is Phase.SAFE else ""
            return False
        # At rest the throttle is neutral as the actuator knows it: only that counts as let go.
        self._neutral_us = self.status.throttle_us
        problem, self.status = self._link.arm()
        self.problem = problem or ""
        self._epoch, self._sequence = (self.status.epoch, 0) if problem is None else (None, 0)
        return problem is None

    def _renew(self, link: CalibrationLink) -> None:
        """One lease. The throttle rests on when its control was last heard; the wheels on that somebody is there."""
        now_s = self._clock()
        hold = wanted(self.state, now_s)
        throttle_us = self._neutral_us if hold.throttle_us is None else hold.throttle_us
        self._sequence += 1
        assert self._epoch is not None
        pulses = Pulses(hold.steering_us, throttle_us, hold.silent)
        lease = Lease(self._epoch, Driver.MANUAL, self._sequence, now_s, LONGEST_TTL_S, pulses, hold.heard_at_s)
        self.status = link.command(lease)
        self._check_silence(hold.silent)
        if self.status.yaw_rate_rps is not None and needs_scans(self.state):
            turn = TurnSeen(now_s, math.degrees(self.status.yaw_rate_rps))
            self.state = advance(self.state, turn, now_s)
        if self.status.phase is not Phase.ARMED:
            self._epoch = None
            self.problem = f"The car stopped: {self.status.reason.rstrip('.')}."

    def _check_silence(self, is_asked: bool) -> None:
        """A single pulse in between, and nobody knows any more what the speed controller would have done without."""
        assert self.status is not None
        since_s, before_s = self.status.silent_since_s, self._silent_since_s
        self._silent_since_s = since_s
        if is_asked and (since_s is None or before_s not in (None, since_s)):
            reason = "The car did not keep silent all the time, so this tells nothing. Let go, and hold again."
            self.state = advance(self.state, Interrupted(reason), self._clock())

    def _ask_battery(self, link: CalibrationLink) -> None:
        now_s = self._clock()
        if now_s < self._battery_due_s:
            return
        self._battery_due_s = now_s + BATTERY_EVERY_S
        voltage_v = link.battery_v()
        if voltage_v is not None:
            self.state = advance(self.state, BatterySeen(voltage_v), now_s)

    def _look(self) -> None:
        if not needs_scans(self.state):
            return
        scan = self._newest_scan()
        if scan is None or scan.sequence == self._scan_sequence:
            return
        self._scan_sequence = scan.sequence
        self.state = advance(
            self.state, ScanSeen(_straight_ahead_at_s(scan), scan.angles_deg, scan.ranges_m), self._clock()
        )


def _straight_ahead_at_s(scan: Scan) -> float:
    """When the LiDAR looked straight ahead: the walls of a drive are seen there."""
    if not len(scan.angles_deg):
        return scan.ended_at_s
    off_deg = abs((scan.angles_deg + 180.0) % 360.0 - 180.0)
    share = float(off_deg.argmin()) / max(len(off_deg) - 1, 1)
    return scan.started_at_s + share * (scan.ended_at_s - scan.started_at_s)
