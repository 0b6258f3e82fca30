"""How the actuator stands: what it tells everybody who asks, drive, console and log."""

from __future__ import annotations

from dataclasses import dataclass

from calibration.profile import StopsWithoutPulses
from shared.actions import Action
from vehicle.actuator.lease import Driver
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase


@dataclass(frozen=True, slots=True)
class ActuatorStatus:
    """One moment of it.

    applied: the action that really reached the pulses, after every limit: the one to log. While calibrating
    there is no action, and the pulses tell. refused: why the newest command did not count; empty when it did.
    turns: completed turns. mode, top_speed_mps: what the car is armed for.
    guard: why nobody guards this car, else empty. warnings: what a person should know, sentences.
    safety_level: what bounds a stop when this computer dies too; see safety_level.py.
    written_at_s: when the pulses were last written to the board's registers.
    yaw_rate_rps: how fast the car turns, left positive, as an IMU says; None where none does.
    silent_since_s: since when the throttle has no pulse at all, while calibrating; throttle_us is what follows.
    stops_without_pulses_s: what the speed controller does when its pulses stop, as the calibration says.
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
    mode: Mode | None = None
    top_speed_mps: float = 0.0
    guard: str = ""
    warnings: tuple[str, ...] = ()
    safety_level: str = ""
    written_at_s: float = 0.0
    yaw_rate_rps: float | None = None
    silent_since_s: float | None = None
    stops_without_pulses_s: StopsWithoutPulses = None
